"""Listings: when a subject is on which list, by which listing."""

from typing import Final

from ledger.courses.interval import Interval
from ledger.courses.listing import Listed

from .tables import Column, Row, TwoTimeTable

__all__ = ["TABLE", "order", "rows"]

TABLE: Final = TwoTimeTable(
    "listing",
    (
        ("list", Column.TEXT),
        ("effective_from", Column.DATE),
        ("effective_until", Column.UNTIL),
        ("listing", Column.TEXT),
        ("position", Column.BIGINT),
        ("list_name", Column.TEXT),
        ("regime", Column.TEXT),
        ("edition", Column.TEXT),
        ("dated", Column.BOOLEAN),
        ("verified", Column.BOOLEAN),
    ),
    ("list", "listing", "effective_from"),
)
_LIST, _FROM, _POSITION = 0, 1, 4


def rows(presence: tuple[Interval[Listed], ...]) -> tuple[Row, ...]:
    """The rows of a subject's presence on all lists, by first day, list and position."""
    return tuple(
        (
            interval.value.list,
            interval.from_,
            interval.until,
            interval.value.listing,
            interval.value.position,
            interval.value.list_name,
            interval.value.regime,
            interval.value.edition,
            interval.value.dated,
            interval.verified,
        )
        for interval in presence
    )


def order(row: Row) -> tuple[object, ...]:
    """What rows are ordered by."""
    return row[_FROM], row[_LIST], row[_POSITION]
