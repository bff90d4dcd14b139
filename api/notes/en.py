"""The note in English, as a lawyer would put it: conclusion, reasons, doubts, what comes next."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Final, assert_never

from ledger.courses.facts import FindingFact, ListingFact
from ledger.courses.restoration import RestorationAnswer
from ledger.courses.states import CLEAR
from ledger.dates import last_day_before
from ledger.events import (
    Basis,
    ConvictedParty,
    ConvictionRecorded,
    DeterminationMade,
    PenaltyImposed,
    PenaltyKind,
)
from ledger.explanation import LISTED, UNDER_MEASURES, Explanation
from ledger.identifiers import IdentifierKind
from ledger.rulebook import (
    Edition,
    ListingRegime,
    MeasuresRegime,
    RestorationRegime,
    ScoringRegime,
    Status,
)

from .noted import Doubt, Ground, Noted, Rule

__all__ = ["write"]

# Words --------------------------------------------------------------------------------------------

_CODES: Final[Mapping[IdentifierKind, str]] = {
    IdentifierKind.USCC: "unified social credit code",
    IdentifierKind.ORGANISATION_CODE: "organisation code",
    IdentifierKind.REGISTRATION_NUMBER: "registration number",
    IdentifierKind.AGENCY_CODE: "agency code",
    IdentifierKind.AGENT_CERTIFICATE: "agent certificate",
    IdentifierKind.PERSON: "person",
}
# 国家知识产权局知识产权信用管理规定, art. 6: an edition names acts, it does not word them.
_ACTS: Final[Mapping[str, str]] = {
    "ABNORMAL_PATENT_FILING": "patent filings not aimed at protecting innovation",
    "BAD_FAITH_TM_FILING": "bad-faith trademark filing",
    "AGENCY_PENALISED": "unlawful patent or trademark agency work that was penalised",
    "FALSE_MATERIAL": "false material, or concealment, in a request for confirmation",
    "COMMITMENT_BREACH": "a credit commitment that was untrue or not kept",
    "REFUSE_TO_PERFORM": "refusal to perform although able to",
    "OTHER_CATALOGUE": "another item of the public-credit catalogue",
    "REPEATED_INFRINGEMENT": "repeated infringement",
    "FILINGS_PER_AGENT": "an abnormal number of filings per agent",
}
_PENALTIES: Final[Mapping[PenaltyKind, str]] = {
    PenaltyKind.WARNING: "a warning",
    PenaltyKind.CRITICISM: "public criticism",
    PenaltyKind.FINE: "a fine",
    PenaltyKind.CONFISCATION: "confiscation",
    PenaltyKind.LICENCE_SUSPENDED: "suspension of a licence",
    PenaltyKind.DOWNGRADED: "downgrading of a qualification",
    PenaltyKind.LICENCE_REVOKED: "revocation of a licence",
    PenaltyKind.BUSINESS_RESTRICTED: "restriction of business",
    PenaltyKind.BUSINESS_SUSPENDED: "suspension of business",
    PenaltyKind.CLOSED: "closure",
    PenaltyKind.BARRED_FROM_PRACTICE: "a bar from practice",
    PenaltyKind.STOP_NEW_BUSINESS: "an order to take on no new business",
    PenaltyKind.DETENTION: "detention",
    PenaltyKind.OTHER: "another administrative penalty",
}
_DOUBTS: Final[Mapping[Doubt, str]] = {
    Doubt.BASE: "the base",
    Doubt.LIMIT: "the limit",
    Doubt.POINTS: "the points",
    Doubt.START: "the day from which it counts",
    Doubt.START_NOT_PUBLISHED: "the day from which it counts (not published)",
    Doubt.VALIDITY: "how long it counts",
    Doubt.WEIGHT: "the weight",
    Doubt.EARLIER_FACTS: "whether facts from before the edition count",
    Doubt.ENTRY: "the entry on the list",
    Doubt.PERIOD: "the period",
    Doubt.REPEAT: "how periods follow one another",
    Doubt.CAP: "the cap on a chain of periods",
    Doubt.OTHERS: "the dates of the others when one ends early",
}
_STATUSES: Final[Mapping[Status, str]] = {
    Status.UNCHECKED: "UNVERIFIED: the text of these rules has not been compared with the "
    "instrument as its authority published it; every conclusion below is to be read so.",
    Status.DRAFT: "DRAFT: these rules are not in force; the note is a simulation.",
    Status.DEMO: "INVENTED: these rules were made up for demonstration; no authority issued them "
    "and none of their figures is law.",
}
_NO_ASSESSMENT: Final = re.compile(r"no assessment: points from (\S+) to (\S+)")
_UNSURE: Final = " [unverified]"


# The note -----------------------------------------------------------------------------------------


def write(noted: Noted) -> Iterator[str]:
    """The lines of the note."""
    yield "NOTE ON CREDIT STANDING IN INTELLECTUAL PROPERTY"
    yield ""
    yield from _head(noted)
    sections = (
        ("Conclusion", _conclusion(noted)),
        ("Reasons" if noted.now.score is None else "Reasons and arithmetic", _reasons(noted)),
        ("Measures", _measures(noted)),
        ("What is not verified or not complete", _doubts(noted)),
        ("What comes next", _changes(noted)),
        ("Restoration", _restorations(noted)),
    )
    number = 0
    for title, lines in sections:
        said = list(lines)
        if said:
            number += 1
            yield ""
            yield f"{number}. {title}"
            yield from said
    yield ""
    yield (
        "This note is made from the records of the ledger; each fact names its record, by which it "
        "can be checked. It is not legal advice."
    )


def _head(noted: Noted) -> Iterator[str]:
    subject = noted.subject
    codes = "".join(f", {_CODES[one.kind]} {one.value}" for one in subject.identifiers)
    yield f"Subject: {subject.name or 'name not recorded'} ({subject.kind}{codes})"
    yield f"Ledger id: {subject.subject}"
    forecast = " (a day to come, from what is on record)" if noted.is_forecast else ""
    yield f"As of: {noted.at.as_of}{forecast}"
    yield f"As known at: position {noted.at.known_at} of the ledger"
    if noted.edition is not None:
        yield f"Rules: {_rules(noted.edition)}, edition {noted.edition.id}"
    yield f"Regime: {noted.now.regime}"
    if noted.edition is not None and noted.edition.status in _STATUSES:
        yield _STATUSES[noted.edition.status]


def _rules(edition: Edition) -> str:
    number = "" if edition.number is None else f" ({edition.number})"
    return f"{edition.title}{number}"


def _conclusion(noted: Noted) -> Iterator[str]:
    now = noted.now
    mark = "" if now.verified else _UNSURE
    if now.score is not None:
        grade = "no grade" if now.grade is None else f"grade {now.grade}"
        yield f"On {noted.at.as_of} the subject has {grade}, {_number(now.score)} points{mark}."
    else:
        yield f"On {noted.at.as_of} {_state(noted, now.state)}{mark}."
    yield from _term(now)


def _state(noted: Noted, state: str) -> str:
    match state:
        case "no-edition":
            return "no edition in force has this regime, so that there is nothing to say under it"
        case "does-not-apply":
            wanted = () if noted.regime is None else noted.regime.applies_to
            named = ", ".join(wanted)
            return f"the subject has none of the kinds and roles of the regime ({named})"
        case s if s == UNDER_MEASURES:
            return "the subject is under management measures"
        case s if s == LISTED:
            return f"the subject is on the list {_list_named(noted)}"
        case s if s == CLEAR and noted.kind is MeasuresRegime:
            return "the subject is under no management measures"
        case s if s == CLEAR and noted.kind is ListingRegime:
            return f"the subject is not on the list {_list_named(noted)}"
        case s if s == CLEAR and noted.kind is RestorationRegime:
            return "nothing is held against the subject under this regime: it only ends things"
        case _:
            return state


def _list_named(noted: Noted) -> str:
    for ground in noted.grounds:
        if isinstance(ground.fact, ListingFact) and ground.fact.list_name is not None:
            return f"“{ground.fact.list_name}”"
    regimes = [found for _, found in noted.rulebooks.editions_with(noted.now.regime)]
    return next((one.list for one in regimes if isinstance(one, ListingRegime)), noted.now.regime)


def _term(now: Explanation) -> Iterator[str]:
    """From when, and until which last day, what holds does."""
    if now.from_ is None and now.until is None:
        return
    since = "" if now.from_ is None else f" since {now.from_}"
    if now.until is None:
        yield f"It has been so{since}; nothing on record ends it."
    else:
        yield f"It holds{since}, to the end of {last_day_before(now.until)}."


# Reasons ------------------------------------------------------------------------------------------


def _reasons(noted: Noted) -> Iterator[str]:
    for ground in noted.grounds:
        yield f"({ground.number}) {_reason(noted, ground)}"
    if noted.now.score is not None and noted.grounds:
        yield _sum(noted)


def _reason(noted: Noted, ground: Ground) -> str:
    line = ground.reason
    mark = "" if line.verified else _UNSURE
    if ground.rule is not None:
        return f"{_rule(ground)}{mark}."
    if ground.same_as is not None:
        fact = f"The decision in ({ground.same_as})"
    else:
        fact = "A fact that is not on record" if ground.fact is None else _fact(noted, ground.fact)
    notes = "".join(f"; {one}" for one in _notes(line.note))
    return f"{fact}. {_counted(noted, ground)}{notes}{mark}. (Record {line.position}.)"


def _rule(ground: Ground) -> str:
    line = ground.reason
    points = "" if line.points is None else f": {_signed(line.points)} points"
    whose = "the score" if ground.title is None else f"“{ground.title}”"
    clause = _cited(line.clause)
    match ground.rule:
        case Rule.BASE:
            return f"Base{clause}{points}"
        case Rule.FLOOR:
            return f"The floor of {whose}{clause}{points}"
        case Rule.CEILING:
            return f"The ceiling of {whose}{clause}{points}"
        case Rule.CAP:
            return f"The cap while on the list {ground.title}{clause}{points}"
        case None:
            return ""
        case never:
            assert_never(never)


def _counted(noted: Noted, ground: Ground) -> str:
    """What the regime makes of the fact, and for which days."""
    line = ground.reason
    days = _days(line.from_, line.until)
    clause = _cited(line.clause)
    if noted.kind is ScoringRegime:
        points = "no points yet" if line.points is None else f"{_signed(line.points)} points"
        return f"Counts under “{ground.title}”{clause}: {points}, {days}"
    what = "On the list" if noted.kind is ListingRegime else "Measures run"
    return f"{what}{clause} {days}"


def _sum(noted: Noted) -> str:
    counted = [one.reason.points for one in noted.grounds if one.reason.points is not None]
    terms = "".join(_summand(points, first=not place) for place, points in enumerate(counted))
    missing = [str(one.number) for one in noted.grounds if one.reason.points is None]
    without = f" (without {', '.join(missing)}, which has no points yet)" if missing else ""
    assert noted.now.score is not None, "a sum is of a score"
    return f"Together: {terms} = {_number(noted.now.score)} points{without}."


def _summand(points: Decimal, *, first: bool) -> str:
    if first:
        return _number(points)
    return f" - {_number(-points)}" if points < 0 else f" + {_number(points)}"


def _fact(noted: Noted, fact: FindingFact | ListingFact) -> str:
    """The decision behind a reason: who, when, by which document, on what ground."""
    if isinstance(fact, ListingFact):
        said = _listing(fact)
    else:
        said = _finding(noted, fact)
        if fact.corrected_at is not None:
            said += f"; corrected by record {fact.corrected_at}"
        if fact.performed_on is not None:
            said += f"; what it ordered was done on {fact.performed_on}"
    content = fact.decided if isinstance(fact, ListingFact) else fact.content
    irregular = None if content is None else content.irregular
    return said if irregular is None else f"{said}; recorded as it is, though against {irregular}"


def _finding(noted: Noted, fact: FindingFact) -> str:
    content = fact.content
    by = _by(content.basis, content.decided_on)
    match content:
        case DeterminationMade():
            edition = noted.rulebooks.edition(content.edition)
            rules = content.edition if edition is None else edition.title
            acting = "" if content.role is None else f" (as {content.role})"
            act = _ACTS.get(content.act, content.act)
            under = f"({rules}{_art(content.clause)})"
            return f"{by} found against the subject{acting}: {act} {under}"
        case PenaltyImposed():
            said = f"{by} imposed {_penalties(content)}{_under(content.basis)}"
            return said if content.offence is None else f"{said}, for: {content.offence}"
        case ConvictionRecorded():
            own = content.of is ConvictedParty.SUBJECT
            whom = "the subject" if own else "senior management of the subject"
            offence = "a crime" if content.offence is None else str(content.offence)
            return f"{by} convicted {whom} of {offence}"
        case never:
            assert_never(never)


def _penalties(content: PenaltyImposed) -> str:
    ends = content.term_ends_on
    named = " and ".join(_penalty(kind, content) for kind in content.kinds)
    return named if ends is None else f"{named}, to the end of {ends}"


def _penalty(kind: PenaltyKind, content: PenaltyImposed) -> str:
    """One kind of penalty, with its amount; of another kind what the decision called it."""
    named = _PENALTIES[kind]
    if kind is PenaltyKind.FINE and content.fine is not None:
        return f"{named} of {_yuan(content.fine)} yuan"
    if kind is PenaltyKind.CONFISCATION and content.confiscated is not None:
        return f"{named} of {_yuan(content.confiscated)} yuan"
    if kind is PenaltyKind.OTHER and content.kinds_text is not None:
        return f"{named} ({content.kinds_text})"
    return named


def _under(basis: Basis) -> str:
    return "" if basis.instrument is None else f" under {basis.instrument}{_art(basis.clause)}"


def _listing(fact: ListingFact) -> str:
    name = fact.list_name or fact.list
    decided = fact.decided
    if decided is None:
        return f"It was proposed to put the subject on the list “{name}”"
    by = _by(decided.basis, decided.decided_on)
    undated = "" if decided.dated else " (the list does not say when; the day of import stands in)"
    reason = "" if decided.reason is None else f", for: {decided.reason}"
    return f"{by} put the subject on the list “{name}” from {decided.effective_on}{undated}{reason}"


def _by(basis: Basis, decided_on: date | None) -> str:
    """The authority, the day and the document number; what is not recorded is said to be so."""
    authority = basis.authority
    named = None if authority is None else (authority.name or authority.code)
    day = "a day not recorded" if decided_on is None else decided_on
    number = basis.document_number
    by = f"on {day} (document number not recorded)" if number is None else f"by {number} of {day}"
    return f"{named or 'An authority not recorded'}, {by},"


# The rest -----------------------------------------------------------------------------------------


def _measures(noted: Noted) -> Iterator[str]:
    for number, measure in enumerate(noted.measures, start=1):
        mark = "" if measure.mark.verified else _UNSURE
        yield f"({number}) {measure.text}{_cited(measure.mark.clause)}{mark}."


def _doubts(noted: Noted) -> Iterator[str]:
    edition = noted.edition
    if edition is not None and edition.status is Status.DEMO:
        yield "These rules are invented, so that there is nothing to verify them by."
    else:
        if edition is not None and not edition.in_force.verified:
            yield f"The days on which edition {edition.id} is in force are not verified."
        if not noted.is_band_sure:
            yield f"The bounds of grade {noted.now.grade} are not verified."
        for doubts, numbers in noted.doubtful:
            said = ", ".join(_DOUBTS[doubt] for doubt in doubts)
            yield f"In ({'), ('.join(map(str, numbers))}), not verified: {said}."
    for ground in noted.grounds:
        if noted.now.score is not None and ground.reason.points is None:
            why = "; ".join(_notes(ground.why_without_points)) or "no points yet"
            yield f"({ground.number}) is not in the score until it is assessed: {why}."


def _changes(noted: Noted) -> Iterator[str]:
    then = noted.then
    if then is None or noted.now.next is None:
        yield "Nothing on record changes it."
        return
    if then.score is not None:
        became = f"the subject has grade {then.grade}, {_number(then.score)} points"
    else:
        became = _state(noted, then.state)
    causes = "; ".join(_causes(noted, then))
    yield f"From {noted.now.next.from_} on, {became}{causes and f', because {causes}'}."


def _causes(noted: Noted, then: Explanation) -> Iterator[str]:
    now = noted.now
    if now.edition != then.edition:
        ended = f"edition {now.edition} is no longer in force"
        yield ended if then.edition is None else f"edition {then.edition} comes into force"
    elif (now.state == "does-not-apply") != (then.state == "does-not-apply"):
        gained = now.state == "does-not-apply"
        yield f"the subject {'takes' if gained else 'no longer has'} a kind or role of the regime"
    for ground in noted.ends:
        yield f"({ground.number}){_name(ground)} ends the day before{_cited(ground.reason.clause)}"
    for ground in noted.begins:
        yield f"{_name(ground).strip() or 'another'} begins{_cited(ground.reason.clause)}"


def _name(ground: Ground) -> str:
    """A reason in few words, behind a space."""
    if ground.rule is not None:
        return f" {_rule(ground)}"
    said = ", ".join(one for one in (ground.title, ground.document_number) if one is not None)
    return f" {said}" if said else ""


def _restorations(noted: Noted) -> Iterator[str]:
    answers = noted.now.restorations
    for answer in answers:
        yield _restoration(noted, answer)
    if not answers and noted.grounds:
        yield "For none of these facts do published rules let a restoration be asked any more."


def _restoration(noted: Noted, answer: RestorationAnswer) -> str:
    ground = noted.ground_of(answer.fact)
    fact = noted.fact(answer.fact)
    if ground is not None:
        what = f"({ground.number}){_name(ground)}"
    else:
        what = "A fact" if fact is None else _fact(noted, fact)
    edition = noted.rulebooks.edition(answer.edition)
    rules = answer.edition if edition is None else edition.title
    notes = "".join(f"; {one}" for one in _notes(answer.note))
    mark = "" if answer.verified else _UNSURE
    when = (
        "it cannot be said from when a restoration may be asked"
        if answer.earliest_request is None
        else f"a restoration may be asked from {answer.earliest_request} on"
    )
    ends = f"it ends what follows in {', '.join(answer.ends)}{mark}"
    return f"{what}: {when} ({rules}{_art(answer.clause)}){notes}; {ends}."


# How things are written ---------------------------------------------------------------------------


def _days(from_: date | None, until: date | None) -> str:
    since = "" if from_ is None else f"from {from_} "
    if until is None:
        return f"{since}on, without an end on record".removeprefix("on, ")
    return f"{since}to the end of {last_day_before(until)}"


def _number(number: Decimal) -> str:
    return format(number, "f")


def _signed(number: Decimal) -> str:
    return format(number, "+f") if number else "0"


def _yuan(amount: Decimal) -> str:
    return format(amount, "f").removesuffix(".00")


def _art(clause: str | None) -> str:
    return "" if clause is None else f", art. {clause}"


def _cited(clause: str | None) -> str:
    return "" if clause is None else f" (art. {clause})"


def _notes(note: str | None) -> Iterable[str]:
    return () if note is None else tuple(map(_note, note.split("; ")))


def _note(note: str) -> str:
    """A note of the courses, which are in English, with the range of an assessment in words."""
    return _NO_ASSESSMENT.sub(r"not assessed yet: the rules leave from \1 to \2 points", note)
