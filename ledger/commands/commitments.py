"""What may be asked about commitments."""

from dataclasses import dataclass
from datetime import date

from ..events.basis import UNKNOWN_BASIS, Basis, Channel
from ..events.commitments import CommitmentKind, CommitmentOutcome, Publicity
from ..values import EventId, Line, Text

__all__ = [
    "NAMES",
    "AssessCommitment",
    "CloseCommitment",
    "CommitmentCommand",
    "MakeCommitment",
    "WithdrawCommitment",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeCommitment:
    """Record a subject's promise; `term_ends_on` is the last day on which it binds."""

    kind: CommitmentKind
    matter: Text
    content: Text
    effective_on: date
    term_ends_on: date | None = None
    code: Line | None = None
    liability: Text | None = None
    publicity: Publicity = Publicity.PUBLIC
    channel: Channel = Channel.DECIDED_HERE
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessCommitment:
    """Record how far a commitment was kept.

    What was not kept must be said unless it was kept in full.
    """

    commitment: EventId
    outcome: CommitmentOutcome
    decided_on: date
    effective_on: date | None = None
    unkept: Text | None = None
    consequence: Text | None = None
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawCommitment:
    """Record that the subject took its promise back before the matter was closed."""

    commitment: EventId
    effective_on: date
    reason: Text
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseCommitment:
    """Record that supervision of the commitment is over."""

    commitment: EventId
    effective_on: date
    basis: Basis = UNKNOWN_BASIS


CommitmentCommand = MakeCommitment | AssessCommitment | WithdrawCommitment | CloseCommitment

NAMES: dict[str, type[CommitmentCommand]] = {
    "make-commitment": MakeCommitment,
    "assess-commitment": AssessCommitment,
    "withdraw-commitment": WithdrawCommitment,
    "close-commitment": CloseCommitment,
}
