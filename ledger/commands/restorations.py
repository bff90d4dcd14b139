"""What may be asked about restorations."""

from dataclasses import dataclass
from datetime import date

from ..events.basis import UNKNOWN_BASIS, Basis, Channel
from ..values import EventId, RulebookId, Text

__all__ = [
    "NAMES",
    "AcceptRestoration",
    "AnnulRestoration",
    "GrantRestoration",
    "RefuseRestoration",
    "RequestRestoration",
    "RestorationCommand",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRestoration:
    """Ask that consequences of findings or listings end early, as the rulebook allows."""

    rulebook: RulebookId
    of: tuple[EventId, ...]
    requested_on: date
    channel: Channel = Channel.DECIDED_HERE
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptRestoration:
    """Take a request up for review; the last day for the decision is computed and recorded."""

    restoration: EventId
    accepted_on: date
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRestoration:
    """End consequences early from `effective_on` (default `decided_on`).

    Either `restoration` names a request, or, for a restoration decided elsewhere, `rulebook` and
    `of` say what it ends.
    """

    decided_on: date
    restoration: EventId | None = None
    rulebook: RulebookId | None = None
    of: tuple[EventId, ...] = ()
    effective_on: date | None = None
    channel: Channel = Channel.DECIDED_HERE
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseRestoration:
    """Refuse a request, with reasons."""

    restoration: EventId
    decided_on: date
    reason: Text
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnulRestoration:
    """Set a granted restoration aside from its start (fraud in the application)."""

    restoration: EventId
    decided_on: date
    reason: Text
    basis: Basis = UNKNOWN_BASIS


RestorationCommand = (
    RequestRestoration | AcceptRestoration | GrantRestoration | RefuseRestoration | AnnulRestoration
)

NAMES: dict[str, type[RestorationCommand]] = {
    "request-restoration": RequestRestoration,
    "accept-restoration": AcceptRestoration,
    "grant-restoration": GrantRestoration,
    "refuse-restoration": RefuseRestoration,
    "annul-restoration": AnnulRestoration,
}
