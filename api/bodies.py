"""Bodies of requests, read no further than they may be."""

from typing import Final

from starlette.types import Receive

from .headers import Wishes
from .problems import Problem
from .strict_json import BODY_BYTES_MAX, refuse_shape

__all__ = ["Disconnected", "read_json_body"]

_CLOSE: Final = {"Connection": "close"}


class Disconnected(Exception):
    """The client went away before its body was complete."""


async def read_json_body(wishes: Wishes, receive: Receive) -> bytes:
    """The bytes of a JSON body, at most 1 MiB of them.

    Raises:
        Problem: `unsupported-content`, `too-large` (the connection is closed then, whatever still
            comes), or `too-complex` for what shows so in its first MiB.
        Disconnected: the client went away.
    """
    _check_content(wishes)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body", False):
        return _bounded(body)
    chunks, size = [body], len(body)
    while message["type"] == "http.request" and message.get("more_body", False):
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > BODY_BYTES_MAX:
            break
    if message["type"] == "http.disconnect":
        raise Disconnected
    return _bounded(b"".join(chunks))


def _check_content(wishes: Wishes) -> None:
    if wishes.content_encoding not in {None, "", "identity"}:
        detail = f"the body comes as {wishes.content_encoding!a}; send it as it is"
        raise Problem("unsupported-content", detail, headers=_CLOSE)
    media_type, _, parameters = (wishes.content_type or "").partition(";")
    if media_type.strip().lower() != "application/json":
        detail = f"the body comes as {wishes.content_type!a}; send application/json"
        raise Problem("unsupported-content", detail, headers=_CLOSE)
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' "').lower() not in {"utf-8", "utf8"}:
            detail = f"the body comes in {value.strip()!a}; send UTF-8"
            raise Problem("unsupported-content", detail, headers=_CLOSE)


def _bounded(body: bytes) -> bytes:
    if len(body) <= BODY_BYTES_MAX:
        return body
    try:
        refuse_shape(body[:BODY_BYTES_MAX])
    except Problem as problem:
        problem.headers = _CLOSE
        raise
    detail = f"the body is larger than {BODY_BYTES_MAX} bytes"
    raise Problem("too-large", detail, headers=_CLOSE)
