"""The scoring course: score, grade and reasons on both sides of every boundary."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from ledger.courses.facts import NOTHING_KNOWN, Facts
from ledger.courses.interval import Reason, holding_on
from ledger.courses.matching import applies_on
from ledger.courses.scoring import (
    Graded,
    GradeState,
    scoring_course,
    scoring_reasons,
    scoring_regimes_of,
    scoring_tiles,
)
from ledger.events import PenaltyKind
from ledger.identifiers import SubjectKind
from ledger.rulebook import Match, Rulebooks, Status
from ledger.values import RegimeId
from tests.ledger.courses.scoring_build import (
    PENALTY_TERM,
    REGIME,
    START,
    UNSURE,
    assessed,
    band,
    cap,
    clock,
    conviction,
    determination,
    edition,
    facts,
    found,
    gives,
    in_force,
    indicator,
    lasts,
    listed,
    node,
    penalty,
    profile,
    restored,
    scoring,
)

DAY = timedelta(days=1)
MAY_1 = date(2021, 5, 1)


def on(given: Facts, rulebooks: Rulebooks, day: date) -> Graded:
    """What the course says on the day; the reasons must add up to it."""
    tile = holding_on(scoring_tiles(given, REGIME, rulebooks), day)
    assert tile is not None
    reasons = scoring_reasons(given, REGIME, rulebooks, day)
    if tile.value.score is not None:
        total = sum(Fraction(line.points or 0) for line in reasons)
        assert total == Fraction(tile.value.score)
    else:
        assert reasons == ()
    assert tile.value.complete == all(line.points is not None for line in reasons)
    return tile.value


def score(given: Facts, rulebooks: Rulebooks, day: date) -> Decimal | None:
    return on(given, rulebooks, day).score


def verified(given: Facts, rulebooks: Rulebooks, day: date) -> bool:
    tile = holding_on(scoring_tiles(given, REGIME, rulebooks), day)
    assert tile is not None
    return tile.verified


def line_of(given: Facts, rulebooks: Rulebooks, day: date, name: str) -> Reason:
    reasons = scoring_reasons(given, REGIME, rulebooks, day)
    return next(line for line in reasons if line.indicator == name)


@pytest.mark.parametrize(
    ("points", "grade"),
    [
        ("0", "A"),
        ("0.01", "A+"),
        ("-10", "A"),
        ("-10.01", "B"),
        ("-20", "B"),
        ("-20.01", "C"),
        ("-40", "C"),
        ("-40.01", "D"),
        ("-240", "D"),
    ],
)
def test_each_edge_of_a_band_belongs_to_the_grade_that_the_text_says(
    points: str, grade: str
) -> None:
    given = facts(found(determination("ACT", MAY_1)))
    answer = on(given, in_force(indicator("ACT", points)), MAY_1)
    assert answer.grade == grade
    assert answer.score == 100 + Decimal(points)


def test_a_score_has_no_trailing_zeros() -> None:
    answer = on(
        facts(found(determination("ACT", MAY_1))), in_force(indicator("ACT", "-0.50")), MAY_1
    )
    assert str(answer.score) == "99.5"


def test_the_course_starts_on_the_first_day_of_the_first_edition_and_has_no_end() -> None:
    (tile,) = scoring_tiles(facts(), REGIME, in_force())
    assert (tile.from_, tile.until) == (START, None)
    assert tile.value == Graded(
        state=GradeState.GRADED,
        edition=edition().id,
        grade="A",
        score=Decimal(100),
        complete=True,
    )
    assert scoring_reasons(facts(), REGIME, in_force(), START - DAY) == ()


def test_a_rulebook_without_edition_has_no_course() -> None:
    assert scoring_tiles(facts(), REGIME, Rulebooks()) == ()


def test_a_fact_counts_from_its_first_day_to_the_last_day_of_its_validity() -> None:
    given = facts(found(determination("ACT", date(2023, 8, 31))))
    rules = in_force(indicator("ACT", "-15", lasts(months=6)))
    assert score(given, rules, date(2023, 8, 30)) == 100
    assert score(given, rules, date(2023, 8, 31)) == 85
    assert score(given, rules, date(2024, 2, 29)) == 85
    assert score(given, rules, date(2024, 3, 1)) == 100
    line = line_of(given, rules, date(2024, 2, 29), "act")
    assert (line.event, line.position, line.clause) == ("event-1", 1, "5")
    assert (line.from_, line.until) == (date(2023, 8, 31), date(2024, 3, 1))


def test_a_clock_may_start_on_another_date_of_the_fact() -> None:
    given = facts(found(determination("ACT", MAY_1, published=MAY_1 + 10 * DAY)))
    rules = in_force(indicator("ACT", "-15", lasts(days=5), clock("published_on")))
    assert [score(given, rules, MAY_1 + count * DAY) for count in (9, 10, 15, 16)] == [
        100,
        85,
        85,
        100,
    ]


def test_a_date_that_is_not_recorded_leaves_the_clock_to_effective_on_unverified() -> None:
    given = facts(found(determination("ACT", MAY_1)))
    rules = in_force(indicator("ACT", "-15", lasts(days=5), clock("published_on")))
    assert score(given, rules, MAY_1) == 85
    assert not verified(given, rules, MAY_1)
    note = line_of(given, rules, MAY_1, "act").note
    assert note == "published_on not recorded: counted from effective_on"


def test_a_validity_that_was_not_published_is_open_and_unverified() -> None:
    given = facts(found(determination("ACT", MAY_1)))
    rules = in_force(indicator("ACT", "-15"))
    line = line_of(given, rules, date(9999, 12, 31), "act")
    assert (line.until, line.verified, line.note) == (None, False, "validity not published")
    assert verified(given, rules, MAY_1 - DAY)
    assert not verified(given, rules, MAY_1)


def test_a_penalty_counts_as_long_as_its_own_term() -> None:
    on_ban = Match(event=("penalty-imposed",), kind=("stop-new-business",))
    rules = in_force(indicator("BAN", "-60", PENALTY_TERM, on=on_ban))
    given = facts(found(penalty(PenaltyKind.STOP_NEW_BUSINESS, MAY_1, date(2021, 10, 31))))
    assert score(given, rules, date(2021, 10, 31)) == 40
    assert score(given, rules, date(2021, 11, 1)) == 100
    endless = facts(found(penalty(PenaltyKind.STOP_NEW_BUSINESS, MAY_1)))
    line = line_of(endless, rules, date(2030, 1, 1), "ban")
    assert (line.until, line.verified) == (None, False)
    assert line.note == "term of the penalty not recorded"


def test_a_range_without_assessment_gives_no_points_and_an_incomplete_answer() -> None:
    rules = in_force(indicator("ACT", gives(low="-40", high="0"), lasts(years=1)))
    answer = on(facts(found(determination("ACT", MAY_1))), rules, MAY_1)
    assert (answer.score, answer.complete) == (Decimal(100), False)


def test_an_assessment_for_this_regime_and_indicator_gives_the_points() -> None:
    rules = in_force(indicator("ACT", gives(low="-40", high="0"), lasts(years=1)))
    others = (assessed("other", "-1"), assessed("act", "-2", RegimeId("test/rating/other")))
    content = determination("ACT", MAY_1, assessments=(*others, assessed("act", "-30")))
    assert score(facts(found(content)), rules, MAY_1) == 70
    assert not on(facts(found(replace(content, assessments=others))), rules, MAY_1).complete


def test_a_fact_counts_under_every_indicator_that_matches_it() -> None:
    twice = replace(indicator("ACT", "-5"), id=indicator("AGAIN", "-5").id)
    given = facts(found(determination("ACT", MAY_1)))
    assert score(given, in_force(indicator("ACT", "-10"), twice), MAY_1) == 85


def test_a_conviction_counts_by_who_was_convicted() -> None:
    match = Match(event=("conviction-recorded",), of=("senior-management",))
    given = facts(found(conviction(MAY_1)))
    assert score(given, in_force(indicator("CRIME", "-100", on=match)), MAY_1) == 0
    other = replace(match, of=("subject",))
    assert score(given, in_force(indicator("CRIME", "-100", on=other)), MAY_1) == 100


def test_a_restoration_ends_a_fact_in_its_own_regimes_only() -> None:
    rules = in_force(indicator("ACT", "-15", lasts(years=1)))
    day = date(2021, 12, 1)
    ended = facts(found(determination("ACT", MAY_1), ended=(restored(day),)))
    assert (score(ended, rules, day - DAY), score(ended, rules, day)) == (Decimal(85), Decimal(100))
    assert line_of(ended, rules, MAY_1, "act").until == day
    elsewhere = restored(day, RegimeId("test/rating/other"))
    other = facts(found(determination("ACT", MAY_1), ended=(elsewhere,)))
    assert score(other, rules, day) == 85


def test_an_annulled_finding_never_counted() -> None:
    rules = in_force(indicator("ACT", "-15"))
    given = facts(found(determination("ACT", MAY_1), annulled_at=9))
    assert scoring_tiles(given, REGIME, rules) == scoring_tiles(facts(), REGIME, rules)


def test_a_listing_may_be_an_indicator_and_ends_when_the_subject_leaves_the_list() -> None:
    match = Match(event=("listing-decided",), list=("bad",))
    rules = in_force(indicator("LISTED", "-20", on=match))
    given = facts(listings=(listed("bad", MAY_1, MAY_1 + 3 * DAY),))
    assert [score(given, rules, MAY_1 + count * DAY) for count in (-1, 0, 2, 3)] == [
        100,
        80,
        80,
        100,
    ]


class TestTree:
    """A node is the sum of its children, clipped, times its weight."""

    RULES = in_force(
        node(
            "outer",
            node(
                "inner",
                indicator("A", "-30", lasts(days=10)),
                indicator("B", "-25", lasts(days=20)),
                weight="0.5",
                floor="-40",
            ),
            indicator("C", "12", lasts(days=30)),
            weight="0.8",
            ceiling="9",
        ),
        indicator("D", "-1", lasts(days=40)),
    )
    GIVEN = facts(*(found(determination(act, MAY_1), place) for place, act in enumerate("ABCD", 1)))

    @pytest.mark.parametrize(
        ("days", "expected"),
        [
            (0, "92.6"),  # inner -55 -> -40 -> -20; outer -20+12 = -8 -> -6.4; D -1
            (10, "92.6"),
            (11, "98.6"),  # inner -25 -> -12.5; outer -0.5 -> -0.4; D -1
            (21, "106.2"),  # inner 0; outer 12 -> 9 -> 7.2; D -1
            (31, "99"),
            (41, "100"),
        ],
    )
    def test_the_score_follows_limits_and_weights(self, days: int, expected: str) -> None:
        assert score(self.GIVEN, self.RULES, MAY_1 + days * DAY) == Decimal(expected)

    def test_each_limit_that_bit_is_a_reason_with_what_it_moved(self) -> None:
        floor = line_of(self.GIVEN, self.RULES, MAY_1, "inner: floor")
        assert (floor.event, floor.points) == (None, Decimal(6))  # 15 × 0.5 × 0.8
        ceiling = line_of(self.GIVEN, self.RULES, MAY_1 + 21 * DAY, "outer: ceiling")
        assert ceiling.points == Decimal("-2.4")
        assert line_of(self.GIVEN, self.RULES, MAY_1, "a").points == Decimal(-12)

    def test_a_floor_above_nothing_bites_without_facts(self) -> None:
        assert score(facts(), in_force(node("bonus", floor="5", weight="0.2")), START) == 101

    def test_an_unverified_limit_touches_only_what_it_bites(self) -> None:
        rules = in_force(node("n", indicator("A", "-9", lasts(days=5)), floor="-4", mark=UNSURE))
        given = facts(found(determination("A", MAY_1)))
        assert score(given, rules, MAY_1) == 96
        assert not verified(given, rules, MAY_1)
        assert verified(given, rules, MAY_1 + 6 * DAY)

    def test_an_unverified_weight_touches_the_facts_below_it(self) -> None:
        inner = node("in", indicator("A", "-9", lasts(days=5)))
        rules = in_force(node("n", inner, weight="0.5", mark=UNSURE))
        given = facts(found(determination("A", MAY_1)))
        assert not verified(given, rules, MAY_1)
        assert not line_of(given, rules, MAY_1, "a").verified
        assert verified(given, rules, MAY_1 + 6 * DAY)

    def test_many_decimals_stay_exact(self) -> None:
        weight = "0.123456789012345"
        leaf = indicator("A", "-12345678.123457", lasts(days=5))
        deep = node("1", node("2", node("3", leaf, weight=weight), weight=weight), weight=weight)
        got = score(facts(found(determination("A", MAY_1))), in_force(deep), MAY_1)
        assert got is not None
        assert Fraction(got) == 100 - Fraction("12345678.123457") * Fraction(weight) ** 3


class TestLimitsOfTheRegime:
    """Floor and ceiling first, then the lowest cap of the lists that the subject is on."""

    def test_the_floor_bites_and_says_so(self) -> None:
        rules = Rulebooks((edition(scoring(indicator("A", "-130", lasts(days=5)), floor="0")),))
        given = facts(found(determination("A", MAY_1)))
        assert score(given, rules, MAY_1) == 0
        assert line_of(given, rules, MAY_1, "floor").points == 30

    def test_the_ceiling_bites_above_it_only(self) -> None:
        for bonus, expected in (("20", 120), ("20.01", 120)):
            rules = Rulebooks((edition(scoring(indicator("A", bonus), ceiling="120")),))
            given = facts(found(determination("A", MAY_1)))
            assert score(given, rules, MAY_1) == expected
            names = [line.indicator for line in scoring_reasons(given, REGIME, rules, MAY_1)]
            assert ("ceiling" in names) == (bonus == "20.01")

    def test_a_cap_holds_while_the_subject_is_on_the_list(self) -> None:
        rules = Rulebooks((edition(scoring(caps=(cap("bad", "59.99"),))),))
        given = facts(listings=(listed("bad", MAY_1, MAY_1 + 3 * DAY),))
        grades = [on(given, rules, MAY_1 + count * DAY).grade for count in (-1, 0, 2, 3)]
        assert grades == ["A", "D", "D", "A"]
        assert line_of(given, rules, MAY_1, "cap: bad").points == Decimal("-40.01")

    def test_of_two_caps_the_lower_one_decides(self) -> None:
        caps = (cap("bad", "70"), cap("worse", "50"))
        rules = Rulebooks((edition(scoring(caps=caps)),))
        given = facts(listings=(listed("bad", MAY_1), listed("worse", MAY_1 + DAY, position=52)))
        assert score(given, rules, MAY_1) == 70
        assert score(given, rules, MAY_1 + DAY) == 50

    def test_a_cap_above_the_score_is_no_reason(self) -> None:
        rules = Rulebooks((edition(scoring(base="40", caps=(cap("bad", "40"),))),))
        (base,) = scoring_reasons(facts(listings=(listed("bad", MAY_1),)), REGIME, rules, MAY_1)
        assert base.indicator == "base"


class TestWhomItAppliesTo:
    """Kinds and roles; a role has its days."""

    RULES = Rulebooks((edition(scoring(indicator("A", "-5"), applies_to=("patent-agency",))),))

    def test_days_without_the_role_have_no_grade(self) -> None:
        given = facts(
            found(determination("A", MAY_1)),
            who=profile(("patent-agency", MAY_1 + DAY, MAY_1 + 3 * DAY)),
        )
        states = [on(given, self.RULES, MAY_1 + count * DAY).state for count in range(4)]
        assert states == ["does-not-apply", "graded", "graded", "does-not-apply"]
        assert score(given, self.RULES, MAY_1 + DAY) == 95

    def test_a_role_passed_on_without_gap_leaves_no_seam(self) -> None:
        roles = (("patent-agency", START, MAY_1), ("patent-agency", MAY_1, None))
        (tile,) = scoring_tiles(facts(who=profile(*roles)), REGIME, self.RULES)
        assert tile.value.state is GradeState.GRADED

    def test_a_regime_for_all_applies_to_one_of_whom_nothing_is_known(self) -> None:
        assert applies_on((), None, START)
        assert not applies_on(("enterprise",), None, START)
        assert on(NOTHING_KNOWN, self.RULES, START).state is GradeState.DOES_NOT_APPLY

    def test_a_kind_is_for_ever(self) -> None:
        who = profile(kind=SubjectKind.UNIVERSITY)
        assert applies_on(("university", "enterprise"), who, START)
        assert not applies_on(("enterprise",), who, START)

    def test_the_regimes_of_a_subject_are_those_that_apply_on_the_day(self) -> None:
        who = profile(("patent-agency", MAY_1, None))
        assert scoring_regimes_of(facts(who=who), self.RULES, MAY_1) == (REGIME,)
        assert scoring_regimes_of(facts(who=who), self.RULES, MAY_1 - DAY) == ()
        assert scoring_regimes_of(facts(who=who), self.RULES, START - DAY) == ()


class TestEditions:
    """The edition in force scores; an earlier fact counts as its counts_facts says."""

    TURN = date(2022, 1, 1)

    def rules(self, counts: str | None, *, sure: bool = True) -> Rulebooks:
        old = edition(scoring(indicator("A", "-10", lasts(years=1))))
        new = scoring(indicator("A", "-20", lasts(years=2)))
        later = edition(new, name="test-2", from_=self.TURN, counts=counts)
        if not sure:
            assert later.counts_facts is not None
            unsure = replace(later.counts_facts, mark=UNSURE)
            later = replace(later, counts_facts=unsure)
        return Rulebooks((old, later))

    @pytest.mark.parametrize(
        ("counts", "effective", "expected"),
        [
            ("all", MAY_1, 80),
            ("running-at-start", MAY_1, 80),
            ("none", MAY_1, 100),
            (None, MAY_1, 100),
            ("running-at-start", date(2020, 1, 1), 80),  # 2020-01-01 + 2 years: last day the first
            ("running-at-start", date(2022, 1, 1), 80),
            ("running-at-start", date(2022, 1, 2), 100),
            ("all", date(2022, 1, 2), 80),
        ],
    )
    def test_an_earlier_fact_counts_as_the_edition_says(
        self, counts: str | None, effective: date, expected: int
    ) -> None:
        decided = min(effective, date(2021, 12, 31))
        given = facts(found(determination("A", effective, decided)))
        day = max(effective, self.TURN)
        assert score(given, self.rules(counts), day) == expected

    def test_a_fact_of_the_edition_itself_needs_no_such_word(self) -> None:
        given = facts(found(determination("A", self.TURN)))
        assert score(given, self.rules(None), self.TURN) == 80

    def test_a_fact_is_not_counted_by_an_edition_that_ended_before_its_decision(self) -> None:
        given = facts(found(determination("A", MAY_1, decided=self.TURN)))
        assert score(given, self.rules("none"), MAY_1) == 100
        assert score(given, self.rules("none"), self.TURN) == 80

    def test_both_sides_of_the_turn_are_scored_by_the_edition_in_force(self) -> None:
        given = facts(found(determination("A", MAY_1)))
        rules = self.rules("all")
        before, after = (on(given, rules, day) for day in (self.TURN - DAY, self.TURN))
        assert (before.edition, before.score) == ("test-1", Decimal(90))
        assert (after.edition, after.score) == ("test-2", Decimal(80))
        assert line_of(given, rules, MAY_1, "a").until == self.TURN
        assert line_of(given, rules, self.TURN, "a").from_ == self.TURN

    def test_counts_facts_that_is_missing_or_unverified_is_said_and_taints(self) -> None:
        given = facts(found(determination("A", MAY_1)))
        for rules, why in (
            (self.rules(None), "counts_facts not published"),
            (self.rules("none", sure=False), "counts_facts none"),
        ):
            line = line_of(given, rules, self.TURN, "a")
            assert line.points == 0
            assert line.note is not None
            assert why in line.note
            assert not verified(given, rules, self.TURN)
        assert verified(given, self.rules("none"), self.TURN)
        assert verified(given, self.rules("all"), self.TURN)
        assert not verified(given, self.rules("all", sure=False), self.TURN)

    def test_days_between_and_after_editions_have_none(self) -> None:
        rules = Rulebooks(
            (
                edition(scoring(), until=date(2021, 1, 1)),
                edition(scoring(), name="test-2", from_=MAY_1, until=MAY_1 + DAY),
            )
        )
        states = [tile.value.state for tile in scoring_tiles(facts(), REGIME, rules)]
        assert states == ["graded", "no-edition", "graded", "no-edition"]

    def test_an_edition_without_the_regime_ends_its_course(self) -> None:
        rules = Rulebooks((edition(scoring()), edition(name="test-2", from_=MAY_1)))
        last = scoring_tiles(facts(), REGIME, rules)[-1]
        assert (last.from_, last.until) == (MAY_1, None)
        assert last.value.state is GradeState.NO_EDITION

    @pytest.mark.parametrize("status", [Status.UNCHECKED, Status.DEMO])
    def test_an_edition_that_is_not_official_is_unverified_as_a_whole(self, status: Status) -> None:
        assert not verified(facts(), Rulebooks((edition(scoring(), status=status),)), START)


def test_the_band_reached_and_the_bound_above_it_must_be_verified() -> None:
    bands = (band("A", "90", mark=UNSURE), band("B", "80"), band("C", "60"), band("D"))
    for points, sure in (("-5", False), ("-15", False), ("-25", True), ("-50", True)):
        rules = Rulebooks((edition(scoring(indicator("A", points, lasts(days=9)), bands=bands)),))
        assert verified(facts(found(determination("A", MAY_1))), rules, MAY_1) == sure


def test_a_course_is_cut_where_reasons_change_even_if_the_score_does_not() -> None:
    rules = in_force(indicator("A", "-5", lasts(days=9)))
    given = facts(found(determination("A", MAY_1)), found(determination("A", MAY_1 + 10 * DAY), 2))
    tiles = scoring_tiles(given, REGIME, rules)
    assert [tile.value.score for tile in tiles] == [100, 95, 100]
    course = scoring_course(given, REGIME, rules)
    assert [tile.from_ for tile in course] == [
        START,
        MAY_1,
        MAY_1 + 10 * DAY,
        MAY_1 + 20 * DAY,
    ]
    for tile in course:
        assert tile.reasons == scoring_reasons(given, REGIME, rules, tile.from_)
