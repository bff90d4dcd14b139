"""What is known of a subject, and the step from one record to the next: the fold of all views."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from ledger.courses.facts import NOTHING_KNOWN, Facts, differing, evolve, facts_of
from ledger.courses.listing import listings_of
from ledger.events import Event, ListingEnded
from ledger.values import EventId, RegimeId

from . import editions, grades, listings, measures, standing, subjects, timeline
from .days import DAYS
from .fold import NOTHING_OPEN, Change, Difference, Open, Recorded, difference
from .grades import NO_COURSES, Course
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
_NOBODY: Final[Mapping[int, EventId]] = MappingProxyType({})


class SubjectState(NamedTuple):
    """The facts about a subject, and its rows that are known now.

    `ended_by` names the events that ended listings, by position.
    """

    facts: Facts = NOTHING_KNOWN
    ended_by: Mapping[int, EventId] = _NOBODY
    grades: Mapping[RegimeId, Course] = NO_COURSES
    standing: Open = NOTHING_OPEN
    measures: Open = NOTHING_OPEN
    listings: Open = NOTHING_OPEN

    def open(self) -> Iterable[tuple[TwoTimeTable, Open]]:
        """All rows that are known now, by table."""
        yield standing.TABLE, self.standing
        for course in self.grades.values():
            yield grades.TABLE, course.open
        yield measures.TABLE, self.measures
        yield listings.TABLE, self.listings


UNKNOWN: Final = SubjectState()

Closed = tuple[TwoTimeTable, tuple[tuple[Row, int], ...]]
"""Rows of a table that are known no longer, each with the position from which it was known."""
Opened = tuple[TwoTimeTable, tuple[Row, ...]]
"""Rows of a table that are known from a record on."""


class Step(NamedTuple):
    """What a record did: the state behind it, the rows that it added, closed and opened."""

    state: SubjectState
    added: Sequence[tuple[Table, Row]]
    closed: Sequence[Closed]
    opened: Sequence[Opened]


@dataclass(slots=True)
class _Rows:
    """How the rows of all groups differ at a position from those that were known before it."""

    position: int
    grades: dict[RegimeId, Difference] = field(default_factory=dict)
    closed: list[Closed] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)

    def take(self, table: TwoTimeTable, known: Open, rows: tuple[Row, ...]) -> Open:
        """The group with these rows instead of those that are known."""
        if rows is known.rows:
            return known
        return self.noted(table, difference(known, rows, self.position))

    def begin_courses(
        self, known: Mapping[RegimeId, Course], facts: Facts, ground: Ground
    ) -> Mapping[RegimeId, Course]:
        """The courses of these facts, worked out as a whole."""
        courses: dict[RegimeId, Course] = {}
        for regime, course, found in grades.begun(facts, ground, known, self.position):
            courses[regime] = course
            self.grades[regime] = found
            self.noted(grades.TABLE, found)
        return courses

    def go_on(
        self, known: Mapping[RegimeId, Course], ground: Ground, change: Change
    ) -> Mapping[RegimeId, Course]:
        """The courses once a change is in force."""
        courses: dict[RegimeId, Course] = {}
        for scoring in ground.scoring:
            course = known.get(scoring.regime)
            if course is not None:
                gone_on, found = grades.gone_on(course, scoring, change, self.position)
                courses[scoring.regime] = gone_on
                self.grades[scoring.regime] = found
                self.noted(grades.TABLE, found)
        return courses

    def noted(self, table: TwoTimeTable, found: Difference) -> Open:
        """The group as it is now; what went and what came is noted."""
        if found.closed:
            self.closed.append((table, found.closed))
        if found.opened:
            self.opened.append((table, found.opened))
        return found.open


def advance(state: SubjectState, recorded: Recorded, ground: Ground) -> Step:
    """The step that a record of the subject's own stream makes."""
    before, event = state.facts, recorded.event
    facts = evolve(before, event, recorded.position)
    ended_by = state.ended_by
    if isinstance(event, ListingEnded):
        ended_by = {**ended_by, recorded.position: recorded.event_id}
    rows = _Rows(recorded.position)
    if _is_same_ground(before, facts):
        after = state._replace(facts=facts, ended_by=ended_by)
    elif facts.profile is not before.profile:
        after = _begun(state, facts, ended_by, ground, rows)
    else:
        after = _gone_on(state, facts, ended_by, ground, rows, recorded.stream)
    added = [*subjects.rows(recorded, before), (timeline.EVENTS, timeline.event_row(recorded))]
    for regime, course in after.grades.items():
        known = state.grades.get(regime)
        if course.open.rows or (known is not None and known.open.rows):
            found = rows.grades.get(regime) or Difference(course.open)
            row = timeline.change_row(recorded, regime, (known, course), found)
            added.append((timeline.CHANGES, row))
    return Step(after, added, rows.closed, rows.opened)


def swept(state: SubjectState, position: int, ground: Ground) -> Step:
    """The step that new rulebooks make at a position, without a record of the subject's own."""
    rows = _Rows(position)
    after = _begun(state, state.facts, state.ended_by, ground, rows)
    return Step(after, (), rows.closed, rows.opened)


def restored(
    recorded: Iterable[tuple[int, EventId, Event]],
    open_rows: Iterable[tuple[TwoTimeTable, Row, int]],
    ground: Ground,
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

    facts = facts_of(events)
    graded = {regime: group(grades.TABLE, regime) for _, regime in groups if regime is not None}
    return SubjectState(
        facts=facts,
        ended_by={
            position: event_id
            for position, event_id, event in events
            if isinstance(event, ListingEnded)
        },
        grades=grades.restored(facts, ground, graded),
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


def _begun(
    state: SubjectState,
    facts: Facts,
    ended_by: Mapping[int, EventId],
    ground: Ground,
    rows: _Rows,
) -> SubjectState:
    """The state of these facts, worked out as a whole."""
    presence = listings_of(facts, ground.rulebooks)
    return SubjectState(
        facts,
        ended_by,
        rows.begin_courses(state.grades, facts, ground),
        rows.take(standing.TABLE, state.standing, standing.rows(facts, presence, ended_by)),
        rows.take(measures.TABLE, state.measures, measures.rows(facts, ground)),
        rows.take(listings.TABLE, state.listings, listings.rows(presence)),
    )


def _gone_on(  # noqa: PLR0913, PLR0917  # a state, and what it goes on by
    state: SubjectState,
    facts: Facts,
    ended_by: Mapping[int, EventId],
    ground: Ground,
    rows: _Rows,
    subject: str,
) -> SubjectState:
    """As `_begun`, of a subject that is who it was: only what its facts changed."""
    before = state.facts
    change = Change(*differing(before, facts))
    stands, runs, listed = state.standing, state.measures, state.listings
    if facts.listings is not before.listings:
        presence = listings_of(facts, ground.rulebooks)
        stands = rows.take(standing.TABLE, stands, standing.rows(facts, presence, ended_by))
        listed = rows.take(listings.TABLE, listed, listings.rows(presence))
    elif facts.findings is not before.findings:
        found = standing.changed(stands, change, rows.position)
        stands = rows.noted(standing.TABLE, found)
    if facts.findings is not before.findings:
        now = measures.changed(runs.rows, facts, ground, change, subject)
        runs = rows.take(measures.TABLE, runs, now)
    courses = rows.go_on(state.grades, ground, change)
    return SubjectState(facts, ended_by, courses, stands, runs, listed)
