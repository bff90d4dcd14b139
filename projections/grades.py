"""Grades: the courses of all scoring regimes that concern a subject, without their reasons."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from ledger.courses.alike import changes
from ledger.courses.counting import Days, Memo
from ledger.courses.facts import Facts, Profile
from ledger.courses.interval import Interval
from ledger.courses.scoring import Graded, GradeState, scoring_span, scoring_tiles
from ledger.values import RegimeId

from .fold import Open
from .ground import Ground
from .tables import Cell, Column, Row, TwoTimeTable

__all__ = ["TABLE", "Before", "changed", "concerns", "grade_on", "order", "rows"]

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
_FROM, _UNTIL, _STATE, _GRADE, _SCORE = 1, 2, 3, 5, 6
_GRADED: Final = GradeState.GRADED.value
_LONG: Final = 5
"""From so many findings on it is cheaper to sweep only the days that a change touches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A subject before a record: its facts, and the courses that were made of them."""

    subject: str
    facts: Facts
    courses: Mapping[RegimeId, Open]


def rows(
    facts: Facts, ground: Ground, before: Before | None = None
) -> Mapping[RegimeId, tuple[Row, ...]]:
    """The course of each scoring regime that applies to the subject on any day, in its order.

    With `before` only the days are swept on which what changed since then counts: the result is
    the same.
    """
    if facts.profile is None:
        return {}
    found: dict[RegimeId, tuple[Row, ...]] = {}
    for regime, applies_to in ground.scoring:
        if concerns(applies_to, facts.profile):
            course = _course(facts, regime, ground, before)
            if any([row[_STATE] == _GRADED for row in course]):  # noqa: C419  # it is short, and hot
                found[regime] = course
    return found


def _course(
    facts: Facts, regime: RegimeId, ground: Ground, before: Before | None
) -> tuple[Row, ...]:
    profile = facts.profile
    if profile is not None and not (facts.findings or facts.listings or profile.roles):
        # Nothing but its kind tells such subjects apart, and every one begins as one.
        key = regime, profile.kind
        known = ground.blank.get(key)
        if known is None:
            known = ground.blank[key] = _swept(facts, regime, ground)
        return known
    if before is None:
        return _swept(facts, regime, ground)
    memo = ground.counted.of(before.subject, regime)
    course = before.courses.get(regime)
    if course is None or len(facts.findings) < _LONG or before.facts.profile is not profile:
        return _swept(facts, regime, ground, memo)
    days = _days_concerned(before.facts, facts, regime, ground)
    if days is None:
        return course.rows
    return _spliced(course.rows, days, _swept(facts, regime, ground, memo, days))


def _swept(
    facts: Facts,
    regime: RegimeId,
    ground: Ground,
    memo: Memo | None = None,
    within: Days | None = None,
) -> tuple[Row, ...]:
    tiles = scoring_tiles(facts, regime, ground.rulebooks, memo=memo, within=within)
    return tuple([_row(regime, tile) for tile in tiles])


def _days_concerned(before: Facts, after: Facts, regime: RegimeId, ground: Ground) -> Days | None:
    """From the first to the last day on which a fact counts that is not as it was."""
    findings = changes(before.findings, after.findings)
    listings = changes(before.listings, after.listings)
    changed = Facts(
        profile=after.profile,
        findings=tuple([one for pair in findings for one in pair if one is not None]),
        listings=tuple([one for pair in listings for one in pair if one is not None]),
    )
    return scoring_span(changed, regime, ground.rulebooks)


def _spliced(course: tuple[Row, ...], days: Days, swept: tuple[Row, ...]) -> tuple[Row, ...]:
    """The course with the rows of some days in place of those it had there."""
    first, until = days
    begins = bisect_left(course, first, key=_begins)
    left = course[:begins]
    if left and _day(left[-1][_UNTIL]) > first:
        left = (*left[:-1], _between(left[-1], None, first))
    right: tuple[Row, ...] = ()
    if until is not None:
        at = max(bisect_right(course, until, key=_begins) - 1, 0)
        right = course[at:]
        if _day(right[0][_UNTIL]) <= until:
            right = right[1:]
        elif _begins(right[0]) < until:
            right = (_between(right[0], until, right[0][_UNTIL]), *right[1:])
    return _joined(_joined(left, swept), right)


def _joined(left: tuple[Row, ...], right: tuple[Row, ...]) -> tuple[Row, ...]:
    """Two stretches of a course, as one row where they meet and say the same."""
    if left and right and left[-1][_UNTIL + 1 :] == right[0][_UNTIL + 1 :]:
        return (*left[:-1], _between(left[-1], None, right[0][_UNTIL]), *right[1:])
    return (*left, *right)


def _between(row: Row, from_: date | None, until: Cell) -> Row:
    """The row with another first day, if one is given, and another end."""
    return (row[0], from_ or row[_FROM], until, *row[_UNTIL + 1 :])


def order(row: Row) -> tuple[object, ...]:
    """What the rows of a course are ordered by."""
    return (row[_FROM],)


def _begins(row: Row) -> date:
    return row[_FROM]  # type: ignore[return-value]  # a date, by the table


def concerns(applies_to: frozenset[str], profile: Profile) -> bool:
    """Whether a regime for these kinds and roles (empty: all) ever concerns the subject."""
    return (
        not applies_to
        or profile.kind.value in applies_to
        or any(held.role in applies_to for held in profile.roles)
    )


def grade_on(course: tuple[Row, ...], day: date) -> tuple[str | None, Decimal | None]:
    """Grade and score on a day; null where the course has none."""
    at = bisect_right(course, day, key=_begins)
    if at == 0:
        return None, None
    row = course[at - 1]
    return row[_GRADE], row[_SCORE]  # type: ignore[return-value]  # as the table says


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
        return _begins(one)
    return min(_day(one[_UNTIL]), _day(other[_UNTIL]))


def _last_unlike(one: Row, other: Row) -> date | None:
    """The day behind the last one on which unlike rows that end on one day differ."""
    if one[_UNTIL + 1 :] != other[_UNTIL + 1 :]:
        return one[_UNTIL]  # type: ignore[return-value]  # a date or null, by the table
    return max(_begins(one), _begins(other))


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


def _row(regime: RegimeId, tile: Interval[Graded]) -> Row:
    value = tile.value
    return (
        regime,
        tile.from_,
        tile.until,
        value.state.value,
        value.edition,
        value.grade,
        value.score,
        tile.verified,
        value.complete,
    )
