"""What may be asked about findings."""

from dataclasses import dataclass
from datetime import date

from ..events.basis import UNKNOWN_BASIS, Basis, Channel
from ..events.findings import Assessment, ConvictedParty, PenaltyKind
from ..values import ActId, Digest, EventId, FileRow, Line, Role, RulebookId, Text, Yuan

__all__ = [
    "NAMES",
    "AnnulFinding",
    "CorrectFinding",
    "FindingCommand",
    "ImposePenalty",
    "MakeDetermination",
    "RecordConviction",
    "RecordPerformance",
    "WaiveDetermination",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeDetermination:
    """Record a finding of dishonest conduct under the edition in force on `decided_on`."""

    rulebook: RulebookId
    act: ActId
    decided_on: date
    effective_on: date | None = None
    acted_on: date | None = None
    published_on: date | None = None
    served_on: date | None = None
    role: Role | None = None
    rests_on: EventId | None = None
    facts: Text | None = None
    assessments: tuple[Assessment, ...] = ()
    channel: Channel = Channel.DECIDED_HERE
    origin: FileRow | None = None
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class ImposePenalty:
    """Record an administrative penalty.

    Amounts in yuan. The same decision sent again is nothing to do.
    """

    kinds: tuple[PenaltyKind, ...]
    decided_on: date
    effective_on: date | None = None
    acted_on: date | None = None
    published_on: date | None = None
    served_on: date | None = None
    term_ends_on: date | None = None
    valid_until: date | None = None
    public_until: date | None = None
    kinds_text: Text | None = None
    role: Role | None = None
    offence: Text | None = None
    facts: Text | None = None
    content: Text | None = None
    fine: Yuan | None = None
    confiscated: Yuan | None = None
    licence: Text | None = None
    source: Line | None = None
    note: Text | None = None
    assessments: tuple[Assessment, ...] = ()
    channel: Channel = Channel.DECIDED_HERE
    origin: FileRow | None = None
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordConviction:
    """Record that a court convicted the subject or its senior management."""

    of: ConvictedParty
    decided_on: date
    effective_on: date | None = None
    acted_on: date | None = None
    term_ends_on: date | None = None
    role: Role | None = None
    offence: Text | None = None
    assessments: tuple[Assessment, ...] = ()
    channel: Channel = Channel.DECIDED_HERE
    origin: FileRow | None = None
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectFinding:
    """Repair a wrong record.

    Exactly one of the three says how the finding should have read from the start.
    """

    finding: EventId
    reason: Text
    determination: MakeDetermination | None = None
    penalty: ImposePenalty | None = None
    conviction: RecordConviction | None = None
    decided_on: date | None = None
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnulFinding:
    """Set a finding aside from its start."""

    finding: EventId
    decided_on: date
    reason: Text
    effective_on: date | None = None
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiveDetermination:
    """Record that an authority left an act undetermined, with its reasons."""

    rulebook: RulebookId
    act: ActId
    decided_on: date
    reason: Text
    effective_on: date | None = None
    acted_on: date | None = None
    evidence_of_correction: Digest | None = None
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPerformance:
    """Record that what a finding ordered has been done."""

    finding: EventId
    effective_on: date
    duty: Text
    basis: Basis = UNKNOWN_BASIS


FindingCommand = (
    MakeDetermination
    | ImposePenalty
    | RecordConviction
    | CorrectFinding
    | AnnulFinding
    | WaiveDetermination
    | RecordPerformance
)

NAMES: dict[str, type[FindingCommand]] = {
    "make-determination": MakeDetermination,
    "impose-penalty": ImposePenalty,
    "record-conviction": RecordConviction,
    "correct-finding": CorrectFinding,
    "annul-finding": AnnulFinding,
    "waive-determination": WaiveDetermination,
    "record-performance": RecordPerformance,
}
