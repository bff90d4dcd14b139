"""Measures: the intervals in which management measures run, one a finding and regime."""

from typing import Final

from ledger.courses.facts import Facts
from ledger.courses.measures import measures_course

from .ground import Ground
from .tables import Column, Row, TwoTimeTable

__all__ = ["TABLE", "rows"]

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


def rows(facts: Facts, ground: Ground) -> tuple[Row, ...]:
    """The measures of all regimes."""
    if not facts.findings:
        return ()
    return tuple(
        (
            regime,
            interval.from_,
            interval.until,
            interval.value.finding,
            interval.value.position,
            interval.value.edition,
            interval.verified,
        )
        for regime in ground.measures
        for interval in measures_course(facts, regime, ground.rulebooks)
    )
