"""What every projection stands on: records, whom they concern, and rows that live in two times.

A record changes the rows of its keys, at its own position. Rows differ by event, never by batch:
the record at position p closes exactly the rows that differ from what is known after p, and opens
the new ones with `known_from = p`; equal rows stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from ledger.courses.alike import common_end, common_start
from ledger.courses.facts import Facts
from ledger.events import Event, FindingCorrected, RulebookEditionPublished
from ledger.identifiers import SubjectId, is_subject_id
from ledger.values import EventId

from .tables import Row

__all__ = [
    "NOTHING_OPEN",
    "Change",
    "Difference",
    "Due",
    "Everyone",
    "Keys",
    "Open",
    "Recorded",
    "difference",
    "effective_on",
    "keys",
    "spliced",
]


class Recorded(NamedTuple):
    """One accepted record.

    `stream` is what it belongs to, `version` its number there; `major` the version of the schema
    of `data`, its canonical JSON.
    """

    position: int
    event_id: EventId
    type: str
    major: int
    stream: str
    version: int
    recorded_at: datetime
    actor: str
    data: bytes
    event: Event


@dataclass(frozen=True, slots=True)
class Everyone:
    """The record concerns all subjects: they are swept at its position."""


@dataclass(frozen=True, slots=True)
class Due:
    """The record opens a day, and concerns whoever has a boundary on it. No event does so yet."""

    day: date


Keys = tuple[SubjectId, ...] | Everyone | Due


def keys(recorded: Recorded) -> Keys:
    """Whom the record concerns; nobody is an empty tuple."""
    if isinstance(recorded.event, RulebookEditionPublished):
        return Everyone()
    return (SubjectId(recorded.stream),) if is_subject_id(recorded.stream) else ()


def effective_on(event: Event) -> date | None:
    """The day from which an event counts; of a correction, that of the finding as it should be."""
    if isinstance(event, FindingCorrected):
        finding = event.determination or event.penalty or event.conviction
        return None if finding is None else finding.effective_on
    found: date | None = getattr(event, "effective_on", None)
    return found


class Open(NamedTuple):
    """The rows of one group that are known now, each with the position from which it is known."""

    rows: tuple[Row, ...]
    known_from: tuple[int, ...]


NOTHING_OPEN = Open((), ())


@dataclass(frozen=True, slots=True)
class Change:
    """The findings and listings that a record changed: as they `was` before it, as they are `now`.

    Who the subject is has not changed, as far as any regime asks for it.
    """

    was: Facts
    now: Facts


class Difference(NamedTuple):
    """What a record did to the rows of a group.

    `closed` holds each row that went, with its `known_from`, `opened` each that came; `gone` and
    `come` are the two stretches of the group between the rows that it left alone at both ends.
    """

    open: Open
    closed: tuple[tuple[Row, int], ...] = ()
    opened: tuple[Row, ...] = ()
    gone: tuple[Row, ...] = ()
    come: tuple[Row, ...] = ()


def difference(before: Open, rows: tuple[Row, ...], position: int) -> Difference:
    """The rows after a record, against those before it.

    A row that stands in both keeps its `known_from`, wherever it stands.
    """
    old = before.rows
    if rows is old:
        return Difference(before)
    first = common_start(old, rows)
    last = common_end(old, rows, min(len(old), len(rows)) - first)
    end = len(old) - last
    return spliced(before, first, end, rows[first : len(rows) - last], position)


def spliced(before: Open, begin: int, end: int, come: Sequence[Row], position: int) -> Difference:
    """As `difference`, where the rows from `begin` to before `end` become these, and no others."""
    old, known = before
    first, last = 0, len(come)
    while begin < end and first < last and old[begin] == come[first]:
        begin, first = begin + 1, first + 1
    while begin < end and first < last and old[end - 1] == come[last - 1]:
        end, last = end - 1, last - 1
    if begin == end and first == last:
        return Difference(before)
    gone, come = old[begin:end], tuple(come[first:last])
    if not gone:
        since = (position,) * len(come)
        after = Open((*old[:begin], *come, *old[end:]), (*known[:begin], *since, *known[end:]))
        return Difference(after, (), come, (), come)
    left = dict(zip(gone, known[begin:end], strict=True))
    opened = tuple([row for row in come if row not in left])
    since = tuple([left.pop(row, position) for row in come])
    after = Open((*old[:begin], *come, *old[end:]), (*known[:begin], *since, *known[end:]))
    return Difference(after, tuple(left.items()), opened, gone, come)
