"""Everything that can have happened.

The union of all events, and the name under which each is stored for ever.

A family is a module; adding one adds its file and one line in `FAMILIES` and in `Event`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from . import commitments, control, findings, listings, restorations, rulebooks, subjects
from .basis import UNKNOWN_BASIS, Authority, Basis, Channel
from .commitments import (
    CommitmentAssessed,
    CommitmentClosed,
    CommitmentEvent,
    CommitmentKind,
    CommitmentMade,
    CommitmentOutcome,
    CommitmentWithdrawn,
    Publicity,
)
from .control import VOIDED_MAX, CommandsVoided, ControlEvent, ProjectionSkipApproved, TermOpened
from .findings import (
    Assessment,
    ConvictedParty,
    ConvictionRecorded,
    DeterminationMade,
    DeterminationWaived,
    DutyPerformed,
    Finding,
    FindingAnnulled,
    FindingCorrected,
    FindingEvent,
    PenaltyImposed,
    PenaltyKind,
)
from .listings import (
    ListingAnnulled,
    ListingDecided,
    ListingDropped,
    ListingEnded,
    ListingEvent,
    ListingProposed,
)
from .restorations import (
    RestorationAccepted,
    RestorationAnnulled,
    RestorationEvent,
    RestorationGranted,
    RestorationRefused,
    RestorationRequested,
)
from .rulebooks import EDITION_BYTES_MAX, RulebookEditionPublished, RulebookEvent
from .subjects import (
    IdentifierAdded,
    RoleEnded,
    RoleGiven,
    SubjectEvent,
    SubjectRegistered,
    SubjectRenamed,
)

__all__ = [
    "EDITION_BYTES_MAX",
    "FAMILIES",
    "NAMED_BY",
    "NAME_OF",
    "STORED_NAMES",
    "UNKNOWN_BASIS",
    "VOIDED_MAX",
    "Assessment",
    "Authority",
    "Basis",
    "Channel",
    "CommandsVoided",
    "CommitmentAssessed",
    "CommitmentClosed",
    "CommitmentEvent",
    "CommitmentKind",
    "CommitmentMade",
    "CommitmentOutcome",
    "CommitmentWithdrawn",
    "ControlEvent",
    "ConvictedParty",
    "ConvictionRecorded",
    "DeterminationMade",
    "DeterminationWaived",
    "DutyPerformed",
    "Event",
    "Finding",
    "FindingAnnulled",
    "FindingCorrected",
    "FindingEvent",
    "IdentifierAdded",
    "ListingAnnulled",
    "ListingDecided",
    "ListingDropped",
    "ListingEnded",
    "ListingEvent",
    "ListingProposed",
    "PenaltyImposed",
    "PenaltyKind",
    "ProjectionSkipApproved",
    "Publicity",
    "RestorationAccepted",
    "RestorationAnnulled",
    "RestorationEvent",
    "RestorationGranted",
    "RestorationRefused",
    "RestorationRequested",
    "RoleEnded",
    "RoleGiven",
    "RulebookEditionPublished",
    "RulebookEvent",
    "SubjectEvent",
    "SubjectRegistered",
    "SubjectRenamed",
    "TermOpened",
]

FAMILIES: Final = (subjects, findings, commitments, restorations, listings, rulebooks, control)

Event = (
    SubjectEvent
    | FindingEvent
    | CommitmentEvent
    | RestorationEvent
    | ListingEvent
    | RulebookEvent
    | ControlEvent
)

STORED_NAMES: Final[Mapping[str, type[Event]]] = MappingProxyType(
    {name: event for family in FAMILIES for name, event in family.STORED_NAMES.items()}
)
"""Stored name -> event.

A stored name is a promise to the future: classes may be renamed, these never.
"""

NAME_OF: Final[Mapping[type[Event], str]] = MappingProxyType(
    {event: name for name, event in STORED_NAMES.items()}
)
"""Event -> stored name."""

NAMED_BY: Final[Mapping[type[Event], str]] = MappingProxyType(
    {
        event: field
        for family in FAMILIES
        for event, field in getattr(family, "NAMED_BY", {}).items()
    }
)
"""Event that opens a fact -> the field that holds the fact's id, which is the record's own."""
