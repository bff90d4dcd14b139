"""Commitments (信用承诺): a promise that a subject gives, and how it was kept.

The fields are those of the commitment template in use (承诺编码, 承诺类型, 承诺事由, 承诺内容 …).
A commitment is named by the id of the event that opened it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from ..values import EventId, Line, Text
from .basis import Basis, Channel

__all__ = [
    "NAMED_BY",
    "STORED_NAMES",
    "CommitmentAssessed",
    "CommitmentClosed",
    "CommitmentEvent",
    "CommitmentKind",
    "CommitmentMade",
    "CommitmentOutcome",
    "CommitmentWithdrawn",
    "Publicity",
]


class CommitmentKind(StrEnum):
    """承诺类型: what the commitment is given for."""

    INSTEAD_OF_APPROVAL = "instead-of-approval"
    TOLERATED_ABSENCE = "tolerated-absence"
    PROOF = "proof"
    RESTORATION = "restoration"
    SELF_DISCIPLINE = "self-discipline"
    VOLUNTARY = "voluntary"
    OTHER = "other"


class CommitmentOutcome(StrEnum):
    """承诺履行状态: how far the commitment was kept."""

    KEPT = "kept"
    PARTLY_KEPT = "partly-kept"
    NOT_KEPT = "not-kept"


class Publicity(StrEnum):
    """公开类型: who may see the commitment."""

    PUBLIC = "public"
    RESTRICTED = "restricted"
    NOT_PUBLIC = "not-public"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentMade:
    """A subject promised. `term_ends_on` is the last day on which the promise binds."""

    commitment: EventId
    code: Line | None
    kind: CommitmentKind
    matter: Text
    content: Text
    liability: Text | None
    effective_on: date
    term_ends_on: date | None
    publicity: Publicity
    channel: Channel
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentAssessed:
    """An authority found how far the commitment was kept.

    May happen more than once, the latest holds.
    """

    commitment: EventId
    outcome: CommitmentOutcome
    unkept: Text | None
    consequence: Text | None
    decided_on: date
    effective_on: date
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentWithdrawn:
    """The subject took its promise back before the matter was closed."""

    commitment: EventId
    effective_on: date
    reason: Text
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentClosed:
    """Supervision of the commitment is over (监管完成)."""

    commitment: EventId
    effective_on: date
    basis: Basis


CommitmentEvent = CommitmentMade | CommitmentAssessed | CommitmentWithdrawn | CommitmentClosed

STORED_NAMES: Final[Mapping[str, type[CommitmentEvent]]] = {
    "commitment-made": CommitmentMade,
    "commitment-assessed": CommitmentAssessed,
    "commitment-withdrawn": CommitmentWithdrawn,
    "commitment-closed": CommitmentClosed,
}

NAMED_BY: Final[Mapping[type[CommitmentEvent], str]] = {
    CommitmentMade: "commitment",
}
"""Which field of an event that opens a fact holds the id under which the fact is known."""
