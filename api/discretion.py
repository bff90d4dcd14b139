"""What of a request may stand in a log: words that this program knows, and opaque ids of subjects.

Whatever else was sent may be somebody's name or number, in a path as well as in the name of a
field, and is left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Final, get_args, get_type_hints

from ledger.commands import COMMAND_NAMES

__all__ = ["NOTE", "Note", "path_shown", "pointer_shown", "subject_in"]

NOTE: Final = "credit_ledger.note"
"""Where a scope has the note of its request."""

_HIDDEN: Final = "…"
_SUBJECT: Final = re.compile(r"s-[a-z0-9]{26}")
_INDEX: Final = re.compile(r"[0-9]{1,6}")
_WORDS: Final = frozenset(
    {
        "",
        "commands",
        "docs",
        "editions",
        "explanation",
        "grade",
        "grades",
        "health",
        "listings",
        "lists",
        "livez",
        "measures",
        "metrics",
        "openapi.json",
        "problems",
        "readyz",
        "rulebooks",
        "schemas",
        "standing",
        "static",
        "subjects",
        "timeline",
        "v1",
        *COMMAND_NAMES,
    }
)
"""What stands in the paths of routes; a test holds it against them."""
_PARAMETERS: Final = frozenset(
    {
        "accept",
        "accept-language",
        "after",
        "as_of",
        "code",
        "command",
        "content-type",
        "dry_run",
        "edition",
        "event",
        "grade",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "key",
        "known_at",
        "ledger-min-position",
        "limit",
        "list_id",
        "major",
        "name",
        "prefer",
        "regime",
        "rulebook",
        "subject",
    }
)
"""What parameters and headers are called, in lower case; as above."""


@dataclass(slots=True)
class Note:
    """What the layers behind leave for the line of a request: the code of its problem."""

    problem: str | None = None


def path_shown(path: str) -> str:
    """A path as a log may have it."""
    return "/".join(
        part if part in _WORDS or _SUBJECT.fullmatch(part) else _HIDDEN for part in path.split("/")
    )


def pointer_shown(pointer: str) -> str:
    """A JSON pointer as a log may have it: names of fields that there are, and numbers of items."""
    return "/".join(
        part if part.lower() in _names() or _INDEX.fullmatch(part) else _HIDDEN
        for part in pointer.split("/")
    )


def subject_in(path: str) -> str | None:
    """The subject that a path names by its id."""
    return next((part for part in path.split("/") if _SUBJECT.fullmatch(part)), None)


@cache
def _names() -> frozenset[str]:
    """The names of all fields that a command may have, and of all parameters."""
    named = {name for command in COMMAND_NAMES.values() for name in _fields(command)}
    return _PARAMETERS | named | {""}


def _fields(shape: Any) -> Iterator[str]:  # noqa: ANN401  # a type, or a form of one
    if isinstance(shape, type) and is_dataclass(shape):
        hints = get_type_hints(shape)
        for one in fields(shape):
            yield one.name
            yield from _fields(hints[one.name])
    for inner in get_args(shape):
        yield from _fields(inner)
