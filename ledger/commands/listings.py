"""What may be asked about listings."""

from dataclasses import dataclass
from datetime import date

from ..events.basis import UNKNOWN_BASIS, Basis, Channel
from ..values import EventId, FileRow, ListId, Name, Text

__all__ = [
    "NAMES",
    "AnnulListing",
    "DecideListing",
    "DropListing",
    "EndListing",
    "ListingCommand",
    "ProposeListing",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeListing:
    """Record notice of an intended listing."""

    list: ListId
    effective_on: date
    list_name: Name | None = None
    rests_on: EventId | None = None
    served_on: date | None = None
    reason: Text | None = None
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideListing:
    """Put the subject on a list from `effective_on`.

    `listing` names the proposal where there was one.

    `dated` is false where `effective_on` stands in for an unknown day. `term_ends_on` is the last
    day on the list where the decision itself says it.
    """

    list: ListId
    effective_on: date
    listing: EventId | None = None
    list_name: Name | None = None
    rests_on: EventId | None = None
    decided_on: date | None = None
    dated: bool = True
    published_on: date | None = None
    term_ends_on: date | None = None
    reason: Text | None = None
    channel: Channel = Channel.DECIDED_HERE
    origin: FileRow | None = None
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class DropListing:
    """Record that a proposed listing was not decided."""

    listing: EventId
    effective_on: date
    decided_on: date | None = None
    reason: Text | None = None
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class EndListing:
    """Take the subject off a list before its time: `effective_on` is the first day off the list.

    `listing` names the listing by its id, or `list` by its list: then it is the one that began on
    `begun_on` where that is given, else the latest that runs.
    """

    effective_on: date
    listing: EventId | None = None
    list: ListId | None = None
    begun_on: date | None = None
    decided_on: date | None = None
    reason: Text | None = None
    channel: Channel = Channel.DECIDED_HERE
    origin: FileRow | None = None
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnulListing:
    """Set a listing aside from its start."""

    listing: EventId
    decided_on: date
    reason: Text
    effective_on: date | None = None
    basis: Basis = UNKNOWN_BASIS


ListingCommand = ProposeListing | DecideListing | DropListing | EndListing | AnnulListing

NAMES: dict[str, type[ListingCommand]] = {
    "propose-listing": ProposeListing,
    "decide-listing": DecideListing,
    "drop-listing": DropListing,
    "end-listing": EndListing,
    "annul-listing": AnnulListing,
}
