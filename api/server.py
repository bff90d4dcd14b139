"""The HTTP server in a thread of its own, on a socket that was bound before anything else began."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, Self

import uvicorn

from .app import create_app
from .garbage import settle as settle_garbage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .parts import Parts

__all__ = ["PortTaken", "Server", "listener", "url_of"]

_LOOPBACK: Final = ip_address("127.0.0.1")
_BACKLOG: Final = 1_024
_START_S: Final = 30
_POLL_S: Final = 0.01


class PortTaken(RuntimeError):
    """Another program listens on the port."""


@contextmanager
def listener(listen: IPv4Address | IPv6Address | None, port: int) -> Iterator[socket.socket]:
    """A socket that listens: on loopback, unless the image's entry point says where (`listen`).

    Port 0 takes a free one.

    Raises:
        PortTaken: another program listens there.
    """
    address = listen or _LOOPBACK
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004  # IPv6
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((str(address), port))
        except OSError as error:
            raise PortTaken(
                f"port {port} of {address} cannot be had ({error.strerror}): "
                "choose another by PORT=, or PORT=0 for a free one"
            ) from error
        listening.listen(_BACKLOG)
        yield listening


def url_of(listening: socket.socket) -> str:
    """Where a service on this socket can be reached from this machine."""
    host, port = listening.getsockname()[:2]
    return f"http://{host}:{port}"


class Server:
    """Serves the API of these parts while it is entered."""

    def __init__(self, parts: Parts, listening: socket.socket) -> None:
        """Serve on a socket that listens."""
        self._listening = listening
        config = uvicorn.Config(
            create_app(parts),
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="http", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it can be reached from this machine."""
        return url_of(self._listening)

    @property
    def is_running(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        """Begin to serve; returns when requests are answered."""
        settle_garbage()
        self._thread.start()
        deadline = threading.Event()
        for _ in range(int(_START_S / _POLL_S)):
            if self._server.started or not self._thread.is_alive():
                break
            deadline.wait(_POLL_S)
        if not self._server.started:
            raise RuntimeError("the API did not start; its log says why")
        return self

    def __exit__(self, *_: object) -> None:
        """Finish what is being answered, then stop."""
        self._server.should_exit = True
        self._thread.join()
