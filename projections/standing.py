"""Standing: what stands against a subject, whatever the regimes make of it.

A finding stands from its `effective_on` without end unless it is annulled: a restoration ends its
consequences in regimes, not the finding. A listing stands while the subject is on the list.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from ledger.courses.alike import changes
from ledger.courses.facts import Facts, FindingFact, ListingFact
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

from .fold import Before
from .tables import Column, Row, TwoTimeTable

__all__ = ["TABLE", "order", "rows"]

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
    facts: Facts,
    presence: tuple[Interval[Listed], ...] | None,
    ended_by: Mapping[int, EventId],
    before: Before | None = None,
) -> tuple[Row, ...]:
    """The facts that stand, findings first, each in the order of the log.

    `ended_by` names the events that ended listings, by position. With `before` only what has
    changed since then is made anew, and `presence` may be null where it has not: the result is the
    same.
    """
    if before is None:
        findings = tuple([row for fact in facts.findings for row in _finding(fact)])
        return (*findings, *_listings(facts, presence or (), ended_by))
    behind = bisect_left(before.rows, True, key=_is_listing)  # noqa: FBT003  # what the key gives
    findings = before.rows[:behind]
    for was, now in changes(before.facts.findings, facts.findings):
        findings = _changed(findings, was, now)
    if presence is None:
        return (*findings, *before.rows[behind:])
    return (*findings, *_listings(facts, presence, ended_by))


def order(row: Row) -> tuple[object, ...]:
    """What rows are ordered by."""
    return _is_listing(row), row[_POSITION]


def _changed(
    rows: tuple[Row, ...], was: FindingFact | None, now: FindingFact | None
) -> tuple[Row, ...]:
    """The rows with that of one finding as it is now."""
    named = now or was
    assert named is not None, "one of them is there"
    at = bisect_left(rows, named.position, key=_position)
    gone = 0 if was is None else len(_finding(was))
    come = () if now is None else _finding(now)
    return (*rows[:at], *come, *rows[at + gone :])


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
        return content.kinds_text or ", ".join(kind.value for kind in content.kinds) or None
    return content.offence
