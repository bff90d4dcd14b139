"""The golden cases of the shipped rulebooks, as the TOML files in `cases` tell them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from ledger.calendar import official_calendar
from ledger.courses.measures import measures_course
from ledger.courses.restoration import decision_due, earliest_request
from ledger.dates import last_day_before
from ledger.explanation import explain
from ledger.rulebook import RestorationRegime
from ledger.values import EventId, RegimeId
from tests.rulebooks.case_file import Case, cases

CASES = dict(cases())
_QUESTIONS = {"ask", "periods", "earliest", "due"}
_KEYS = _QUESTIONS | {"name", "clause", "choice", "role", "fact"}


@pytest.mark.parametrize("name", CASES, ids=list(CASES))
def test_case(name: str) -> None:
    case = CASES[name]
    assert _QUESTIONS & set(case.expected), "the case asks nothing"
    assert set(case.expected) <= _KEYS
    for question in case.expected.get("ask", ()):
        _check_day(case, question)
    if "periods" in case.expected:
        _check_periods(case)
    for question in case.expected.get("earliest", ()):
        fact, regime = EventId(question["fact"]), RegimeId(question["under"])
        answer = earliest_request(case.facts, fact, regime, case.rulebooks)
        assert answer is not None
        assert answer.earliest_request == question["on"]
        assert not answer.verified
    for question in case.expected.get("due", ()):
        _check_due(case, question)


def _check_day(case: Case, question: Mapping[str, Any]) -> None:
    answer = explain(case.facts, case.regime, case.rulebooks, question["on"])
    notes = {reason.note for reason in answer.reasons}
    known = {
        "on": answer.as_of,
        "state": answer.state,
        "grade": answer.grade,
        "score": None if answer.score is None else str(answer.score),
        "from": answer.from_,
        "last": None if answer.until is None else last_day_before(answer.until),
        "complete": answer.complete,
        "verified": answer.verified,
        "note": next((note for note in notes if note == question.get("note")), notes),
    }
    assert {key: known[key] for key in question} == dict(question)
    points = [reason.points for reason in answer.reasons if reason.points is not None]
    assert answer.score is None or sum(points, Decimal(0)) == answer.score


def _check_periods(case: Case) -> None:
    course = measures_course(case.facts, case.regime, case.rulebooks)
    periods = [
        {
            "fact": period.value.finding,
            "from": period.from_,
            "last": None if period.until is None else last_day_before(period.until),
        }
        for period in course
    ]
    assert periods == case.expected["periods"]
    assert all(period.value.measures for period in course)
    assert not any(period.verified for period in course)


def _check_due(case: Case, question: Mapping[str, Any]) -> None:
    (edition,) = case.rulebooks.editions
    regime = edition.regime(question["under"])
    assert isinstance(regime, RestorationRegime)
    due = decision_due(regime, question["accepted_on"], official_calendar())
    assert due is not None
    assert (due.date, due.provisional) == (question["on"], question["provisional"])
