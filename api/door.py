"""The outermost layer of the API: what holds for every request and every answer, in plain ASGI."""

import re
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import send_problem
from .parts import Parts
from .problems import Problem

__all__ = ["Defects", "Door"]

_LOG: Final = structlog.get_logger("api")
_HAS_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-cache"),
)
_ODD_PATH: Final = re.compile(r"[\x00-\x1f\x7f\ufffd]|/\.\.?(?:/|$)")
"""Control characters, bytes that are no UTF-8 (the server puts U+FFFD), steps up the tree."""
_CLOSE: Final = (b"connection", b"close")


class Door:
    """Adds the headers of every answer, answers HEAD as GET, and turns odd paths away.

    A connection whose body nobody read is closed, so that it cannot go on for ever.
    """

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        """Stand in front of `app`."""
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = _Passage(self._parts, scope, receive, send)
        if scope["method"] == "HEAD":
            # The server knows from its own scope that no body is to be sent.
            scope = {**scope, "method": "GET"}
        if _ODD_PATH.search(scope["path"]):
            problem = Problem("malformed-path", "the path has parts that no address here has")
            await send_problem(scope, passage.send, problem, self._parts.follower.entered)
            return
        await self._app(scope, passage.receive, passage.send)


class Defects:
    """Turns a defect of the application behind it into a problem.

    It is logged with its trace, which is never shown.
    """

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        """Stand in front of `app`."""
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            _LOG.exception("a defect", method=scope["method"], route=_route(scope))
            if has_begun:
                raise
            problem = Problem("defect", "the service met a defect; its log has the trace")
            await send_problem(scope, send, problem, self._parts.follower.entered)


class _Passage:
    """One request on its way through the door."""

    __slots__ = ("_parts", "_receive", "_scope", "_send", "was_read")

    def __init__(self, parts: Parts, scope: Scope, receive: Receive, send: Send) -> None:
        self._parts = parts
        self._scope = scope
        self._receive = receive
        self._send = send
        self.was_read = False

    async def receive(self) -> Message:
        message = await self._receive()
        self.was_read = self.was_read or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message["headers"] = list(message["headers"])
            names = {name for name, _ in headers}
            headers.extend(one for one in _ALWAYS if one[0] not in names)
            if b"ledger-position" not in names:
                position = str(self._parts.follower.entered).encode("ascii")
                headers.append((b"ledger-position", position))
            if not self.was_read and b"connection" not in names and self._has_body():
                headers.append(_CLOSE)
        await self._send(message)

    def _has_body(self) -> bool:
        return any(name in _HAS_BODY and value != b"0" for name, value in self._scope["headers"])


def _route(scope: Scope) -> str:
    """The path as the routes have it: what was asked for may be a person's number."""
    return getattr(scope.get("route"), "path", "-")
