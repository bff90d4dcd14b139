"""Findings.

What an authority determined, punished or what a court convicted; and what became of the finding.

A finding is named by the id of the event that opened it (`finding`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from ..values import (
    ActId,
    Digest,
    EditionId,
    EventId,
    FileRow,
    IndicatorId,
    Line,
    Points,
    RegimeId,
    Role,
    RulebookId,
    Text,
    Yuan,
)
from .basis import Basis, Channel

__all__ = [
    "NAMED_BY",
    "STORED_NAMES",
    "Assessment",
    "ConvictedParty",
    "ConvictionRecorded",
    "DeterminationMade",
    "DeterminationWaived",
    "DutyPerformed",
    "Finding",
    "FindingAnnulled",
    "FindingCorrected",
    "FindingEvent",
    "PenaltyImposed",
    "PenaltyKind",
]


class PenaltyKind(StrEnum):
    """The kinds of administrative penalty, 行政处罚法 (2021) art. 9, and what sector law adds."""

    WARNING = "warning"
    CRITICISM = "criticism"
    FINE = "fine"
    CONFISCATION = "confiscation"
    LICENCE_SUSPENDED = "licence-suspended"
    DOWNGRADED = "downgraded"
    LICENCE_REVOKED = "licence-revoked"
    BUSINESS_RESTRICTED = "business-restricted"
    BUSINESS_SUSPENDED = "business-suspended"
    CLOSED = "closed"
    BARRED_FROM_PRACTICE = "barred-from-practice"
    STOP_NEW_BUSINESS = "stop-new-business"
    DETENTION = "detention"
    OTHER = "other"


class ConvictedParty(StrEnum):
    """Who was convicted: the subject itself, or one of its senior managers."""

    SUBJECT = "subject"
    SENIOR_MANAGEMENT = "senior-management"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """How many points an authority gives a finding where the indicator leaves a range."""

    regime: RegimeId
    indicator: IndicatorId
    points: Points


@dataclass(frozen=True, slots=True, kw_only=True)
class DeterminationMade:
    """An authority found dishonest conduct (失信行为认定) under an edition."""

    finding: EventId
    rulebook: RulebookId
    edition: EditionId
    act: ActId
    clause: Line | None
    role: Role | None
    rests_on: EventId | None
    acted_on: date | None
    decided_on: date
    effective_on: date
    published_on: date | None
    served_on: date | None
    facts: Text | None
    assessments: tuple[Assessment, ...]
    channel: Channel
    origin: FileRow | None
    irregular: Line | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltyImposed:
    """An administrative penalty (行政处罚).

    Amounts are yuan; `term_ends_on` is the last day of a ban or suspension.
    """

    finding: EventId
    kinds: tuple[PenaltyKind, ...]
    kinds_text: Text | None
    role: Role | None
    offence: Text | None
    facts: Text | None
    content: Text | None
    fine: Yuan | None
    confiscated: Yuan | None
    licence: Text | None
    acted_on: date | None
    decided_on: date
    effective_on: date
    published_on: date | None
    served_on: date | None
    term_ends_on: date | None
    valid_until: date | None
    public_until: date | None
    source: Line | None
    note: Text | None
    assessments: tuple[Assessment, ...]
    channel: Channel
    origin: FileRow | None
    irregular: Line | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvictionRecorded:
    """A court convicted the subject, or its senior management, of a crime."""

    finding: EventId
    of: ConvictedParty
    offence: Text | None
    role: Role | None
    acted_on: date | None
    decided_on: date
    effective_on: date
    term_ends_on: date | None
    assessments: tuple[Assessment, ...]
    channel: Channel
    origin: FileRow | None
    irregular: Line | None
    basis: Basis


Finding = DeterminationMade | PenaltyImposed | ConvictionRecorded


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCorrected:
    """A wrong record is repaired.

    Exactly one of the three holds the finding as it should have read from the start.
    """

    finding: EventId
    determination: DeterminationMade | None
    penalty: PenaltyImposed | None
    conviction: ConvictionRecorded | None
    reason: Text
    decided_on: date | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingAnnulled:
    """The finding is set aside from its start (撤销, 变更, 确认违法, 确认无效)."""

    finding: EventId
    decided_on: date
    effective_on: date
    reason: Text
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class DeterminationWaived:
    """An authority left an act undetermined although it could have found it, with its reasons."""

    rulebook: RulebookId
    edition: EditionId
    act: ActId
    clause: Line | None
    acted_on: date | None
    decided_on: date
    effective_on: date
    reason: Text
    evidence_of_correction: Digest | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyPerformed:
    """What a finding ordered has been done: the fine paid, the act corrected."""

    finding: EventId
    effective_on: date
    duty: Text
    basis: Basis


FindingEvent = (
    DeterminationMade
    | PenaltyImposed
    | ConvictionRecorded
    | FindingCorrected
    | FindingAnnulled
    | DeterminationWaived
    | DutyPerformed
)

STORED_NAMES: Final[Mapping[str, type[FindingEvent]]] = {
    "determination-made": DeterminationMade,
    "penalty-imposed": PenaltyImposed,
    "conviction-recorded": ConvictionRecorded,
    "finding-corrected": FindingCorrected,
    "finding-annulled": FindingAnnulled,
    "determination-waived": DeterminationWaived,
    "duty-performed": DutyPerformed,
}

NAMED_BY: Final[Mapping[type[FindingEvent], str]] = {
    DeterminationMade: "finding",
    PenaltyImposed: "finding",
    ConvictionRecorded: "finding",
}
"""Which field of an event that opens a fact holds the id under which the fact is known."""
