"""How answers leave: JSON and problems as bytes over ASGI, with the headers that each one has."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope, Send

from .discretion import NOTE, Note, path_shown, pointer_shown
from .headers import prefers_chinese
from .problems import PROBLEM_MEDIA_TYPE, Good, Problem

__all__ = ["JsonAnswer", "audit", "problem_answer", "send_json", "send_problem", "to_json"]

_AUDIT: Final = structlog.get_logger("audit")
_JSON: Final = (b"content-type", b"application/json")

to_json: Final = msgspec.json.Encoder().encode
"""The JSON of a value made of dataclasses, mappings, days and decimals (which become strings)."""


class JsonAnswer(Response):
    """An answer whose body is encoded once, by the same encoder everywhere."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401  # any JSON value
        """The body."""
        return to_json(content)


async def send_json(
    send: Send, status: Good, headers: Iterable[tuple[bytes, bytes]], value: object
) -> None:
    """Answer with a value as JSON."""
    body = to_json(value)
    length = (b"content-length", str(len(body)).encode("ascii"))
    start = {
        "type": "http.response.start",
        "status": int(status),
        "headers": [_JSON, length, *headers],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def send_problem(scope: Scope, send: Send, problem: Problem, position: int) -> None:
    """Answer with a problem, and write its line of the audit log."""
    answer = problem_answer(scope, problem, position)
    start = {
        "type": "http.response.start",
        "status": answer.status_code,
        "headers": answer.raw_headers,
    }
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})


def problem_answer(scope: Scope, problem: Problem, position: int) -> Response:
    """The answer that says what the problem is; its line of the audit log is written here."""
    audit(scope, problem)
    language = "zh" if prefers_chinese(Headers(scope=scope).get("accept-language")) else "en"
    headers = {"Content-Language": language, "Ledger-Position": str(position), **problem.headers}
    return Response(
        problem.document(language),
        status_code=problem.type.status,
        headers=headers,
        media_type=PROBLEM_MEDIA_TYPE,
    )


def audit(scope: Scope, problem: Problem) -> None:
    """One line for a request that was refused; nothing in it is as somebody sent it."""
    client = scope.get("client")
    note: Note | None = scope.get(NOTE)
    if note is not None:
        note.problem = problem.code
    _AUDIT.info(
        "refused",
        method=scope["method"],
        path=path_shown(scope["path"]),
        client=client[0] if client else None,
        status=problem.type.status,
        code=problem.code,
        places=[pointer_shown(complaint.pointer) for complaint in problem.errors],
    )
