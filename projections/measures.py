"""Measures: the intervals in which management measures run, one a finding and regime."""

from collections.abc import Iterator
from typing import Final

from ledger.courses.alike import changes
from ledger.courses.facts import Facts
from ledger.courses.measures import MeasuresMemo, is_concerned, measures_course
from ledger.values import RegimeId

from .fold import Before
from .ground import Ground
from .tables import Column, Row, TwoTimeTable

__all__ = ["TABLE", "order", "rows"]

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


def rows(
    facts: Facts, ground: Ground, before: Before | None = None, subject: str = ""
) -> tuple[Row, ...]:
    """The measures of all regimes, by regime, first day and position.

    With the `subject` as it was `before` only the regimes that make something of what has changed
    since then are worked out anew: the result is the same.
    """
    if not facts.findings:
        return ()
    changed = None if before is None else _changed(before.facts, facts)
    found: list[Row] = []
    for regime in ground.measures:
        if before is None or changed is None or is_concerned(changed, regime, ground.rulebooks):
            memo = None if before is None else ground.walked.of(subject, regime)
            found += _of(facts, regime, ground, memo)
        else:
            found += [row for row in before.rows if row[_REGIME] == regime]
    return tuple(found)


def order(row: Row) -> tuple[object, ...]:
    """What rows are ordered by."""
    return row[_REGIME], row[_FROM], row[_POSITION]


def _changed(before: Facts, after: Facts) -> Facts | None:
    """The findings that are not as they were, as they were and as they are; null: all may be."""
    if before.profile is not after.profile:
        return None
    pairs = changes(before.findings, after.findings)
    findings = tuple([one for pair in pairs for one in pair if one is not None])
    return Facts(profile=after.profile, findings=findings)


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
