"""JSON from outside, read once and strictly: what two readers could read differently is refused."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from .problems import Complaint, Problem

__all__ = ["BODY_BYTES_MAX", "load", "refuse_shape"]

BODY_BYTES_MAX: Final = 1024 * 1024
"""A body may have this many bytes; uploads of files have limits of their own."""
DEPTH_MAX: Final = 32
NAMES_MAX: Final = 10_000
"""Names (keys) and brackets that one document may have."""
INTEGER_MAX: Final = 2**53
"""Beyond it RFC 8785 cannot write an integer, so no reader needs to agree on it."""

_BOM: Final = b"\xef\xbb\xbf"
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_MARK: Final = re.compile(rb"[\[\]{}:]")
_WORTH_A_WALK: Final = re.compile(rb"\\u|[0-9]{16}")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_DIGITS_MAX: Final = 20


def load(body: bytes) -> Any:  # noqa: ANN401  # any JSON value
    """The value in a body.

    Raises:
        Problem: `malformed-json` for what is not UTF-8, not JSON, or says a name twice;
            `too-complex` for more than 32 levels or 10 000 names; `invalid` for NUL and integers
            beyond 2^53, each with its pointer.
    """
    if body.startswith(_BOM):
        raise _malformed("the body starts with a byte order mark; send UTF-8 without one")
    refuse_shape(body)
    try:
        value = _READ(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _malformed(f"byte {error.start + 1} of the body is not UTF-8") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _malformed(f"the body is not JSON: {error.msg} at {place}") from error
    if _WORTH_A_WALK.search(body):
        _refuse_texts_and_numbers(value)
    return value


def refuse_shape(body: bytes) -> None:
    """Refuse a document, or the beginning of one, that nests too deeply or has too many names.

    Raises:
        Problem: `too-complex`, before anything is parsed.
    """
    # Counting bytes costs nothing and can only count too many: most bodies end here.
    if body.count(b"{") + body.count(b"[") <= DEPTH_MAX and body.count(b":") <= NAMES_MAX:
        return
    depth = names = brackets = 0
    for match in _MARK.finditer(_STRING.sub(b"", body)):
        mark = match[0]
        if mark == b":":
            names += 1
        elif mark in b"[{":
            depth += 1
            brackets += 1
        else:
            depth -= 1
        if depth > DEPTH_MAX:
            raise Problem("too-complex", f"the body nests deeper than {DEPTH_MAX} levels")
        if names > NAMES_MAX or brackets > NAMES_MAX:
            raise Problem("too-complex", f"the body has more than {NAMES_MAX} names or values")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _malformed(f"the name {twice[:64]!a} stands twice in one object")
    return found


def _constant(word: str) -> Any:  # noqa: ANN401  # the signature that json asks for
    raise _malformed(f"{word} is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise _malformed(f"{text[:_DIGITS_MAX]} is beyond every number")
    return number


def _integer(text: str) -> int:
    # Python refuses to read thousands of digits; what is beyond the limit need not be exact.
    return int(text[:_DIGITS_MAX])


_READ: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
).decode
"""Made once: `json.loads` makes a decoder for each document."""


def _refuse_texts_and_numbers(value: object) -> None:
    complaints = tuple(_complaints(value, ""))
    if any(complaint.code == "lone-surrogate" for complaint in complaints):
        raise Problem("malformed-json", "a text holds half of a surrogate pair", errors=complaints)
    if complaints:
        raise Problem("invalid", complaints[0].detail, errors=complaints)


def _complaints(value: object, pointer: str) -> Iterator[Complaint]:
    match value:
        case dict():
            for name, inner in value.items():
                here = f"{pointer}/{pointer_part(name)}"
                yield from _complaints(name, here)
                yield from _complaints(inner, here)
        case list():
            for index, inner in enumerate(value):
                yield from _complaints(inner, f"{pointer}/{index}")
        case str():
            yield from _text_complaints(value, pointer)
        case int() if abs(value) > INTEGER_MAX:
            yield Complaint(pointer, "too-large", "no integer may be beyond 2^53")


def _text_complaints(text: str, pointer: str) -> Iterator[Complaint]:
    if _SURROGATE.search(text):
        place = pointer.encode("ascii", "replace").decode("ascii")
        yield Complaint(
            place, "lone-surrogate", "half of a surrogate pair; send the whole character"
        )
    if "\0" in text:
        yield Complaint(pointer, "nul", "U+0000 cannot stand in a text; take it out")


def pointer_part(name: str) -> str:
    """A name as part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _malformed(detail: str) -> Problem:
    return Problem("malformed-json", detail)
