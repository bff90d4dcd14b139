"""The outermost layer of the API: every request gets a trace, its line of the log, and is counted.

The trace is that of the request's `traceparent` (W3C Trace Context), or a new one; it stands in
every line of the log that this request causes in this process, and in the answer's `traceparent`.
"""

import asyncio
import re
import secrets
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .discretion import NOTE, Note, path_shown, subject_in
from .metrics import Metrics

__all__ = ["Traced", "trace_of"]

_LOG: Final = structlog.get_logger("api")
_HEADER: Final = b"traceparent"
_TRACEPARENT: Final = re.compile(
    rb"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-[0-9a-f]{2}"
    rb"(?P<more>-.*)?"
)
_COMMANDS: Final = "/v1/commands/"
_READS: Final = "/v1/"
_QUIET: Final = frozenset({"/livez", "/readyz", "/health", "/metrics"})
"""What is asked every few seconds by machines: a line for each would say nothing."""


class Traced:
    """Stands before everything else."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Trace and count the requests to `app`."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = trace_of(scope["headers"])
        answered = _Answered(send, trace)
        note = scope[NOTE] = Note()
        elapsed = asyncio.get_running_loop().time
        begun = elapsed()
        with structlog.contextvars.bound_contextvars(trace_id=trace):
            try:
                await self._app(scope, receive, answered.send)
            finally:
                self._tell(scope, note, answered, elapsed() - begun)

    def _tell(self, scope: Scope, note: Note, answered: "_Answered", seconds: float) -> None:
        path: str = scope["path"]
        is_command = path.startswith(_COMMANDS) and scope["method"] == "POST"
        kind = "command" if is_command else "read" if path.startswith(_READS) else "page"
        if answered.status:
            self._metrics.answered(kind, answered.status, seconds)
        if is_command and note.problem is not None:
            self._metrics.refused(note.problem)
        if is_command or note.problem is not None or path in _QUIET or kind == "page":
            return  # what became of a command, and of what was refused, stands in lines of its own
        _LOG.info(
            "answered",
            method=scope["method"],
            path=path_shown(path),
            status=answered.status,
            position=answered.position,
            milliseconds=round(seconds * 1_000, 1),
            subject=subject_in(path),
        )


class _Answered:
    """What was answered, as it went out."""

    __slots__ = ("_send", "_trace", "position", "status")

    def __init__(self, send: Send, trace: str) -> None:
        self._send = send
        self._trace = trace
        self.status = 0
        self.position: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"] = list(message["headers"])
            for name, value in headers:
                if name == b"ledger-position":
                    self.position = int(value)
            span = secrets.token_hex(8)
            headers.append((_HEADER, f"00-{self._trace}-{span}-01".encode("ascii")))
        await self._send(message)


def trace_of(headers: list[tuple[bytes, bytes]]) -> str:
    """The trace of a request, 32 hexadecimal digits: a new one where it has none that is valid."""
    given = [value for name, value in headers if name == _HEADER]
    match = _TRACEPARENT.fullmatch(given[0].strip()) if len(given) == 1 else None
    if match is None or not _is_valid(match):
        return secrets.token_hex(16)
    return match["trace"].decode("ascii")


def _is_valid(match: re.Match[bytes]) -> bool:
    """Version ff is none, version 00 has no more parts, and ids of zeros are none."""
    is_version = match["version"] != b"ff" and (match["version"] != b"00" or not match["more"])
    return is_version and b"" not in {match["trace"].strip(b"0"), match["parent"].strip(b"0")}
