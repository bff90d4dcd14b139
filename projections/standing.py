"""Standing: what stands against a subject, whatever the regimes make of it.

A finding stands from its `effective_on` without end unless it is annulled: a restoration ends its
consequences in regimes, not the finding. A listing stands while the subject is on the list.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from ledger.courses.facts import Facts, ListingFact
from ledger.courses.interval import Interval
from ledger.courses.listing import Listed
from ledger.events import (
    NAME_OF,
    DeterminationMade,
    Finding,
    ListingDecided,
    PenaltyImposed,
)
from ledger.values import EventId

from .tables import Column, Row, TwoTimeTable

__all__ = ["TABLE", "rows"]

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
_LISTED: Final = NAME_OF[ListingDecided]


def rows(
    facts: Facts, presence: tuple[Interval[Listed], ...], ended_by: Mapping[int, EventId]
) -> tuple[Row, ...]:
    """The facts that stand; `ended_by` names the events that ended listings, by position."""
    return (*_findings(facts), *_listings(facts, presence, ended_by))


def _findings(facts: Facts) -> Iterator[Row]:
    for fact in facts.findings:
        if fact.is_standing:
            content = fact.content
            named = NAME_OF[type(content)]
            yield (
                fact.event,
                fact.position,
                named,
                _title(content),
                content.effective_on,
                None,
                None,
            )


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
        return content.kinds_text or ", ".join(kind.value for kind in content.kinds) or None
    return content.offence
