"""What is known of a subject, and the step from one record to the next: the fold of all views."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from ledger.courses.facts import NOTHING_KNOWN, Facts, evolve, facts_of
from ledger.courses.listing import listings_of
from ledger.events import Event, ListingEnded
from ledger.values import EventId, RegimeId

from . import editions, grades, listings, measures, standing, subjects, timeline
from .days import DAYS
from .fold import NOTHING_OPEN, Before, Difference, Open, Recorded, difference
from .ground import Ground
from .tables import Row, Table, TwoTimeTable

__all__ = [
    "ADDED",
    "SCHEMAS",
    "TWO_TIMES",
    "UNKNOWN",
    "Closed",
    "Step",
    "SubjectState",
    "advance",
    "restored",
    "swept",
]

SCHEMAS: Final = (
    "subjects",
    "timeline",
    "standing",
    "grades",
    "measures",
    "listings",
    "editions",
    "days",
)
"""The files of SQL that make the tables, one a view."""
ADDED: Final = (
    subjects.SUBJECTS,
    subjects.NAMES,
    subjects.IDENTIFIERS,
    timeline.EVENTS,
    timeline.CHANGES,
    editions.EDITIONS,
    DAYS,
)
"""The tables to which rows are only added (of `day`, the last row moves on)."""
TWO_TIMES: Final = (standing.TABLE, grades.TABLE, measures.TABLE, listings.TABLE)

_ORDERS: Final[Mapping[TwoTimeTable, Callable[[Row], tuple[Any, ...]]]] = {
    standing.TABLE: standing.order,
    grades.TABLE: grades.order,
    measures.TABLE: measures.order,
    listings.TABLE: listings.order,
}
_NOTHING: Final[Mapping[RegimeId, Open]] = MappingProxyType({})
_NOBODY: Final[Mapping[int, EventId]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SubjectState:
    """The facts about a subject, and its rows that are known now.

    `ended_by` names the events that ended listings, by position.
    """

    facts: Facts = NOTHING_KNOWN
    ended_by: Mapping[int, EventId] = field(default_factory=lambda: _NOBODY)
    grades: Mapping[RegimeId, Open] = field(default_factory=lambda: _NOTHING)
    standing: Open = NOTHING_OPEN
    measures: Open = NOTHING_OPEN
    listings: Open = NOTHING_OPEN

    def open(self) -> Iterable[tuple[TwoTimeTable, Open]]:
        """All rows that are known now, by table."""
        yield standing.TABLE, self.standing
        for course in self.grades.values():
            yield grades.TABLE, course
        yield measures.TABLE, self.measures
        yield listings.TABLE, self.listings


UNKNOWN: Final = SubjectState()

Closed = tuple[TwoTimeTable, tuple[tuple[Row, int], ...]]
"""Rows of a table that are known no longer, each with the position from which it was known."""
Opened = tuple[TwoTimeTable, tuple[Row, ...]]
"""Rows of a table that are known from a record on."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a record did: the state behind it, the rows that it added, closed and opened."""

    state: SubjectState
    added: tuple[tuple[Table, Row], ...]
    closed: tuple[Closed, ...]
    opened: tuple[Opened, ...]


@dataclass(slots=True)
class _Rows:
    """The differences of all groups of rows."""

    grades: dict[RegimeId, Difference] = field(default_factory=dict)
    closed: list[Closed] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)

    def take(self, table: TwoTimeTable, found: Difference) -> Open:
        if found.closed:
            self.closed.append((table, found.closed))
        if found.opened:
            self.opened.append((table, found.opened))
        return found.open


def advance(state: SubjectState, recorded: Recorded, ground: Ground) -> Step:
    """The step that a record of the subject's own stream makes."""
    before = state.facts
    facts = evolve(before, recorded.event, recorded.position)
    ended_by = state.ended_by
    if isinstance(recorded.event, ListingEnded):
        ended_by = {**ended_by, recorded.position: recorded.event_id}
    after = SubjectState(
        facts, ended_by, state.grades, state.standing, state.measures, state.listings
    )
    if _is_same_ground(before, facts):
        rows = _Rows(grades={regime: Difference(course) for regime, course in state.grades.items()})
    else:
        known = grades.Before(subject=recorded.stream, facts=before, courses=state.grades)
        after, rows = _recomputed(after, ground, recorded.position, known)
    added = (
        *subjects.rows(recorded, before),
        (timeline.EVENTS, timeline.event_row(recorded)),
        *(
            (
                timeline.CHANGES,
                timeline.change_row(
                    recorded, regime, state.grades.get(regime, NOTHING_OPEN), found
                ),
            )
            for regime, found in rows.grades.items()
        ),
    )
    return Step(after, added, tuple(rows.closed), tuple(rows.opened))


def swept(state: SubjectState, position: int, ground: Ground) -> Step:
    """The step that new rulebooks make at a position, without a record of the subject's own."""
    after, rows = _recomputed(state, ground, position)
    return Step(after, (), tuple(rows.closed), tuple(rows.opened))


def restored(
    recorded: Iterable[tuple[int, EventId, Event]],
    open_rows: Iterable[tuple[TwoTimeTable, Row, int]],
) -> SubjectState:
    """The state after these events of a subject, of which these rows are known now.

    The rows come in any order, each with its `known_from`.
    """
    events = tuple(recorded)
    groups: dict[tuple[TwoTimeTable, RegimeId | None], list[tuple[Row, int]]] = {}
    for table, row, known_from in open_rows:
        regime = RegimeId(str(row[0])) if table is grades.TABLE else None
        groups.setdefault((table, regime), []).append((row, known_from))

    def group(table: TwoTimeTable, regime: RegimeId | None = None) -> Open:
        order = _ORDERS[table]
        rows = sorted(groups.get((table, regime), ()), key=lambda one: order(one[0]))
        return Open(tuple([row for row, _ in rows]), tuple([known for _, known in rows]))

    return SubjectState(
        facts=facts_of(events),
        ended_by={
            position: event_id
            for position, event_id, event in events
            if isinstance(event, ListingEnded)
        },
        grades={
            regime: group(grades.TABLE, regime)
            for regime in sorted(regime for _, regime in groups if regime is not None)
        },
        standing=group(standing.TABLE),
        measures=group(measures.TABLE),
        listings=group(listings.TABLE),
    )


def _is_same_ground(before: Facts, after: Facts) -> bool:
    """Whether no course can have changed: names and identifiers count in none."""
    if before.profile is None or after.profile is None:
        return False
    return (
        after.findings is before.findings
        and after.listings is before.listings
        and after.restorations is before.restorations
        and after.commitments is before.commitments
        and after.profile.roles == before.profile.roles
        and after.profile.kind == before.profile.kind
    )


def _recomputed(
    state: SubjectState, ground: Ground, position: int, before: grades.Before | None = None
) -> tuple[SubjectState, _Rows]:
    """The state with the rows that its facts make now, and how they differ from those it has.

    With the subject as it was `before` only what has changed since then is computed.
    """
    facts, rows = state.facts, _Rows()
    courses = grades.rows(facts, ground, before)
    for regime in sorted({*courses, *state.grades}):
        known = state.grades.get(regime, NOTHING_OPEN)
        found = difference(known, courses.get(regime, ()), position)
        rows.take(grades.TABLE, found)
        rows.grades[regime] = found

    def group(table: TwoTimeTable, known: Open, found: tuple[Row, ...]) -> Open:
        return rows.take(table, difference(known, found, position))

    def as_before(known: Open) -> Before | None:
        return None if before is None else Before(before.facts, known.rows)

    is_present_as_before = (
        before is not None
        and before.facts.listings is facts.listings
        and before.facts.profile is facts.profile
    )
    presence = None if is_present_as_before else listings_of(facts, ground.rulebooks)
    stands = standing.rows(facts, presence, state.ended_by, as_before(state.standing))
    subject = "" if before is None else before.subject
    runs = measures.rows(facts, ground, as_before(state.measures), subject)
    listed = state.listings.rows if presence is None else listings.rows(presence)
    after = SubjectState(
        facts=facts,
        ended_by=state.ended_by,
        grades={regime: one.open for regime, one in rows.grades.items() if one.open.rows},
        standing=group(standing.TABLE, state.standing, stands),
        measures=group(measures.TABLE, state.measures, runs),
        listings=group(listings.TABLE, state.listings, listed),
    )
    return after, rows
