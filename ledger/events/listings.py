"""Listings.

Presence on a published list, entered by decision and left by time, early exit or annulment.

A listing is named by the id of the event that opened it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from ..values import EditionId, EventId, FileRow, Line, ListId, Name, RulebookId, Text
from .basis import Basis, Channel

__all__ = [
    "NAMED_BY",
    "STORED_NAMES",
    "ListingAnnulled",
    "ListingDecided",
    "ListingDropped",
    "ListingEnded",
    "ListingEvent",
    "ListingProposed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingProposed:
    """An authority gave notice that it means to list the subject."""

    listing: EventId
    list: ListId
    list_name: Name | None
    rests_on: EventId | None
    served_on: date | None
    effective_on: date
    reason: Text | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingDecided:
    """The subject was put on a list (列入).

    `dated` is false where the day of import stands in for an unknown day.
    """

    listing: EventId
    list: ListId
    list_name: Name | None
    rulebook: RulebookId | None
    edition: EditionId | None
    clause: Line | None
    rests_on: EventId | None
    decided_on: date | None
    effective_on: date
    dated: bool
    published_on: date | None
    term_ends_on: date | None
    reason: Text | None
    channel: Channel
    origin: FileRow | None
    irregular: Line | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingDropped:
    """A proposed listing was not decided."""

    listing: EventId
    decided_on: date | None
    effective_on: date
    reason: Text | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingEnded:
    """The subject left the list before its time (移出).

    `effective_on` is the first day off the list.
    """

    listing: EventId
    decided_on: date | None
    effective_on: date
    reason: Text | None
    channel: Channel
    origin: FileRow | None
    irregular: Line | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingAnnulled:
    """The listing is set aside from its start."""

    listing: EventId
    decided_on: date
    effective_on: date
    reason: Text
    basis: Basis


ListingEvent = ListingProposed | ListingDecided | ListingDropped | ListingEnded | ListingAnnulled

STORED_NAMES: Final[Mapping[str, type[ListingEvent]]] = {
    "listing-proposed": ListingProposed,
    "listing-decided": ListingDecided,
    "listing-dropped": ListingDropped,
    "listing-ended": ListingEnded,
    "listing-annulled": ListingAnnulled,
}

NAMED_BY: Final[Mapping[type[ListingEvent], str]] = {
    ListingProposed: "listing",
    ListingDecided: "listing",
}
"""Which field of an event that opens a fact holds the id under which the fact is known."""
