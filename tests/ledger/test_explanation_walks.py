"""Every regime of many records, walked from its first day to its last change."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from random import Random

import pytest

from ledger.courses.facts import Facts, facts_of
from ledger.courses.listing import listing_course
from ledger.courses.measures import measures_course
from ledger.courses.scoring import scoring_tiles
from ledger.courses.states import Held, state_tiles
from ledger.edition import read_edition
from ledger.explanation import Explanation, explain
from ledger.rulebook import ListingRegime, MeasuresRegime, Rulebooks, ScoringRegime
from ledger.rulebooks import shipped
from ledger.values import EditionId, RegimeId
from tests.projections.history import ROLES, History

_LATER = (
    ROLES.replace("roles-1", "roles-2")
    .replace("from = 2020-01-01", "from = 2024-01-01, until = 2026-06-01")
    .replace("points = 10,", "points = 20,")
    .replace('id = "measures"', 'id = "others"')
)
"""A later edition: another base, no measures of the name that they had, and an end of its own."""
_RULES = Rulebooks(tuple(read_edition(text) for text in (*shipped(), ROLES, _LATER)))
_REGIMES = _RULES.regime_ids()
_LONG_AGO = date(1990, 1, 1)
_DAY = timedelta(days=1)


@cache
def _facts(seed: int) -> Facts:
    history = History(seed=seed, subjects=1)
    history.go_on(40)
    return facts_of((at, one.id, one.event) for at, one in enumerate(history.events, start=1))


def _walked(facts: Facts, regime: RegimeId) -> Iterator[Explanation]:
    """The answers on the first day of each change, one after the other."""
    answer = explain(facts, regime, _RULES, _LONG_AGO)
    yield answer
    while answer.next is not None:
        answer = explain(facts, regime, _RULES, answer.next.from_)
        yield answer


def _first_days(facts: Facts, regime: RegimeId) -> list[date]:
    """Those of the tiles of its course."""
    kind = type(next(iter(_RULES.editions_with(regime)))[1])
    if kind is ScoringRegime:
        return [tile.from_ for tile in scoring_tiles(facts, regime, _RULES)]
    held: tuple[Held, ...] = ()
    if kind is MeasuresRegime:
        held = measures_course(facts, regime, _RULES)
    elif kind is ListingRegime:
        held = listing_course(facts, regime, _RULES)
    return [tile.from_ for tile in state_tiles(facts, regime, _RULES, held, state="held")]


def _said(answer: Explanation) -> tuple[EditionId | None, str, str | None, Decimal | None]:
    return answer.edition, answer.state, answer.grade, answer.score


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("regime", _REGIMES)
def test_walking_next_visits_each_tile_once(regime: RegimeId, seed: int) -> None:
    facts = _facts(seed)
    before, *visited = [answer.as_of for answer in _walked(facts, regime)]
    assert before == _LONG_AGO
    assert visited == _first_days(facts, regime)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("regime", _REGIMES)
def test_next_is_really_the_next_change_and_says_what_comes(regime: RegimeId, seed: int) -> None:
    facts, random = _facts(seed), Random(seed)  # noqa: S311  # days to ask about
    answers = list(_walked(facts, regime))
    for answer, coming in zip(answers, (*answers[1:], None), strict=True):
        assert answer.from_ == (None if answer.as_of == _LONG_AGO else answer.as_of)
        if coming is None or answer.next is None:
            assert (answer.until, answer.next, coming) == (None, None, None)
            days = [answer.as_of + _DAY * random.randrange(5_000) for _ in range(3)]
        else:
            assert answer.until == answer.next.from_ == coming.as_of
            told = answer.next
            assert (told.state, told.grade, told.score) == _said(coming)[1:]
            assert told.because
            length = (coming.as_of - answer.as_of).days
            days = [coming.as_of - _DAY, answer.as_of + _DAY * random.randrange(length)]
        for day in days:
            between = explain(facts, regime, _RULES, day)
            assert (_said(between), between.from_, between.until, between.verified) == (
                _said(answer),
                answer.from_,
                answer.until,
                answer.verified,
            )


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("regime", _REGIMES)
def test_on_both_sides_of_every_change_the_reasons_add_up(regime: RegimeId, seed: int) -> None:
    facts = _facts(seed)
    for answer in _walked(facts, regime):
        last = answer.until - _DAY if answer.until is not None else answer.as_of
        for one in (answer, explain(facts, regime, _RULES, last)):
            points = [reason.points for reason in one.reasons if reason.points is not None]
            if one.score is None:
                assert (one.grade, points) == (None, [])
                assert one.state in {
                    "no-edition",
                    "does-not-apply",
                    "clear",
                    "under-measures",
                    "listed",
                }
                assert bool(one.reasons) == (one.state in {"under-measures", "listed"})
            else:
                assert sum(points, Decimal(0)) == one.score
                assert one.complete == (len(points) == len(one.reasons))
            for reason in one.reasons:
                assert (reason.event is None) == (reason.position is None)
                assert reason.until is None or reason.from_ is None or reason.from_ < reason.until
                if one.score is not None:
                    assert reason.from_ is not None
                    assert reason.from_ <= one.as_of
                    assert reason.until is None or one.as_of < reason.until


@pytest.mark.parametrize("seed", range(12))
def test_in_regimes_without_score_each_reason_is_a_fact_within_the_days_of_the_answer(
    seed: int,
) -> None:
    facts = _facts(seed)
    known = {fact.event for fact in facts.findings} | {fact.event for fact in facts.listings}
    for regime in _REGIMES:
        for answer in _walked(facts, regime):
            if answer.score is None:
                for reason in answer.reasons:
                    assert reason.event in known
                    assert reason.from_ is not None
                    assert answer.from_ is not None
                    assert answer.from_ <= reason.from_
                    assert answer.until is None or (
                        reason.until is not None and reason.until <= answer.until
                    )
