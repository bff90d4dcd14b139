"""The finding that a command would open, checked against its instrument."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, assert_never

from ..commands import ImposePenalty, MakeDetermination, RecordConviction
from ..events import ConvictionRecorded, DeterminationMade, Finding, PenaltyImposed
from ..refusals import ActNeedsGround, InvalidValue, Refused, UnknownAct
from ..rulebook import Edition
from ..values import EventId
from .assessments import check_assessments
from .given import Rules, cite, clause_of, edition_on, unless_elsewhere
from .grounds import check_ground, stands_as
from .plausible import check_end, check_order

if TYPE_CHECKING:
    from ..subject import Subject

__all__ = ["Opening", "opened"]

Opening = MakeDetermination | ImposePenalty | RecordConviction


def opened(subject: "Subject", command: Opening, rules: Rules, finding: EventId) -> Finding:
    """The finding that the command asks for, under the id `finding`.

    Raises:
        Refused: its days, its act, its ground or its points cannot stand. A rule of the instrument
            that a fact decided elsewhere breaks is noted in `irregular`.
    """
    check_order("decided_on", command.decided_on, command.acted_on, "the day of the act")
    check_assessments(command.assessments, rules)
    match command:
        case MakeDetermination():
            return _determination(subject, command, rules, finding)
        case ImposePenalty():
            return _penalty(command, finding)
        case RecordConviction():
            return _conviction(command, finding)
        case _:
            assert_never(command)


def _determination(
    subject: "Subject", command: MakeDetermination, rules: Rules, finding: EventId
) -> DeterminationMade:
    edition = edition_on(rules, command.rulebook, command.decided_on, "decided_on")
    check_ground(subject, command.rests_on)
    act = edition.act(command.act)
    return DeterminationMade(
        finding=finding,
        rulebook=command.rulebook,
        edition=edition.id,
        act=command.act,
        clause=clause_of(act.mark if act else None),
        role=command.role,
        rests_on=command.rests_on,
        acted_on=command.acted_on,
        decided_on=command.decided_on,
        effective_on=command.effective_on or command.decided_on,
        published_on=command.published_on,
        served_on=command.served_on,
        facts=command.facts,
        assessments=command.assessments,
        channel=command.channel,
        origin=command.origin,
        irregular=unless_elsewhere(command.channel, _breaches(subject, command, edition)),
        basis=command.basis,
    )


def _breaches(
    subject: "Subject", command: MakeDetermination, edition: Edition
) -> Iterator[Refused]:
    """What the edition forbids about the determination."""
    act = edition.act(command.act)
    if act is None:
        known = [one.id for one in edition.acts]
        yield UnknownAct(act=command.act, edition=edition.id, known=known)
        return
    ground = act.rests_on
    if ground is None:
        return
    if command.rests_on is None or not stands_as(subject, command.rests_on, ground):
        yield ActNeedsGround(act=act.id, ground=ground, rule=cite(edition.id, act.mark))


def _penalty(command: ImposePenalty, finding: EventId) -> PenaltyImposed:
    if not command.kinds:
        why = "a penalty is of one kind or more; send other where its kind is not known"
        raise InvalidValue(field="kinds", why=why)
    effective_on = command.effective_on or command.decided_on
    _check_ends(command, effective_on, "term_ends_on", "valid_until", "public_until")
    return PenaltyImposed(
        finding=finding,
        kinds=tuple(dict.fromkeys(command.kinds)),
        kinds_text=command.kinds_text,
        role=command.role,
        offence=command.offence,
        facts=command.facts,
        content=command.content,
        fine=command.fine,
        confiscated=command.confiscated,
        licence=command.licence,
        acted_on=command.acted_on,
        decided_on=command.decided_on,
        effective_on=effective_on,
        published_on=command.published_on,
        served_on=command.served_on,
        term_ends_on=command.term_ends_on,
        valid_until=command.valid_until,
        public_until=command.public_until,
        source=command.source,
        note=command.note,
        assessments=command.assessments,
        channel=command.channel,
        origin=command.origin,
        irregular=None,
        basis=command.basis,
    )


def _conviction(command: RecordConviction, finding: EventId) -> ConvictionRecorded:
    effective_on = command.effective_on or command.decided_on
    _check_ends(command, effective_on, "term_ends_on")
    return ConvictionRecorded(
        finding=finding,
        of=command.of,
        offence=command.offence,
        role=command.role,
        acted_on=command.acted_on,
        decided_on=command.decided_on,
        effective_on=effective_on,
        term_ends_on=command.term_ends_on,
        assessments=command.assessments,
        channel=command.channel,
        origin=command.origin,
        irregular=None,
        basis=command.basis,
    )


def _check_ends(command: Opening, begins: date, *fields: str) -> None:
    for field in fields:
        check_end(field, getattr(command, field), begins)
