"""A TCP proxy that cuts the line at a place of its own choosing, once or several times."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self
from urllib.parse import urlsplit

__all__ = ["CuttingProxy", "after_the_commit", "before_the_commit", "in_front_of_the_commit"]

_CHUNK: Final = 1 << 16

Cut = Callable[[str, bytes], int | None]
"""Where to cut what travels `"up"` to the server or `"down"` from it; null: nowhere.

The bytes before the place still go through, then both ends are closed.
"""


def after_the_commit(direction: str, sent: bytes) -> int | None:
    """The server has committed; its reply, and what stands before it, is lost on the way."""
    return 0 if direction == "down" and b"COMMIT\x00" in sent else None


def before_the_commit(direction: str, sent: bytes) -> int | None:
    """The server never hears of the commit, nor of what travels with it."""
    return 0 if direction == "up" and b"COMMIT\x00" in sent else None


def in_front_of_the_commit(direction: str, sent: bytes) -> int | None:
    """The server does all inserts, then the line is cut where the commit begins."""
    place = sent.find(b"COMMIT\x00") if direction == "up" else -1
    # A Parse message begins with its letter, four bytes of length and the name of the statement; a
    # simple query travels alone.
    return None if place < 0 else max(sent.rfind(b"P", 0, place), 0)


class CuttingProxy:
    """Stands in front of a server; each connection is two threads."""

    def __init__(self, dsn: str) -> None:
        self._server = urlsplit(dsn)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._cut: Cut | None = None
        self._cuts_left = 0
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    @property
    def dsn(self) -> str:
        """The server's address, by way of the proxy."""
        who = self._server.netloc.rpartition("@")[0]
        port = self._listener.getsockname()[1]
        return self._server._replace(netloc=f"{who}@127.0.0.1:{port}").geturl()

    def cut(self, where: Cut, times: int = 1) -> None:
        """Cut so, the next `times` times that it can be done."""
        with self._lock:
            self._cut, self._cuts_left = where, times

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(
                    (self._server.hostname or "127.0.0.1", self._server.port or 5432)
                )
            except OSError:
                client.close()
                continue
            for one, other, direction in ((client, server, "up"), (server, client, "down")):
                pump = threading.Thread(
                    target=self._pump, args=(one, other, direction), daemon=True
                )
                pump.start()

    def _pump(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        with suppress(OSError):
            while sent := source.recv(_CHUNK):
                place = self._place(direction, sent)
                sink.sendall(sent if place is None else sent[:place])
                if place is not None:
                    break
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _place(self, direction: str, sent: bytes) -> int | None:
        with self._lock:
            if self._cut is None or self._cuts_left == 0:
                return None
            place = self._cut(direction, sent)
            if place is not None:
                self._cuts_left -= 1
                self.cuts += 1
            return place
