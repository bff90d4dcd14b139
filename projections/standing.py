"""Standing: what stands against a subject, whatever the regimes make of it.

A finding stands from its `effective_on` without end unless it is annulled: a restoration ends its
consequences in regimes, not the finding. A listing stands while the subject is on the list.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Final

from ledger.courses.facts import Facts, FindingFact, ListingFact
from ledger.courses.interval import Interval
from ledger.courses.listing import Listed
from ledger.events import (
    NAME_OF,
    DeterminationMade,
    Finding,
    ListingDecided,
    PenaltyImposed,
    PenaltyKind,
)
from ledger.values import EventId

from .fold import Change, Difference, Open, difference, spliced
from .tables import Column, Row, TwoTimeTable

__all__ = ["TABLE", "changed", "order", "rows"]

TABLE: Final = TwoTimeTable(
    "standing",
    (
        ("fact", Column.TEXT),
        ("position", Column.BIGINT),
        ("type", Column.TEXT),
        ("title", Column.TEXT),
        ("effective_from", Column.DATE),
        ("effective_until", Column.UNTIL),
        ("ended_by", Column.TEXT),
    ),
    ("fact",),
)
_POSITION, _TYPE = 1, 2
_LISTED: Final = NAME_OF[ListingDecided]


def rows(
    facts: Facts, presence: tuple[Interval[Listed], ...], ended_by: Mapping[int, EventId]
) -> tuple[Row, ...]:
    """The facts that stand, findings first, each in the order of the log.

    `ended_by` names the events that ended listings, by position.
    """
    findings = [row for fact in facts.findings for row in _finding(fact)]
    return (*findings, *_listings(facts, presence, ended_by))


def changed(known: Open, change: Change, position: int) -> Difference:
    """How the rows differ once findings are as they are now; listings are as they were."""
    rows = known.rows
    behind = len(rows)
    if rows and _is_listing(rows[-1]):
        behind = bisect_left(rows, True, key=_is_listing)  # noqa: FBT003  # what the key gives
    come = [row for fact in change.now.findings for row in _finding(fact)]
    if not change.was.findings:
        return spliced(known, behind, behind, come, position)  # the newest stand behind the others
    stands = {_position(row): row for row in rows[:behind]}
    for fact in change.was.findings:
        stands.pop(fact.position, None)
    stands.update((_position(row), row) for row in come)
    findings = [row for _, row in sorted(stands.items())]
    return difference(known, (*findings, *rows[behind:]), position)


def order(row: Row) -> tuple[object, ...]:
    """What rows are ordered by."""
    return _is_listing(row), row[_POSITION]


def _finding(fact: FindingFact) -> tuple[Row, ...]:
    """The row of a finding; none if it was set aside."""
    if not fact.is_standing:
        return ()
    content = fact.content
    named = NAME_OF[type(content)]
    row = (fact.event, fact.position, named, _title(content), content.effective_on, None, None)
    return (row,)


def _is_listing(row: Row) -> bool:
    return row[_TYPE] == _LISTED


def _position(row: Row) -> int:
    return row[_POSITION]  # type: ignore[return-value]  # an integer, by the table


def _listings(
    facts: Facts, presence: tuple[Interval[Listed], ...], ended_by: Mapping[int, EventId]
) -> Iterator[Row]:
    spans: dict[EventId, Interval[Listed]] = {}
    for interval in presence:
        spans.setdefault(interval.value.listing, interval)
    last = {interval.value.listing: interval.until for interval in presence}
    for fact in facts.listings:
        found = spans.get(fact.event)
        if found is not None:
            until = last[fact.event]
            yield (
                fact.event,
                fact.position,
                _LISTED,
                fact.list_name or fact.list,
                found.from_,
                until,
                _ender(fact, until, ended_by),
            )


def _ender(
    fact: ListingFact, until: date | None, ended_by: Mapping[int, EventId]
) -> EventId | None:
    """The event that took the subject off the list on the day `until`, if one did."""
    if until is None:
        return None
    if fact.ended_at is not None and fact.ended_on == until:
        return ended_by.get(fact.ended_at)
    ends = [end for end in fact.ended if end.on == until]
    return min(ends, key=lambda end: end.position).restoration if ends else None


def _title(content: Finding) -> str | None:
    if isinstance(content, DeterminationMade):
        return content.act
    if isinstance(content, PenaltyImposed):
        return content.kinds_text or _in_words(content.kinds)
    return content.offence


@lru_cache(maxsize=1024)
def _in_words(kinds: tuple[PenaltyKind, ...]) -> str | None:
    return ", ".join(kind.value for kind in kinds) or None
