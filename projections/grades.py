"""Grades: the courses of all scoring regimes that concern a subject, without their reasons."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from operator import itemgetter
from types import MappingProxyType
from typing import Final, NamedTuple

from ledger.courses.counting import Days
from ledger.courses.facts import Facts
from ledger.courses.grading import GradeState
from ledger.courses.weighing import NOWHERE, Weighed
from ledger.values import RegimeId

from .fold import NOTHING_OPEN, Change, Difference, Open, difference, spliced
from .ground import Ground, Scoring
from .tables import Column, Row, TwoTimeTable

__all__ = [
    "NO_COURSES",
    "TABLE",
    "Course",
    "begun",
    "changed",
    "gone_on",
    "grade_on",
    "order",
    "restored",
]

TABLE: Final = TwoTimeTable(
    "grade",
    (
        ("regime", Column.TEXT),
        ("effective_from", Column.DATE),
        ("effective_until", Column.UNTIL),
        ("state", Column.TEXT),
        ("edition", Column.TEXT),
        ("grade", Column.TEXT),
        ("score", Column.NUMERIC),
        ("verified", Column.BOOLEAN),
        ("complete", Column.BOOLEAN),
    ),
    ("regime", "effective_from"),
)
_FROM, _UNTIL, _STATE = 1, 2, 3
_GRADED: Final = GradeState.GRADED.value
_WRITTEN: Final = {state: state.value for state in GradeState}


class Course(NamedTuple):
    """The course of a scoring regime, as it is weighed and as its rows that are known now.

    One that never grades has no rows.
    """

    weighed: Weighed
    open: Open


NO_COURSES: Final[Mapping[RegimeId, Course]] = MappingProxyType({})
_BEGINS: Final = itemgetter(_FROM)


def begun(
    facts: Facts, ground: Ground, known: Mapping[RegimeId, Course], position: int
) -> Iterator[tuple[RegimeId, Course, Difference]]:
    """Each regime's course of these facts, and how its rows differ from those that are known.

    In the order of the regimes; a regime that no longer applies on any day is left without rows.
    """
    concerned = ground.scoring_of(facts.profile)
    for scoring in ground.scoring:
        before = known.get(scoring.regime)
        if scoring in concerned:
            weighed = _weighed(facts, scoring)
        elif before is not None:
            weighed = NOWHERE
        else:
            continue
        open_ = NOTHING_OPEN if before is None else before.open
        found = difference(open_, _graded(_rows(scoring.regime, weighed)), position)
        yield scoring.regime, Course(weighed, found.open), found


def restored(
    facts: Facts, ground: Ground, rows: Mapping[RegimeId, Open]
) -> Mapping[RegimeId, Course]:
    """The courses of these facts, of which these are the rows that are known now."""
    return {
        scoring.regime: Course(_weighed(facts, scoring), rows.get(scoring.regime, NOTHING_OPEN))
        for scoring in ground.scoring_of(facts.profile)
    }


def gone_on(
    course: Course, scoring: Scoring, change: Change, position: int
) -> tuple[Course, Difference]:
    """The course once a change is in force, and how its rows differ.

    Only the days that the change touches are worked out: the rows that touch them, and one on each
    side, are made anew.
    """
    weighed, days = scoring.scales.reweigh(course.weighed, change.was, change.now)
    open_ = course.open
    if days is None or not open_.rows:
        return Course(weighed, open_), Difference(open_)
    old, (first, until) = open_.rows, days
    begin = max(bisect_right(old, first, key=_BEGINS) - 2, 0)
    end = len(old) if until is None else min(bisect_left(old, until, key=_BEGINS) + 1, len(old))
    within: Days = old[begin][_FROM], old[end - 1][_UNTIL]  # type: ignore[assignment]  # by the table
    found = spliced(open_, begin, end, _rows(scoring.regime, weighed, within), position)
    return Course(weighed, found.open), found


def _weighed(facts: Facts, scoring: Scoring) -> Weighed:
    profile = facts.profile
    if profile is None or facts.findings or facts.listings or profile.roles:
        return scoring.scales.weigh(facts)
    # Nothing but its kind tells such subjects apart, and every one begins as one.
    weighed = scoring.blank.get(profile.kind)
    if weighed is None:
        weighed = scoring.blank[profile.kind] = scoring.scales.weigh(facts)
    return weighed


def _graded(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows, if any of them grades."""
    return rows if any(row[_STATE] == _GRADED for row in rows) else ()


def _rows(regime: RegimeId, weighed: Weighed, within: Days | None = None) -> tuple[Row, ...]:
    return tuple(
        [
            (
                regime,
                from_,
                until,
                _WRITTEN[said.value.state],
                said.value.edition,
                said.value.grade,
                said.value.score,
                said.verified,
                said.value.complete,
            )
            for from_, until, said in weighed.said(within)
        ]
    )


def order(row: Row) -> tuple[object, ...]:
    """What the rows of a course are ordered by."""
    return (row[_FROM],)


def grade_on(course: Course | None, day: date) -> tuple[str | None, Decimal | None]:
    """Grade and score on a day; null where the course has none."""
    if course is None or not course.open.rows:
        return None, None
    said = course.weighed.on(day)
    return (None, None) if said is None else (said.value.grade, said.value.score)


def changed(gone: tuple[Row, ...], come: tuple[Row, ...]) -> tuple[date | None, date | None]:
    """The first day on which two stretches of courses differ, and the first behind the last one.

    Null and null where they do not; the second is null where they differ without end.
    """
    if gone and come and gone[0][_FROM] == come[0][_FROM] and gone[-1][_UNTIL] == come[-1][_UNTIL]:
        # Two stretches of one course, as nearly always: only their ends need to be looked at.
        return _first_unlike(gone[0], come[0]), _last_unlike(gone[-1], come[-1])
    days = sorted({_day(row[at]) for row in (*gone, *come) for at in (_FROM, _UNTIL)})
    first: date | None = None
    until: date | None = None
    before, after = _said(gone, days), _said(come, days)
    for day, next_day, was, now in zip(days, days[1:], before, after, strict=False):
        if was != now:
            first = first or day
            until = next_day
    return first, None if until == date.max else until


def _first_unlike(one: Row, other: Row) -> date:
    """The first day on which unlike rows that begin on one day, each unlike the next, differ."""
    if one[_UNTIL + 1 :] != other[_UNTIL + 1 :]:
        return one[_FROM]  # type: ignore[return-value]  # a date, by the table
    return min(_day(one[_UNTIL]), _day(other[_UNTIL]))


def _last_unlike(one: Row, other: Row) -> date | None:
    """The day behind the last one on which unlike rows that end on one day differ."""
    if one[_UNTIL + 1 :] != other[_UNTIL + 1 :]:
        return one[_UNTIL]  # type: ignore[return-value]  # a date or null, by the table
    return max(_day(one[_FROM]), _day(other[_FROM]))


def _day(cell: object) -> date:
    return cell if isinstance(cell, date) else date.max


def _said(stretch: tuple[Row, ...], days: list[date]) -> list[Row | None]:
    """What the rows that hold on these days, in order, say apart from their own days."""
    said: list[Row | None] = []
    at = 0
    for day in days:
        while at < len(stretch) and _day(stretch[at][_UNTIL]) <= day:
            at += 1
        holds = at < len(stretch) and _day(stretch[at][_FROM]) <= day
        said.append(stretch[at][_UNTIL + 1 :] if holds else None)
    return said
