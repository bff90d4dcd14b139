"""Restorations (信用修复): consequences ended early; the finding stands.

A restoration is named by the id of the event that opened it, and acts in the regimes that it names,
nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from ..values import EditionId, EventId, Line, RegimeId, RulebookId, Text
from .basis import Basis, Channel

__all__ = [
    "NAMED_BY",
    "STORED_NAMES",
    "RestorationAccepted",
    "RestorationAnnulled",
    "RestorationEvent",
    "RestorationGranted",
    "RestorationRefused",
    "RestorationRequested",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorationRequested:
    """The subject asked that the consequences of findings or listings end early."""

    restoration: EventId
    rulebook: RulebookId
    edition: EditionId
    clause: Line | None
    of: tuple[EventId, ...]
    regimes: tuple[RegimeId, ...]
    requested_on: date
    effective_on: date
    channel: Channel
    irregular: Line | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorationAccepted:
    """The request was taken up for review.

    `due_on` is the last day for a decision, provisional beyond the notices.
    """

    restoration: EventId
    accepted_on: date
    effective_on: date
    due_on: date | None
    due_provisional: bool
    clause: Line | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorationGranted:
    """From `effective_on` the consequences of `of` no longer hold in `regimes`."""

    restoration: EventId
    rulebook: RulebookId
    edition: EditionId
    clause: Line | None
    of: tuple[EventId, ...]
    regimes: tuple[RegimeId, ...]
    decided_on: date
    effective_on: date
    channel: Channel
    irregular: Line | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorationRefused:
    """The request was refused, with its reasons."""

    restoration: EventId
    clause: Line | None
    decided_on: date
    effective_on: date
    reason: Text
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorationAnnulled:
    """A granted restoration is set aside from its start (fraud in the application).

    The consequences never ended.
    """

    restoration: EventId
    decided_on: date
    effective_on: date
    reason: Text
    basis: Basis


RestorationEvent = (
    RestorationRequested
    | RestorationAccepted
    | RestorationGranted
    | RestorationRefused
    | RestorationAnnulled
)

STORED_NAMES: Final[Mapping[str, type[RestorationEvent]]] = {
    "restoration-requested": RestorationRequested,
    "restoration-accepted": RestorationAccepted,
    "restoration-granted": RestorationGranted,
    "restoration-refused": RestorationRefused,
    "restoration-annulled": RestorationAnnulled,
}

NAMED_BY: Final[Mapping[type[RestorationEvent], str]] = {
    RestorationRequested: "restoration",
    RestorationGranted: "restoration",
}
"""Which field of an event that opens a fact holds the id under which the fact is known."""
