"""The sample that a first run records: invented from beginning to end, with codes of no real body.

An enterprise, among others, comes from a penalty file through the importer; an agency from
commands. What is recorded once is not recorded again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ledger.commands import Command, ImposePenalty, MakeDetermination, RegisterSubject
from ledger.requests import Recorded, Request

from ..headers import key_hash
from ..importers import Planned, Reader, rows_of
from ..importing import Examined, Recording, carry_out, defaults_of, examine
from ..schemas import Asked, parse_command

if TYPE_CHECKING:
    from ..wiring import Parts

__all__ = ["Sampled", "agency", "enterprise", "newest_fact", "record"]

_KEY: Final = "sample"
_BEFORE: Final = date(2026, 11, 1)
"""All facts of the sample lie before this day; the importer asks which day it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What was recorded: rows of the file and commands, and the events that they came to."""

    rows: int
    events: int


def record(parts: "Parts") -> Sampled | None:
    """Record the sample; null where it was recorded before.

    Its commands have keys of their own, and the last one is recorded last: its key tells.

    Raises:
        RuntimeError: a part of the sample was refused, which would be a defect of it.
    """
    commands = _commands()
    keys = [key_hash(f"{_KEY}/{number}") for number in range(1, len(commands) + 1)]
    if parts.statuses.of_key(keys[-1]) is not None:
        return None
    examined = _penalties()
    recording = Recording(record=parts.writer.record, command_hash=parts.command_hash)
    defaults = defaults_of(examined, today=_BEFORE)
    report = carry_out(
        examined, recording, defaults=defaults, rejects=None, advance=lambda _done: None
    )
    if report.rejected:
        raise RuntimeError(f"the sample was refused: {report.problems[0].message}")
    events = report.events
    for asked, key in zip(commands, keys, strict=True):
        request = Request(
            commands=(asked.command,),
            command_hash=parts.command_hash(asked.subject_text, (asked.command,)),
            key_hash=key,
            subject=asked.subject,
        )
        (outcome,) = parts.writer.record([request])
        match outcome:
            case Recorded():
                events += len(outcome.events)
            case _:
                raise RuntimeError(f"the sample was refused: {asked.name}: {outcome}")
    return Sampled(rows=report.rows + len(commands), events=events)


@cache
def newest_fact() -> date:
    """The day of the newest decision in the sample."""
    decided = (
        command.decided_on
        for command in _all_commands()
        if isinstance(command, ImposePenalty | MakeDetermination)
    )
    return max(decided)


@cache
def enterprise() -> str:
    """The code of the file's first enterprise."""
    return _first_code(_rows())


@cache
def agency() -> str:
    """The code of the agency."""
    return _first_code(asked.command for asked in _commands())


def _first_code(commands: Iterator[Command]) -> str:
    registered = next(command for command in commands if isinstance(command, RegisterSubject))
    return registered.identifiers[0].value


def _all_commands() -> Iterator[Command]:
    yield from _rows()
    yield from (asked.command for asked in _commands())


def _penalties() -> Examined:
    return examine(Path(str(files(__package__).joinpath("penalties.csv"))))


def _rows() -> Iterator[Command]:
    """The commands that the rows of the file ask for."""
    examined = _penalties()
    reader = Reader(
        kind=examined.kind,
        layout=examined.layout,
        columns=examined.columns,
        defaults=defaults_of(examined, today=_BEFORE),
    )
    for number, cells in rows_of(examined.path, examined.layout):
        planned = reader.plan(number, cells)
        if isinstance(planned, Planned):
            yield from planned.commands


def _commands() -> list[Asked]:
    text = files(__package__).joinpath("agency.jsonl").read_bytes()
    return [parse_command(None, line) for line in text.splitlines()]
