"""Findings: which stand, under which natural keys, and what may be asked about them."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, assert_never

from ..commands import (
    AnnulFinding,
    CorrectFinding,
    FindingCommand,
    ImposePenalty,
    MakeDetermination,
    RecordConviction,
    RecordPerformance,
    WaiveDetermination,
)
from ..events import (
    ConvictionRecorded,
    DeterminationMade,
    DeterminationWaived,
    DutyPerformed,
    Finding,
    FindingAnnulled,
    FindingCorrected,
    FindingEvent,
    PenaltyImposed,
)
from ..refusals import (
    AlreadyAnnulled,
    AlreadySettled,
    DiffersFromRecorded,
    InvalidValue,
    NotWaivable,
    Refused,
    UnknownAct,
    UnknownFinding,
)
from ..table import Table
from ..values import EventId, Line
from .filing import Filing, is_recorded
from .given import Rules, cite, edition_on
from .opening import Opening, opened
from .plausible import check_digest, check_given, check_happened, check_order
from .sameness import Key, differences, essence, paper_key

if TYPE_CHECKING:
    from ..subject import Subject

__all__ = ["Findings", "HeldFinding", "decide", "evolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFinding:
    """A finding as it should have read from the start, and what became of it."""

    content: Finding
    annulled: FindingAnnulled | None = None
    performed: DutyPerformed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All findings of a subject by id, their natural keys, and the waivers on record."""

    held: Table[EventId, HeldFinding] = field(default_factory=Table)
    filing: Filing[Finding] = field(default_factory=Filing)
    waived: Table[DeterminationWaived, DeterminationWaived] = field(default_factory=Table)


def decide(subject: "Subject", command: FindingCommand, rules: Rules) -> tuple[FindingEvent, ...]:
    """What a command on findings comes to.

    Raises:
        Refused: an instrument forbids it, or the record stands otherwise.
    """
    match command:
        case MakeDetermination() | ImposePenalty() | RecordConviction():
            finding = opened(subject, command, rules, rules.fresh)
            return () if _is_recorded(subject.findings, finding) else (finding,)
        case CorrectFinding():
            return _correct(subject, command, rules)
        case AnnulFinding():
            return _annul(subject.findings, command)
        case WaiveDetermination():
            return _waive(subject.findings, command, rules)
        case RecordPerformance():
            return _perform(subject.findings, command, rules)
        case _:
            assert_never(command)


def evolve(findings: Findings, event: FindingEvent) -> Findings:
    """The findings after an event."""
    match event:
        case DeterminationMade() | PenaltyImposed() | ConvictionRecorded():
            return _with(findings, event.finding, HeldFinding(content=event))
        case FindingCorrected():
            content = event.determination or event.penalty or event.conviction
            held = findings.held.get(event.finding)
            if held is None or content is None:
                return findings
            return _with(findings, event.finding, replace(held, content=content))
        case FindingAnnulled():
            held = findings.held.get(event.finding)
            return _changed(findings, held and replace(held, annulled=event))
        case DutyPerformed():
            held = findings.held.get(event.finding)
            return _changed(findings, held and replace(held, performed=event))
        case DeterminationWaived():
            return replace(findings, waived=findings.waived.with_entry(essence(event), event))
        case _:
            assert_never(event)


# Opening and correcting --------------------------------------------------------------------------


def natural_key(finding: Finding) -> Key:
    """What names the finding in the world.

    A penalty is known by its document; one document may find several acts, or convict of several
    offences.
    """
    paper = paper_key(finding.basis)
    if paper is None:
        return ("same", essence(finding))
    match finding:
        case PenaltyImposed():
            return ("penalty", *paper)
        case DeterminationMade():
            return ("determination", *paper, finding.rulebook, finding.act)
        case ConvictionRecorded():
            return ("conviction", *paper, finding.of, finding.offence)
        case _:
            assert_never(finding)


def _is_recorded(findings: Findings, sent: Finding) -> bool:
    def standing(fact: EventId) -> tuple[Finding, bool]:
        held = findings.held.get(fact)
        assert held is not None, f"{fact} is filed but not held"
        return held.content, held.annulled is not None

    return is_recorded(findings.filing, sent, natural_key, standing)


def _correct(
    subject: "Subject", command: CorrectFinding, rules: Rules
) -> tuple[FindingCorrected, ...]:
    held = _standing(subject.findings, command.finding)
    place, inner = _given(command)
    try:
        check_given(inner, rules.today)
        content = opened(subject, inner, rules, command.finding)
        if type(content) is not type(held.content):
            recorded = _PLACES[type(held.content)]
            why = f"{command.finding} is a {recorded}; annul it and record what it was instead"
            raise InvalidValue(field="", why=why)
        _check_key_is_free(subject.findings, held.content, content)
    except Refused as refusal:
        raise refusal.under(place) from None
    if not differences(held.content, content):
        return ()
    corrected = FindingCorrected(
        finding=command.finding,
        determination=content if isinstance(content, DeterminationMade) else None,
        penalty=content if isinstance(content, PenaltyImposed) else None,
        conviction=content if isinstance(content, ConvictionRecorded) else None,
        reason=command.reason,
        decided_on=command.decided_on,
        basis=command.basis,
    )
    return (corrected,)


_PLACES = {
    DeterminationMade: "determination",
    PenaltyImposed: "penalty",
    ConvictionRecorded: "conviction",
}


def _given(command: CorrectFinding) -> tuple[str, Opening]:
    """Which of the three says how the finding should have read, and what it says."""
    given = [
        (place, inner)
        for place in _PLACES.values()
        if (inner := getattr(command, place)) is not None
    ]
    if len(given) != 1:
        why = f"send exactly one of determination, penalty, conviction; {len(given)} were sent"
        raise InvalidValue(field="determination", why=why)
    return given[0]


def _check_key_is_free(findings: Findings, before: Finding, after: Finding) -> None:
    """Refuse to move a finding to the natural key of another one."""
    key = natural_key(after)
    filed = findings.filing.under(key)
    if key == natural_key(before) or filed is None or filed[0] == before.finding:
        return
    holder = findings.held.get(filed[0])
    if holder is not None and natural_key(holder.content) == key:
        fields = differences(holder.content, after) or ("basis/document_number",)
        raise DiffersFromRecorded(fact=filed[0], fields=fields)


# What becomes of a finding -----------------------------------------------------------------------


def _annul(findings: Findings, command: AnnulFinding) -> tuple[FindingAnnulled, ...]:
    held = _held(findings, command.finding)
    annulled = FindingAnnulled(
        finding=command.finding,
        decided_on=command.decided_on,
        effective_on=command.effective_on or command.decided_on,
        reason=command.reason,
        basis=command.basis,
    )
    if held.annulled == annulled:
        return ()
    if held.annulled is not None:
        raise AlreadyAnnulled(fact=command.finding, field="finding")
    check_order(
        "decided_on", command.decided_on, held.content.decided_on, "when the finding was decided"
    )
    return (annulled,)


def _perform(
    findings: Findings, command: RecordPerformance, rules: Rules
) -> tuple[DutyPerformed, ...]:
    held = _standing(findings, command.finding)
    check_happened("effective_on", command.effective_on, rules.today)
    performed = DutyPerformed(
        finding=command.finding,
        effective_on=command.effective_on,
        duty=command.duty,
        basis=command.basis,
    )
    if held.performed == performed:
        return ()
    if held.performed is not None:
        on = held.performed.effective_on
        raise AlreadySettled(fact=command.finding, how="performed", on=on)
    check_order(
        "effective_on", command.effective_on, held.content.decided_on, "when it was ordered"
    )
    return (performed,)


def _waive(
    findings: Findings, command: WaiveDetermination, rules: Rules
) -> tuple[DeterminationWaived, ...]:
    check_order("decided_on", command.decided_on, command.acted_on, "the day of the act")
    check_digest("evidence_of_correction", command.evidence_of_correction)
    edition = edition_on(rules, command.rulebook, command.decided_on, "decided_on")
    act = edition.act(command.act)
    if act is None:
        known = [one.id for one in edition.acts]
        raise UnknownAct(act=command.act, edition=edition.id, known=known)
    if act.waiver is None:
        raise NotWaivable(act=act.id, rule=cite(edition.id, act.mark))
    waived = DeterminationWaived(
        rulebook=command.rulebook,
        edition=edition.id,
        act=command.act,
        clause=Line(act.waiver),
        acted_on=command.acted_on,
        decided_on=command.decided_on,
        effective_on=command.effective_on or command.decided_on,
        reason=command.reason,
        evidence_of_correction=command.evidence_of_correction,
        basis=command.basis,
    )
    return () if essence(waived) in findings.waived else (waived,)


def _held(findings: Findings, finding: EventId) -> HeldFinding:
    held = findings.held.get(finding)
    if held is None:
        raise UnknownFinding(finding=finding)
    return held


def _standing(findings: Findings, finding: EventId) -> HeldFinding:
    held = _held(findings, finding)
    if held.annulled is not None:
        raise AlreadyAnnulled(fact=finding, field="finding")
    return held


def _with(findings: Findings, finding: EventId, held: HeldFinding) -> Findings:
    content = held.content
    return replace(
        findings,
        held=findings.held.with_entry(finding, held),
        filing=findings.filing.with_fact(natural_key(content), finding, content),
    )


def _changed(findings: Findings, held: HeldFinding | None) -> Findings:
    if held is None:
        return findings
    return replace(findings, held=findings.held.with_entry(held.content.finding, held))
