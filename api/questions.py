"""What may be asked of the ledger, in the words of those who ask, by HTTP or the command line.

A question names a subject by its id or a code, a day (`as_of`), a position or a day (`known_at`)
and a regime. Texts become typed values here, and every complaint is a `Problem`.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from ledger.courses.facts import Facts
from ledger.courses.scoring import scoring_regimes_of
from ledger.identifiers import SubjectId, canonical
from ledger.record import NUMBER_MAX
from ledger.rulebook import Rulebooks, ScoringRegime
from ledger.values import RegimeId
from projections.answers import At, Page, SubjectShown, SubjectSummary, Views

from .problems import Complaint, Problem
from .schemas import subject_reference

__all__ = [
    "FIRST_DAY",
    "Question",
    "as_of",
    "ask",
    "choose_regime",
    "found_by_code",
    "known_at",
    "known_regime",
    "parameter_problem",
    "resolve",
    "scoring_regime_of_list",
    "scoring_regimes",
    "who",
]

FIRST_DAY: Final = date(1949, 10, 1)
"""The first day that may be asked about."""
YEARS_AHEAD: Final = 50
"""How far ahead of today a day may lie."""

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_POSITION: Final = re.compile(r"0|[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question about a subject in a regime, with all that stood on record about the subject."""

    subject: SubjectId
    regime: RegimeId
    facts: Facts


def as_of(text: str | None, today: date) -> date:
    """The day that a question is about: `YYYY-MM-DD`, today if not said.

    Raises:
        Problem: `invalid` for no day, one before 1949-10-01, or one more than 50 years ahead.
    """
    if text is None:
        return today
    day = _day("as_of", text)
    if day < FIRST_DAY:
        raise parameter_problem("as_of", "too-early", f"{day} lies before {FIRST_DAY}")
    if (day.year - YEARS_AHEAD, day.month, day.day) > (today.year, today.month, today.day):
        detail = f"{day} lies more than {YEARS_AHEAD} years after today, {today}"
        raise parameter_problem("as_of", "too-late", detail)
    return day


def known_at(views: Views, text: str | None, *, head: int, today: date) -> int:
    """The position as known at which a question is asked: that of the views if not said.

    Args:
        views: what answers.
        text: a position, or a day, which means the last position recorded on it or before.
        head: the last position that is entered.
        today: the civil day in Asia/Shanghai.

    Raises:
        Problem: `invalid` for neither of the two, `beyond-head` for what is not there yet.
    """
    if text is None:
        return views.position()
    if _POSITION.fullmatch(text):
        position = int(text)
        if position > min(head, NUMBER_MAX):
            raise _beyond_head(f"position {position} is not there yet; the last is {head}", head)
        return position
    if not _DAY.fullmatch(text):
        detail = "a position (an integer from 0 on) or a day (YYYY-MM-DD) is wanted here"
        raise parameter_problem("known_at", "malformed", detail)
    day = _day("known_at", text)
    if day > today:
        raise _beyond_head(f"what is known on {day} is not there yet; today is {today}", head)
    return min(views.position_on(day), views.position())


def resolve(views: Views, text: str, known_at: int) -> SubjectId:
    """The subject that a text names: its id, or any identifier in any form.

    Raises:
        Problem: `invalid-identifier`, `unknown-subject`, or `ambiguous-subject` with the subjects
            that the text could mean.
    """
    reference = subject_reference(text)
    if isinstance(reference, str):
        return SubjectId(reference)
    found = sorted(views.find(reference, known_at))
    if not found:
        raise _unknown_subject()
    if len(found) > 1:
        detail = f"the code could mean {', '.join(found)}; ask for one of them by its id"
        raise Problem("ambiguous-subject", detail, members={"subjects": found})
    return found[0]


def who(views: Views, text: str, known_at: int) -> SubjectShown:
    """The subject that a text names, as known at a position.

    Raises:
        Problem: as `resolve`; `unknown-subject` also for an id that was not registered by then.
    """
    shown = views.subject(resolve(views, text, known_at), known_at)
    if shown is None:
        raise _unknown_subject()
    return shown


def known_regime(rulebooks: Rulebooks, regime: str) -> RegimeId:
    """The regime of this name.

    Raises:
        Problem: `unknown-regime`, with those that there are.
    """
    known = rulebooks.regime_ids()
    if regime not in known:
        raise _unknown_regime("no published edition has this regime", known)
    return RegimeId(regime)


def choose_regime(
    facts: Facts, rulebooks: Rulebooks, as_of: date, *, given: str | None, default: str | None
) -> RegimeId:
    """The regime that a question about a subject is asked in.

    The one that is `given`; else the one scoring regime that applies to the subject on the day; if
    several do, or none does, the `default` of the ledger.

    Raises:
        Problem: `unknown-regime`, or `regime-undecided` with those that may be named.
    """
    if given is not None:
        return known_regime(rulebooks, given)
    applying = scoring_regimes_of(facts, rulebooks, as_of)
    if len(applying) == 1:
        return applying[0]
    may_be_named = applying or rulebooks.regime_ids()
    if default is not None and default in may_be_named:
        return RegimeId(default)
    said = "several scoring regimes apply" if applying else "no scoring regime applies"
    raise _undecided(f"{said} on {as_of}", may_be_named)


def ask(  # the question, as it is said
    views: Views, subject: str, at: At, *, given: str | None, default: str | None
) -> Question:
    """A question about a subject in a regime, from what names the two.

    Raises:
        Problem: as `who` and `choose_regime`.
    """
    found = who(views, subject, at.known_at)
    facts = views.facts(found.subject, at.known_at)
    rulebooks = views.rulebooks(at.known_at)
    regime = choose_regime(facts, rulebooks, at.as_of, given=given, default=default)
    return Question(subject=found.subject, regime=regime, facts=facts)


def scoring_regimes(rulebooks: Rulebooks, given: str | None = None) -> tuple[RegimeId, ...]:
    """All scoring regimes, or the one that is given.

    Raises:
        Problem: `unknown-regime`, also for one that does not score.
    """
    scoring = rulebooks.regime_ids(ScoringRegime)
    if given is None:
        return scoring
    if given not in scoring:
        raise _unknown_regime("no published edition has this scoring regime", scoring)
    return (RegimeId(given),)


def scoring_regime_of_list(
    rulebooks: Rulebooks, *, given: str | None, default: str | None
) -> RegimeId:
    """The scoring regime of a list over all subjects: given, the only one, or the ledger's default.

    Raises:
        Problem: `unknown-regime`, or `regime-undecided` with those that may be named.
    """
    scoring = scoring_regimes(rulebooks, given)
    if len(scoring) == 1:
        return scoring[0]
    if default is not None and default in scoring:
        return RegimeId(default)
    raise _undecided("there is more than one scoring regime", scoring)


def found_by_code(views: Views, text: str, known_at: int) -> Page:
    """All subjects that a code could mean.

    Raises:
        Problem: `invalid-identifier`.
    """
    reference = subject_reference(text)
    ids = [reference] if isinstance(reference, str) else sorted(views.find(reference, known_at))
    shown = [one for one in (views.subject(SubjectId(found), known_at) for found in ids) if one]
    return Page(rows=tuple(_summary(one, canonical(text)) for one in shown), has_more=False)


def _summary(shown: SubjectShown, matched: str) -> SubjectSummary:
    return SubjectSummary(
        subject=shown.subject,
        kind=shown.kind,
        name=shown.name,
        code=shown.identifiers[0].value if shown.identifiers else None,
        region=shown.region,
        matched=matched,
    )


def parameter_problem(name: str, code: str, detail: str) -> Problem:
    """A parameter of a question cannot be used."""
    return Problem("invalid", detail, errors=(Complaint(f"/{name}", code, detail, "query"),))


def _day(name: str, text: str) -> date:
    if not _DAY.fullmatch(text):
        raise parameter_problem(name, "malformed", "a day is YYYY-MM-DD in Asia/Shanghai")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        detail = f"{text} is no day of the calendar"
        raise parameter_problem(name, "malformed", detail) from error


def _beyond_head(detail: str, head: int) -> Problem:
    complaint = Complaint("/known_at", "beyond-head", detail, "query")
    return Problem("beyond-head", detail, errors=(complaint,), members={"head": head})


def _unknown_subject() -> Problem:
    # The text is not repeated: it may be a person's number.
    detail = "no subject was registered under this id or code by then; register it first"
    return Problem("unknown-subject", detail)


def _unknown_regime(said: str, known: tuple[RegimeId, ...]) -> Problem:
    detail = f"{said}; there are: {', '.join(known) or 'none'}"
    complaint = Complaint("/regime", "unknown-value", detail, "query")
    return Problem("unknown-regime", detail, errors=(complaint,), members={"regimes": known})


def _undecided(said: str, regimes: tuple[RegimeId, ...]) -> Problem:
    detail = f"{said}; name one of: {', '.join(regimes) or 'none is published'}"
    complaint = Complaint("/regime", "missing", detail, "query")
    return Problem("regime-undecided", detail, errors=(complaint,), members={"regimes": regimes})
