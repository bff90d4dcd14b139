"""Measures: the intervals in which management measures run, one a finding and regime."""

from collections.abc import Iterator
from typing import Final

from ledger.courses.facts import Facts
from ledger.courses.measures import MeasuresMemo, is_concerned, measures_course
from ledger.values import RegimeId

from .fold import Change
from .ground import Ground
from .tables import Column, Row, TwoTimeTable

__all__ = ["TABLE", "changed", "order", "rows"]

TABLE: Final = TwoTimeTable(
    "measure",
    (
        ("regime", Column.TEXT),
        ("effective_from", Column.DATE),
        ("effective_until", Column.UNTIL),
        ("finding", Column.TEXT),
        ("position", Column.BIGINT),
        ("edition", Column.TEXT),
        ("verified", Column.BOOLEAN),
    ),
    ("regime", "effective_from", "finding"),
)
_REGIME, _FROM, _POSITION = 0, 1, 4


def rows(facts: Facts, ground: Ground) -> tuple[Row, ...]:
    """The measures of all regimes, by regime, first day and position."""
    return tuple([row for regime in ground.measures for row in _of(facts, regime, ground, None)])


def changed(
    known: tuple[Row, ...], facts: Facts, ground: Ground, change: Change, subject: str
) -> tuple[Row, ...]:
    """The rows once findings of the `subject` are as they are now.

    Only regimes that make something of a finding that has changed are worked out.
    """
    findings = (*change.was.findings, *change.now.findings)
    if not any(type(fact.content) in ground.measured for fact in findings):
        return known
    concerned = Facts(profile=facts.profile, findings=findings)
    again = [
        regime for regime in ground.measures if is_concerned(concerned, regime, ground.rulebooks)
    ]
    if not again:
        return known
    found: list[Row] = []
    for regime in ground.measures:
        if regime in again:
            found += _of(facts, regime, ground, ground.walked.of(subject, regime))
        else:
            found += [row for row in known if row[_REGIME] == regime]
    return tuple(found)


def order(row: Row) -> tuple[object, ...]:
    """What rows are ordered by."""
    return row[_REGIME], row[_FROM], row[_POSITION]


def _of(facts: Facts, regime: RegimeId, ground: Ground, memo: MeasuresMemo | None) -> Iterator[Row]:
    for interval in measures_course(facts, regime, ground.rulebooks, memo=memo):
        yield (
            regime,
            interval.from_,
            interval.until,
            interval.value.finding,
            interval.value.position,
            interval.value.edition,
            interval.verified,
        )
