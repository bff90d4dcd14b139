"""Commitments: what a subject promised, how it was kept, and what may be asked about it."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, assert_never

from ..commands import (
    AssessCommitment,
    CloseCommitment,
    CommitmentCommand,
    MakeCommitment,
    WithdrawCommitment,
)
from ..events import (
    CommitmentAssessed,
    CommitmentClosed,
    CommitmentEvent,
    CommitmentMade,
    CommitmentOutcome,
    CommitmentWithdrawn,
)
from ..refusals import AlreadySettled, InvalidValue, UnknownCommitment
from ..table import Table
from ..values import EventId
from .filing import Filing, is_recorded
from .given import Rules
from .plausible import check_end, check_order
from .sameness import Key, essence

if TYPE_CHECKING:
    from ..subject import Subject

__all__ = ["Commitments", "HeldCommitment", "decide", "evolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCommitment:
    """A commitment, every word on how it was kept, and how the matter ended."""

    made: CommitmentMade
    assessments: tuple[CommitmentAssessed, ...] = ()
    withdrawn: CommitmentWithdrawn | None = None
    closed: CommitmentClosed | None = None

    @property
    def latest(self) -> CommitmentAssessed | None:
        """The assessment that holds."""
        return self.assessments[-1] if self.assessments else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitments:
    """All commitments of a subject by id, and their natural keys."""

    held: Table[EventId, HeldCommitment] = field(default_factory=Table)
    filing: Filing[CommitmentMade] = field(default_factory=Filing)


def decide(
    subject: "Subject", command: CommitmentCommand, rules: Rules
) -> tuple[CommitmentEvent, ...]:
    """What a command on commitments comes to.

    Raises:
        Refused: the days or the order of things cannot be, or the record stands otherwise.
    """
    commitments = subject.commitments
    match command:
        case MakeCommitment():
            return _make(commitments, command, rules)
        case AssessCommitment():
            return _assess(commitments, command)
        case WithdrawCommitment():
            return _withdraw(commitments, command)
        case CloseCommitment():
            return _close(commitments, command)
        case _:
            assert_never(command)


def evolve(commitments: Commitments, event: CommitmentEvent) -> Commitments:
    """The commitments after an event."""
    if isinstance(event, CommitmentMade):
        made = HeldCommitment(made=event)
        return Commitments(
            held=commitments.held.with_entry(event.commitment, made),
            filing=commitments.filing.with_fact(natural_key(event), event.commitment, event),
        )
    held = commitments.held.get(event.commitment)
    if held is None:
        return commitments
    match event:
        case CommitmentAssessed():
            held = replace(held, assessments=(*held.assessments, event))
        case CommitmentWithdrawn():
            held = replace(held, withdrawn=event)
        case CommitmentClosed():
            held = replace(held, closed=event)
        case _:
            assert_never(event)
    return replace(commitments, held=commitments.held.with_entry(event.commitment, held))


def natural_key(made: CommitmentMade) -> Key:
    """The commitment's code (承诺编码); without one all that it says."""
    return ("same", essence(made)) if made.code is None else ("code", made.code)


def _make(
    commitments: Commitments, command: MakeCommitment, rules: Rules
) -> tuple[CommitmentMade, ...]:
    check_end("term_ends_on", command.term_ends_on, command.effective_on)
    made = CommitmentMade(
        commitment=rules.fresh,
        code=command.code,
        kind=command.kind,
        matter=command.matter,
        content=command.content,
        liability=command.liability,
        effective_on=command.effective_on,
        term_ends_on=command.term_ends_on,
        publicity=command.publicity,
        channel=command.channel,
        basis=command.basis,
    )

    def standing(fact: EventId) -> tuple[CommitmentMade, bool]:
        return _held(commitments, fact).made, False

    return () if is_recorded(commitments.filing, made, natural_key, standing) else (made,)


def _assess(commitments: Commitments, command: AssessCommitment) -> tuple[CommitmentAssessed, ...]:
    held = _held(commitments, command.commitment)
    if command.outcome is not CommitmentOutcome.KEPT and command.unkept is None:
        why = f"say what was not kept, as the commitment was found {command.outcome}"
        raise InvalidValue(field="unkept", why=why)
    if command.outcome is CommitmentOutcome.KEPT and command.unkept is not None:
        why = "a commitment kept in full has nothing unkept; leave it out, or send partly-kept"
        raise InvalidValue(field="unkept", why=why)
    assessed = CommitmentAssessed(
        commitment=command.commitment,
        outcome=command.outcome,
        unkept=command.unkept,
        consequence=command.consequence,
        decided_on=command.decided_on,
        effective_on=command.effective_on or command.decided_on,
        basis=command.basis,
    )
    if assessed in held.assessments:
        return ()
    _check_open(held)
    _check_after("decided_on", command.decided_on, held)
    return (assessed,)


def _withdraw(
    commitments: Commitments, command: WithdrawCommitment
) -> tuple[CommitmentWithdrawn, ...]:
    held = _held(commitments, command.commitment)
    withdrawn = CommitmentWithdrawn(
        commitment=command.commitment,
        effective_on=command.effective_on,
        reason=command.reason,
        basis=command.basis,
    )
    if held.withdrawn == withdrawn:
        return ()
    _check_open(held)
    check_order(
        "effective_on", command.effective_on, held.made.effective_on, "the commitment's first day"
    )
    return (withdrawn,)


def _close(commitments: Commitments, command: CloseCommitment) -> tuple[CommitmentClosed, ...]:
    held = _held(commitments, command.commitment)
    closed = CommitmentClosed(
        commitment=command.commitment, effective_on=command.effective_on, basis=command.basis
    )
    if held.closed == closed:
        return ()
    _check_open(held)
    _check_after("effective_on", command.effective_on, held)
    return (closed,)


def _held(commitments: Commitments, commitment: EventId) -> HeldCommitment:
    held = commitments.held.get(commitment)
    if held is None:
        raise UnknownCommitment(commitment=commitment)
    return held


def _check_open(held: HeldCommitment) -> None:
    fact = held.made.commitment
    if held.withdrawn is not None:
        raise AlreadySettled(fact=fact, how="withdrawn", on=held.withdrawn.effective_on)
    if held.closed is not None:
        raise AlreadySettled(fact=fact, how="closed", on=held.closed.effective_on)


def _check_after(field: str, day: date, held: HeldCommitment) -> None:
    """Refuse a day before the commitment's first one, or before the latest word on it."""
    check_order(field, day, held.made.effective_on, "the commitment's first day")
    if held.latest is not None:
        check_order(field, day, held.latest.decided_on, "when it was last assessed")
