"""A TCP proxy that spoils what goes through it: late, slow, held back, swallowed, cut or reset.

It runs on an event loop in a thread of its own and stands between any client and any server.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

__all__ = ["PASS", "Cut", "Direction", "Proxy", "Treatment", "at_commit", "behind_commit", "link"]

Direction = Literal["up", "down"]
"""`up` to the server, `down` from it."""

_CHUNK: Final = 1 << 16
_CALL_S: Final = 10
_PAUSE_S: Final = 0.05
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER without waiting: closing the socket sends RST instead of FIN."""

Cut = Callable[[Direction, bytes], int | None]
"""Where to cut what travels; null: nowhere. What stands before the place still goes through."""


def behind_commit(direction: Direction, sent: bytes) -> int | None:
    """PostgreSQL has committed; its reply, and what stands before it, is lost on the way."""
    return 0 if direction == "down" and b"COMMIT\x00" in sent else None


def at_commit(direction: Direction, sent: bytes) -> int | None:
    """PostgreSQL never hears of the commit, nor of what travels with it."""
    return 0 if direction == "up" and b"COMMIT\x00" in sent else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """How bytes are treated from now on.

    `holds`: directions in which nothing goes through until that is over, as in a partition.
    `swallows`: directions in which bytes are lost for good, while the connection stands.
    """

    delay_s: float = 0
    bytes_per_s: float | None = None
    holds: frozenset[Direction] = frozenset()
    swallows: frozenset[Direction] = frozenset()
    refuses: bool = False


PASS: Final = Treatment()


class Proxy:
    """Listens on loopback, in front of one server."""

    def __init__(self, host: str, port: int) -> None:
        """Stand in front of the server at `host:port`, which need not be there yet."""
        self._server = host, port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._treatment = PASS
        self._cut: Cut | None = None
        self.cuts_left = 0
        self.cuts = 0
        self._loop = asyncio.new_event_loop()
        self._released = asyncio.Event()
        self._ends: set[asyncio.StreamWriter] = set()
        self._links: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> str:
        """Where clients connect to: `host:port`."""
        return f"127.0.0.1:{self.port}"

    def treat(self, treatment: Treatment) -> None:
        """Treat what travels so from now on, on connections that stand and on new ones."""
        self._call(partial(self._set, treatment))

    def heal(self) -> None:
        """Let everything pass, what was held back first."""
        self._cut, self.cuts_left = None, 0
        self.treat(PASS)

    def lead_to(self, dsn: str) -> None:
        """Stand in front of another PostgreSQL from now on; what stands to the former is broken."""
        server = urlsplit(dsn)
        assert server.hostname is not None, "an address names its host"
        assert server.port is not None, "and its port"
        self._server = server.hostname, server.port
        self.reset()

    def cut(self, where: Cut, times: int = 1) -> None:
        """Cut the line there, the next `times` times that it can be done."""
        self._cut, self.cuts_left = where, times

    def reset(self) -> None:
        """Break all connections that stand, as by a RST from the other end."""
        self._call(self._break_all)

    def close(self) -> None:
        """Break all connections and listen no more; a second time does nothing."""
        if self._loop.is_closed():
            return
        self._call(self._shut)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # On the loop ----------------------------------------------------------------------------------

    def _call(self, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do it on the loop; one that was closed treats nothing any more."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(what(), self._loop).result(_CALL_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._listening = self._loop.run_until_complete(
            asyncio.start_server(self._accept, sock=self._socket)
        )
        self._loop.run_forever()

    async def _set(self, treatment: Treatment) -> None:
        self._treatment = treatment
        self._released.set()
        self._released = asyncio.Event()

    async def _break_all(self) -> None:
        for end in self._ends:
            _break(end)

    async def _shut(self) -> None:
        self._listening.close()
        await self._set(PASS)  # whoever is held back goes on, to the end
        while self._links:
            await self._break_all()
            await asyncio.wait(set(self._links), timeout=_PAUSE_S)
        await asyncio.sleep(_PAUSE_S)  # broken connections are closed in the loop's next rounds

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "it runs in one"
        self._links.add(task)
        self._ends.add(writer)
        try:
            await self._join(reader, writer)
        finally:
            self._links.discard(task)
            self._ends.discard(writer)
            _break(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._treatment.refuses:
            return
        await self._free("up")  # a partition lets nobody connect
        try:
            there, back = await asyncio.open_connection(*self._server)
        except OSError:
            return
        self._ends.add(back)
        pumps = (
            asyncio.ensure_future(self._pump(reader, back, "up")),
            asyncio.ensure_future(self._pump(there, writer, "down")),
        )
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._ends.discard(back)
            _break(back)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, direction: Direction
    ) -> None:
        with suppress(OSError):
            while sent := await source.read(_CHUNK):
                place = self._place(direction, sent)
                await self._forward(sink, direction, sent if place is None else sent[:place])
                if place is not None:
                    return

    async def _forward(self, sink: asyncio.StreamWriter, direction: Direction, sent: bytes) -> None:
        treatment = self._treatment
        if treatment.delay_s:
            await asyncio.sleep(treatment.delay_s)
        if treatment.bytes_per_s is not None:
            await asyncio.sleep(len(sent) / treatment.bytes_per_s)
        await self._free(direction)
        if direction not in self._treatment.swallows:
            sink.write(sent)
            await sink.drain()

    async def _free(self, direction: Direction) -> None:
        """Return when nothing is held back in this direction."""
        while direction in self._treatment.holds:
            await self._released.wait()

    def _place(self, direction: Direction, sent: bytes) -> int | None:
        if self._cut is None or self.cuts_left == 0:
            return None
        place = self._cut(direction, sent)
        if place is not None:
            self.cuts_left -= 1
            self.cuts += 1
        return place


def _break(end: asyncio.StreamWriter) -> None:
    """Close a connection at once, by a RST."""
    with suppress(OSError):
        end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.transport.abort()


def link(dsn: str) -> tuple[Proxy, str]:
    """A proxy in front of the PostgreSQL at an address, and the address by way of it."""
    server = urlsplit(dsn)
    assert server.hostname is not None, "an address names its host"
    assert server.port is not None, "and its port"
    proxy = Proxy(server.hostname, server.port)
    who = server.netloc.rpartition("@")[0]
    return proxy, server._replace(netloc=f"{who}@{proxy.address}").geturl()
