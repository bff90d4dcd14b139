"""Recording commands from JSON or JSON Lines, in the very schema of the API."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .output import Exit, fail, show, show_json
from .session import guarded, ledger, until_shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..wiring import Parts

__all__ = ["register"]

_FILE_BYTES_MAX: Final = 64 * 1024 * 1024
_CONFLICTS: Final = frozenset({409, 412})

Line = tuple[int, bytes]
"""A command and where it stands: its line, or its place in a JSON array; from 1."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("record")(record)


def record(
    file: Annotated[str, typer.Argument(help="A file with JSON or JSON Lines, or - for stdin.")],
    key: Annotated[
        str | None,
        typer.Option(help="Idempotency key; with several commands each gets key/1, key/2 …"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be recorded; record nothing.")
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="A JSON object a command.")] = False,
) -> None:
    """Record commands, one after the other: {"command": "impose-penalty", "subject": …, …}.

    Each is done or refused by itself. Exit code 3 if any was refused; 5 if the only one was, by a
    conflict with what is recorded.
    """
    from ledger.requests import TooContended

    lines = _lines(_read(file))
    refused: list[dict[str, Any]] = []
    with guarded(TooContended), ledger() as parts:
        if dry_run:
            until_shown(parts)  # a preview compares with what is shown
        for answer in _answers(parts, lines, key, dry_run=dry_run):
            show_json(answer) if json_output else show(_sentence(answer))
            if answer["status"] == "refused":
                refused.append(answer)
        if not dry_run:
            codes = Counter(answer["problem"]["code"] for answer in refused)
            parts.count_refused("record", codes)
            until_shown(parts)
    if refused:
        raise typer.Exit(_exit_code(refused, len(lines)))


def _answers(
    parts: Parts, lines: Sequence[Line], key: str | None, *, dry_run: bool
) -> Iterator[dict[str, Any]]:
    """Do the commands; what became of each, with its line."""
    from ..recording import preview_command, record_commands

    keyed = [(body, _key(key, number, len(lines))) for number, body in lines]
    answers: Iterable[dict[str, Any]] = (
        (preview_command(parts, *one) for one in keyed)
        if dry_run
        else record_commands(parts, keyed)
    )
    for (number, _), answer in zip(lines, answers, strict=True):
        yield {"line": number, **answer}


def _read(file: str) -> bytes:
    if file == "-":
        text = sys.stdin.buffer.read(_FILE_BYTES_MAX + 1)
    else:
        try:
            with Path(file).open("rb") as opened:
                text = opened.read(_FILE_BYTES_MAX + 1)
        except OSError as error:
            fail(f"{file} cannot be read: {error.strerror}", Exit.USAGE)
    if len(text) > _FILE_BYTES_MAX:
        fail(f"the file is larger than {_FILE_BYTES_MAX} bytes; cut it into pieces", Exit.USAGE)
    return text


def _lines(text: bytes) -> list[Line]:
    """The commands of a text: one JSON object, an array of them, or one a line.

    Blank lines are passed over. What stands in an object is not looked at here: its own reader says
    what is wrong with it.
    """
    if not text.strip():
        fail("there is no command in the file", Exit.USAGE)
    whole = _as_one(text)
    if whole is not None:
        return whole
    lines = [(n, line) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if any(line.strip()[:1] == b"{" and line.strip()[-1:] == b"}" for _, line in lines):
        return lines
    return [(1, text)]  # one object over several lines, and broken


def _as_one(text: bytes) -> list[Line] | None:
    """The commands of a text that is one JSON value; null where it is not."""
    import msgspec

    try:
        value = msgspec.json.decode(text, type=msgspec.Raw)
        if bytes(value).lstrip()[:1] != b"[":
            return [(1, text)]
        items = msgspec.json.decode(value, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not items:
        fail("there is no command in the file", Exit.USAGE)
    return [(number, bytes(item)) for number, item in enumerate(items, start=1)]


def _key(key: str | None, number: int, count: int) -> str | None:
    return key if key is None or count == 1 else f"{key}/{number}"


def _exit_code(refused: Sequence[dict[str, Any]], count: int) -> Exit:
    """Of one command its own kind of refusal; of many, that some were refused."""
    if count == 1 and refused[0]["problem"]["status"] in _CONFLICTS:
        return Exit.CONFLICT
    return Exit.REJECTED


def _sentence(answer: dict[str, Any]) -> str:
    if answer["status"] == "refused":
        problem = answer["problem"]
        return f"line {answer['line']}: refused ({problem['code']}): {problem['detail']}"
    events = ", ".join(event["type"] for event in answer["events"]) or "nothing to do"
    where = f" at position {answer['position']}" if answer["status"] == "recorded" else ""
    said = f"line {answer['line']}: {answer['status']}{where}: {events}, {answer['subject']}"
    warned = ", ".join(f"{one['pointer']} {one['code']}" for one in answer["warnings"])
    return f"{said}  ! {warned}" if warned else said
