"""`explain`: what holds on a day, why, until when, and what comes next."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from ledger.courses.scoring import scoring_tiles
from ledger.dates import Period
from ledger.explanation import UnknownRegime, explain
from ledger.rulebook import Match, MeasuresRegime, PeriodTerm, Rulebooks
from ledger.values import RegimeId
from tests.ledger.courses.scoring_build import (
    REGIME,
    START,
    cap,
    clause,
    clock,
    determination,
    edition,
    facts,
    found,
    gives,
    in_force,
    indicator,
    lasts,
    listed,
    profile,
    restored,
    scoring,
)

DAY = timedelta(days=1)
MAY_1 = date(2021, 5, 1)


class TestScoring:
    """Grade, score and reasons of the tile that holds, and the next tile."""

    RULES = in_force(indicator("A", "-15", lasts(days=10)))
    GIVEN = facts(found(determination("A", MAY_1)))

    def test_it_says_what_holds_from_when_until_when(self) -> None:
        answer = explain(self.GIVEN, REGIME, self.RULES, MAY_1 + 3 * DAY)
        assert (answer.state, answer.grade, answer.score) == ("graded", "B", Decimal(85))
        assert (answer.from_, answer.until) == (MAY_1, MAY_1 + 11 * DAY)
        assert (answer.edition, answer.verified, answer.complete) == ("test-1", True, True)
        assert sum(line.points or 0 for line in answer.reasons) == answer.score

    def test_both_sides_of_the_first_and_the_last_day(self) -> None:
        grades = [
            explain(self.GIVEN, REGIME, self.RULES, MAY_1 + count * DAY).grade
            for count in (-1, 0, 10, 11)
        ]
        assert grades == ["A", "B", "B", "A"]

    def test_next_names_the_cause_its_clause_and_the_fact(self) -> None:
        coming = explain(self.GIVEN, REGIME, self.RULES, MAY_1).next
        assert coming is not None
        assert (coming.from_, coming.state) == (MAY_1 + 11 * DAY, "graded")
        assert (coming.grade, coming.score) == ("A", Decimal(100))
        assert coming.because == "a [event-1] no longer counts: test-1 art. 5"
        assert (coming.clause, coming.events) == ("5", ("event-1",))

    def test_next_before_a_known_fact_says_that_it_begins(self) -> None:
        coming = explain(self.GIVEN, REGIME, self.RULES, MAY_1 - DAY).next
        assert coming is not None
        assert coming.because == "a [event-1] counts from this day: test-1 art. 5"

    def test_without_anything_to_come_next_is_null(self) -> None:
        answer = explain(self.GIVEN, REGIME, self.RULES, MAY_1 + 11 * DAY)
        assert (answer.until, answer.next) == (None, None)

    def test_a_day_before_the_first_edition_has_no_edition(self) -> None:
        answer = explain(self.GIVEN, REGIME, self.RULES, START - DAY)
        assert (answer.state, answer.grade, answer.score) == ("no-edition", None, None)
        assert (answer.from_, answer.until) == (None, START)
        assert answer.reasons == ()
        assert answer.next is not None
        assert answer.next.because == "edition test-1 is in force from this day"

    def test_a_missing_assessment_makes_the_answer_incomplete(self) -> None:
        rules = in_force(indicator("A", gives(low="-40", high="0"), lasts(days=10)))
        answer = explain(self.GIVEN, REGIME, rules, MAY_1)
        assert not answer.complete
        assert [line.points for line in answer.reasons] == [Decimal(100), None]

    def test_one_without_the_role_is_told_that_it_does_not_apply_and_when_it_will(self) -> None:
        rules = Rulebooks((edition(scoring(applies_to=("patent-agency",))),))
        given = facts(who=profile(("patent-agency", MAY_1, None)))
        answer = explain(given, REGIME, rules, MAY_1 - DAY)
        assert (answer.state, answer.edition) == ("does-not-apply", "test-1")
        assert answer.next is not None
        assert answer.next.because == "the subject takes a role of the regime"

    def test_the_end_of_an_edition_is_a_cause(self) -> None:
        rules = Rulebooks((edition(scoring(), until=MAY_1),))
        answer = explain(facts(), REGIME, rules, START)
        assert answer.next is not None
        assert answer.next.state == "no-edition"
        assert answer.next.because == "after edition test-1 no edition in force has the regime"

    def test_a_cap_that_is_lifted_is_a_cause(self) -> None:
        rules = Rulebooks((edition(scoring(caps=(cap("bad", "50"),))),))
        given = facts(listings=(listed("bad", MAY_1, MAY_1 + DAY),))
        coming = explain(given, REGIME, rules, MAY_1).next
        assert coming is not None
        assert coming.because == "cap: bad no longer counts: test-1"

    def test_a_restoration_to_come_is_next(self) -> None:
        given = facts(found(determination("A", MAY_1), ended=(restored(MAY_1 + 2 * DAY),)))
        coming = explain(given, REGIME, self.RULES, MAY_1).next
        assert coming is not None
        assert (coming.from_, coming.grade) == (MAY_1 + 2 * DAY, "A")

    def test_following_next_walks_the_course(self) -> None:
        given = facts(
            *(found(determination("A", MAY_1 + place * 4 * DAY), place) for place in range(1, 5))
        )
        walked = [START]
        while (coming := explain(given, REGIME, self.RULES, walked[-1]).next) is not None:
            walked.append(coming.from_)
        assert walked == [tile.from_ for tile in scoring_tiles(given, REGIME, self.RULES)]


def test_a_regime_that_no_edition_has_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(UnknownRegime, match="ask one of: test/rating/score") as refused:
        explain(facts(), RegimeId("test/rating/other"), in_force(), START)
    assert refused.value.regime == "test/rating/other"
    assert refused.value.known == (REGIME,)


def test_without_any_edition_the_refusal_says_that_none_is_published() -> None:
    with pytest.raises(UnknownRegime, match="none is published"):
        explain(facts(), REGIME, Rulebooks(), START)


class TestMeasures:
    """A regime without score: grade, score and points are null, the state says what holds."""

    RULES = Rulebooks(
        (
            edition(
                MeasuresRegime(
                    id=REGIME,
                    applies_to=(),
                    on=Match(event=("determination-made",)),
                    clock=clock("decided_on"),
                    period=PeriodTerm(period=Period(years=1), mark=clause("10")),
                    repeat=None,
                    cap=None,
                    when_one_ends_early=None,
                    measures=(),
                )
            ),
        )
    )
    GIVEN = facts(found(determination("A", MAY_1)))
    AFTER = date(2022, 5, 2)

    def test_it_says_from_when_until_when_and_by_which_finding(self) -> None:
        answer = explain(self.GIVEN, REGIME, self.RULES, MAY_1)
        assert (answer.state, answer.grade, answer.score) == ("under-measures", None, None)
        assert (answer.from_, answer.until) == (MAY_1, self.AFTER)
        assert (answer.edition, answer.complete) == ("test-1", True)
        assert [(line.event, line.points) for line in answer.reasons] == [("event-1", None)]

    def test_both_sides_of_the_first_and_the_last_day(self) -> None:
        days = (MAY_1 - DAY, MAY_1, self.AFTER - DAY, self.AFTER)
        states = [explain(self.GIVEN, REGIME, self.RULES, day).state for day in days]
        assert states == ["clear", "under-measures", "under-measures", "clear"]

    def test_next_names_the_finding_whose_measures_begin_or_end(self) -> None:
        begins = explain(self.GIVEN, REGIME, self.RULES, MAY_1 - DAY).next
        ends = explain(self.GIVEN, REGIME, self.RULES, MAY_1).next
        assert begins is not None
        assert ends is not None
        assert (begins.from_, begins.state) == (MAY_1, "under-measures")
        assert begins.because.startswith("under-measures by [event-1] begins: test-1")
        assert (ends.from_, ends.state, ends.grade) == (self.AFTER, "clear", None)
        assert ends.because.startswith("under-measures by [event-1] ends: test-1")
        assert ends.events == ("event-1",)

    def test_before_the_first_edition_there_is_none(self) -> None:
        answer = explain(self.GIVEN, REGIME, self.RULES, START - DAY)
        assert (answer.state, answer.from_, answer.until) == ("no-edition", None, START)
