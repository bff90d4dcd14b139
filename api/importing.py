"""Importing a file: read through once, then row by row recorded, in batches, and reported.

A row is done as a whole or not at all, and never touches another. Nothing remembers that a file was
imported: what a row says is on record or is not, so whatever ends an import early, sending the file
again adds just what is missing.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Final

from ledger.commands import Command
from ledger.refusals import AlreadyAnnulled, DiffersFromRecorded, Refused
from ledger.requests import Outcome, Preview, Recorded, Request, TooContended, Unchanged
from ledger.values import EventId

from .importers import (
    Columns,
    FileKind,
    Layout,
    ListDefaults,
    NamedList,
    Planned,
    Problem,
    Reader,
    Rejected,
    Report,
    Tally,
    columns_of,
    examine_file,
    file_kind,
    list_of_file,
    problem_of,
    rows_of,
)
from .progress import Advance
from .rejects import RejectsFile

__all__ = ["Examined", "Recording", "carry_out", "defaults_of", "examine"]

BATCH: Final = 500
"""Rows that share a transaction."""

Outcomes = Sequence[Outcome | Preview | TooContended]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A file that is a whole table, and what it is about."""

    path: Path
    layout: Layout
    columns: Columns
    kind: FileKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """How rows are recorded, or rehearsed.

    `record` takes requests in order and answers each; it is called from a thread of the import, one
    batch after the other. `command_hash` is that of the ledger.
    """

    record: Callable[[Sequence[Request]], Outcomes]
    command_hash: Callable[[str | None, tuple[Command, ...]], str]
    is_rehearsal: bool = False


def examine(path: Path, kind: FileKind | None = None) -> Examined:
    """Read a file through; `kind` says what it is about, else its titles do.

    Raises:
        FileRefused: it is no whole table; the error says where.
        OSError: it cannot be read.
    """
    layout = examine_file(path)
    columns = columns_of(layout.titles)
    return Examined(path=path, layout=layout, columns=columns, kind=kind or file_kind(columns))


def defaults_of(
    examined: Examined, *, today: date, named: NamedList | None = None, on: date | None = None
) -> ListDefaults:
    """What holds for the rows of a list that do not say it themselves.

    Args:
        examined: the file.
        today: the day of import; undated rows are listed from it.
        named: the list of rows that name none; null takes one that the file itself stands for.
        on: the put-on day of rows that have none.
    """
    of_file = list_of_file(examined.layout.digest)
    return ListDefaults(named=named, of_file=of_file, on=on, today=today)


def carry_out(
    examined: Examined,
    recording: Recording,
    *,
    defaults: ListDefaults,
    rejects: Path | None,
    advance: Advance,
) -> Report:
    """Record what the rows ask for, one after the other; a second time it adds nothing.

    Args:
        examined: the file.
        recording: how rows are recorded.
        defaults: what holds for the rows of a list that do not say it themselves.
        rejects: where rejected rows go; null keeps them nowhere.
        advance: told how many rows are done.

    Raises:
        NoPlaceForRejects: the rejected rows cannot be kept; nothing was recorded.
        What `record` raises, where the ledger cannot be written; what was recorded stays.
    """
    tally = Tally()
    with (
        nullcontext() if rejects is None else RejectsFile(rejects, examined.columns) as file,
        ThreadPoolExecutor(max_workers=1) as recorder,
    ):
        rows = _planned(examined, defaults)
        for batch, outcomes in _recorded(rows, recording, recorder):
            for rejected in _settle(batch, outcomes, examined.columns, tally):
                if file is not None:
                    file.add(rejected)
            advance(tally.rows)
        if file is not None:
            file.flush()
    return Report(
        kind=examined.kind,
        file=examined.layout.digest,
        dry_run=recording.is_rehearsal,
        rows=tally.rows,
        accepted=tally.accepted,
        duplicates=tally.duplicates,
        rejected=tally.rejected,
        events=tally.events,
        rejects_file=None if rejects is None or not tally.rejected else str(rejects),
        problems=tuple(tally.problems),
        warnings=tuple(tally.warnings),
        left_out=tally.left_out,
        reasons=dict(tally.reasons),
    )


Batch = list[Planned | Rejected]


def _planned(examined: Examined, defaults: ListDefaults) -> Iterator[Planned | Rejected]:
    reader = Reader(
        kind=examined.kind,
        layout=examined.layout,
        columns=examined.columns,
        defaults=defaults,
    )
    for number, cells in rows_of(examined.path, examined.layout):
        yield reader.plan(number, cells)


def _recorded(
    rows: Iterator[Planned | Rejected], recording: Recording, recorder: ThreadPoolExecutor
) -> Iterator[tuple[Batch, Outcomes]]:
    """Each batch with what became of its rows; the next is planned while one is recorded."""
    waiting: tuple[Batch, Future[Outcomes]] | None = None
    while batch := list(islice(rows, BATCH)):
        requests = [
            Request(commands=one.commands, command_hash=recording.command_hash(None, one.commands))
            for one in batch
            if isinstance(one, Planned)
        ]
        if waiting is not None:
            yield waiting[0], waiting[1].result()
        waiting = batch, recorder.submit(recording.record, requests)
    if waiting is not None:
        yield waiting[0], waiting[1].result()


def _settle(batch: Batch, outcomes: Outcomes, columns: Columns, tally: Tally) -> Iterator[Rejected]:
    """Count each row of a batch; give those that are rejected, in the order of the file."""
    answers = iter(outcomes)
    for row in batch:
        rejected = row if isinstance(row, Rejected) else None
        if isinstance(row, Planned):
            match next(answers):
                case Recorded(events=events) | Preview(events=events):
                    tally.take(row, len(events))
                case Unchanged():
                    tally.take(row, 0)
                case Refused() as refusal:
                    position = _position(refusal, outcomes)
                    said = problem_of(refusal, columns, row.row, row.sent, position)
                    rejected = row.rejected(said)
                case TooContended():
                    rejected = row.rejected(_contended(row))
        if rejected is not None:
            tally.reject(rejected)
            yield rejected


def _contended(row: Planned) -> Problem:
    message = "others kept recording on the same subject; import the row again"
    return Problem(
        row=row.row, column=None, cell=None, value=None, code="too-contended", message=message
    )


def _position(refusal: Refused, outcomes: Outcomes) -> int | None:
    """Where the record stands that a refusal speaks of, be it one of the same batch."""
    if not isinstance(refusal, DiffersFromRecorded | AlreadyAnnulled):
        return None
    return refusal.position or _position_of(refusal.fact, outcomes)


def _position_of(fact: EventId, outcomes: Outcomes) -> int | None:
    for outcome in outcomes:
        if isinstance(outcome, Recorded):
            for position, (event, _) in enumerate(outcome.events, start=outcome.first):
                if event == fact:
                    return position
    return None
