"""Presence on lists: entered by decision, left by time, early, by restoration, by annulment."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.courses.facts import Facts, ListingFact
from ledger.courses.interval import Interval
from ledger.courses.listing import Listed, listing_course, listings_of
from ledger.dates import Period
from ledger.events import (
    Event,
    ListingAnnulled,
    ListingDecided,
    ListingDropped,
    ListingEnded,
    ListingProposed,
    RestorationAnnulled,
    RestorationGranted,
    RoleGiven,
)
from ledger.rulebook import (
    Clock,
    Edition,
    Entry,
    ListingRegime,
    Mark,
    PeriodTerm,
    Regime,
    Rulebooks,
)
from ledger.values import EditionId, ListId, RegimeId, RulebookId
from tests.ledger.courses.record_build import day, event, record
from tests.ledger.courses.scoring_build import REGIME, START, SURE, UNSURE, clock, edition, scoring

DAY = timedelta(days=1)
BAD = ListId("bad")
OTHER = RegimeId("test/other/list")
MAR_1 = day(3)
THREE_YEARS = Period(years=3)


def regime(
    period: Period | None = THREE_YEARS,
    *,
    start: Clock | None = None,
    entry: Mark | None = SURE,
    mark: Mark = SURE,
    applies_to: tuple[str, ...] = (),
    of: ListId = BAD,
    name: RegimeId = REGIME,
) -> ListingRegime:
    return ListingRegime(
        id=name,
        applies_to=applies_to,
        list=of,
        entry=None if entry is None else Entry(by="listing-decided", mark=entry),
        clock=start or clock(),
        period=None if period is None else PeriodTerm(period=period, mark=mark),
    )


def rules(*regimes: Regime) -> Rulebooks:
    return Rulebooks((edition(*regimes),))


def elsewhere(one: ListingRegime) -> Edition:
    """An edition of another rulebook, behind the first one in the alphabet."""
    named = edition(replace(one, id=OTHER), name="other-1")
    return replace(named, rulebook=RulebookId("test/other"), id=EditionId("other-1"))


def listed(named: str = "on", on: date = MAR_1, **said: object) -> ListingDecided:
    return event(ListingDecided, named, **{"list": BAD, "decided_on": on, **said})


def granted(named: str, on: date, *regimes: RegimeId) -> RestorationGranted:
    return event(RestorationGranted, named, of=("on",), regimes=regimes or (REGIME,), decided_on=on)


def one(facts: Facts, rulebooks: Rulebooks) -> Interval[Listed]:
    (found,) = listings_of(facts, rulebooks)
    return found


def last(found: Interval[Listed]) -> date | None:
    return None if found.until is None else found.until - DAY


def test_the_period_of_the_regime_is_counted_from_the_first_day() -> None:
    found = one(record(listed()), rules(regime()))
    assert (found.from_, last(found), found.verified) == (MAR_1, date(2026, 3, 1), True)
    value = found.value
    assert (value.list, value.listing, value.position) == (BAD, "on", 2)
    assert (value.regime, value.edition, value.dated) == (REGIME, "test-1", True)


def test_three_years_from_a_leap_day_end_on_the_last_day_of_february() -> None:
    assert last(one(record(listed(on=date(2024, 2, 29))), rules(regime()))) == date(2027, 2, 28)


def test_the_clock_may_start_on_another_day_than_presence() -> None:
    decided = listed(decided_on=day(2), effective_on=MAR_1, published_on=day(4))
    by_date = {
        name: one(record(decided), rules(regime(start=clock(name))))
        for name in ("decided_on", "effective_on", "published_on")
    }
    assert {found.from_ for found in by_date.values()} == {MAR_1}
    assert [last(found) for found in by_date.values()] == [
        day(2, year=2026),
        day(3, year=2026),
        day(4, year=2026),
    ]


def test_a_clock_day_that_is_not_on_record_is_made_up_for_and_doubtful() -> None:
    found = one(record(listed()), rules(regime(start=clock("published_on"))))
    assert (last(found), found.verified) == (date(2026, 3, 1), False)


@pytest.mark.parametrize(
    ("term", "ends"),
    [
        (date(2030, 1, 1), date(2030, 1, 1)),
        (date(2026, 3, 2), date(2026, 3, 2)),
        (date(2026, 3, 1), date(2026, 3, 1)),
        (date(2025, 1, 1), date(2026, 3, 1)),
    ],
)
def test_it_lasts_at_least_as_long_as_the_decision_says(term: date, ends: date) -> None:
    assert last(one(record(listed(term_ends_on=term)), rules(regime()))) == ends


def test_without_period_the_decisions_own_term_ends_it_and_without_that_an_event() -> None:
    with_term = one(record(listed(term_ends_on=day(6))), rules(regime(None)))
    assert (last(with_term), with_term.verified) == (day(6), False)
    without = one(record(listed()), rules(regime(None)))
    assert (without.until, without.verified) == (None, False)


def test_a_list_that_no_edition_names_feeds_no_regime_and_is_shown() -> None:
    facts = record(listed(list="unknown", term_ends_on=day(6)))
    found = one(facts, rules(regime()))
    assert (found.value.regime, found.value.edition) == (None, None)
    assert (last(found), found.verified) == (day(6), True)
    assert listing_course(facts, REGIME, rules(regime())) == ()


def test_a_term_beyond_the_calendar_is_open() -> None:
    found = one(record(listed(term_ends_on=date.max)), rules(regime()))
    assert (found.until, found.verified) == (None, False)


class TestEarly:
    """What takes a subject off before the time."""

    def test_an_exit_ends_it_on_its_own_day(self) -> None:
        ended = event(ListingEnded, "on", effective_on=day(9))
        assert last(one(record(listed(), ended), rules(regime()))) == day(8, 31)

    @pytest.mark.parametrize("on", [MAR_1, day(2)])
    def test_an_exit_on_or_before_the_first_day_leaves_no_day(self, on: date) -> None:
        ended = event(ListingEnded, "on", effective_on=on)
        assert listings_of(record(listed(), ended), rules(regime())) == ()

    def test_an_exit_after_the_period_changes_nothing(self) -> None:
        ended = event(ListingEnded, "on", effective_on=date(2026, 3, 2))
        assert last(one(record(listed(), ended), rules(regime()))) == date(2026, 3, 1)

    def test_an_early_end_is_sure_though_the_period_is_not(self) -> None:
        doubtful = rules(regime(mark=UNSURE))
        assert not one(record(listed()), doubtful).verified
        ended = event(ListingEnded, "on", effective_on=day(9))
        assert one(record(listed(), ended), doubtful).verified

    def test_a_restoration_of_this_regime_ends_it_and_one_of_another_does_not(self) -> None:
        here = one(record(listed(), granted("r", day(9))), rules(regime()))
        there = one(record(listed(), granted("r", day(9), OTHER)), rules(regime()))
        assert (last(here), last(there)) == (day(8, 31), date(2026, 3, 1))

    def test_of_exit_and_restoration_the_first_counts(self) -> None:
        ended = event(ListingEnded, "on", effective_on=day(10))
        both = (record(listed(), ended, granted("r", on)) for on in (day(9), day(11)))
        assert [last(one(facts, rules(regime()))) for facts in both] == [day(8, 31), day(9, 30)]

    def test_a_restoration_got_by_fraud_never_ended_it(self) -> None:
        annulled = event(RestorationAnnulled, "r", decided_on=day(12))
        facts = record(listed(), granted("r", day(9)), annulled)
        assert last(one(facts, rules(regime()))) == date(2026, 3, 1)


def test_what_was_annulled_proposed_or_dropped_is_no_presence() -> None:
    proposed = event(ListingProposed, "on", list=BAD, effective_on=day(2))
    for facts in (
        record(listed(), event(ListingAnnulled, "on", decided_on=day(9))),
        record(proposed),
        record(proposed, event(ListingDropped, "on", effective_on=day(4))),
    ):
        assert listings_of(facts, rules(regime())) == ()


def test_the_day_of_import_stands_in_for_an_unknown_first_day_and_is_doubtful() -> None:
    found = one(record(listed(decided_on=None, effective_on=MAR_1, dated=False)), rules(regime()))
    assert (found.value.dated, found.verified) == (False, False)


@pytest.mark.parametrize("entry", [None, UNSURE])
def test_an_entry_that_is_not_verified_makes_it_doubtful(entry: Mark | None) -> None:
    assert not one(record(listed()), rules(regime(entry=entry))).verified


def test_whom_the_regime_does_not_apply_to_on_the_first_day_it_does_not_take() -> None:
    by = rules(regime(applies_to=("agent",)))
    role = event(RoleGiven, role="agent", effective_on=MAR_1)
    assert one(record(role, listed()), by).value.regime == REGIME
    assert one(record(role, listed(on=MAR_1 - DAY)), by).value.regime is None


def test_two_listings_on_one_list_are_two_intervals_in_the_order_of_days_and_the_log() -> None:
    facts = record(listed("late", day(5)), listed("first"), listed("second"))
    found = listings_of(facts, rules(regime()))
    assert [interval.value.listing for interval in found] == ["first", "second", "late"]


class TestEditions:
    """One list over the editions of its rulebook, and in several rulebooks."""

    TURN = date(2024, 1, 1)

    def turned(self, *later: Regime) -> Rulebooks:
        return Rulebooks((edition(regime()), edition(*later, name="test-2", from_=self.TURN)))

    def test_the_edition_in_force_on_the_decision_has_its_terms(self) -> None:
        by = self.turned(regime(Period(years=1)))
        before = one(record(listed(on=self.TURN - DAY)), by)
        after = one(record(listed(on=self.TURN)), by)
        assert (before.value.edition, last(before)) == ("test-1", date(2026, 12, 31))
        assert (after.value.edition, last(after)) == ("test-2", date(2025, 1, 1))

    def test_a_listing_without_day_of_decision_was_decided_by_its_first_day(self) -> None:
        by = self.turned(regime(Period(years=1)))
        decided = listed(decided_on=None, effective_on=self.TURN)
        assert one(record(decided), by).value.edition == "test-2"

    @pytest.mark.parametrize("later", [(), (scoring(),), (regime(of=ListId("else"), name=OTHER),)])
    def test_the_course_ends_where_a_later_edition_has_none_of_that_name_and_presence_goes_on(
        self, later: tuple[Regime, ...]
    ) -> None:
        by, facts = self.turned(*later), record(listed())
        (course,) = listing_course(facts, REGIME, by)
        assert (course.from_, course.until) == (MAR_1, self.TURN)
        assert last(one(facts, by)) == date(2026, 3, 1)
        future = record(listed(decided_on=day(6), effective_on=self.TURN))
        assert listing_course(future, REGIME, by) == ()

    def test_before_the_first_edition_no_regime_takes_it(self) -> None:
        assert one(record(listed(on=START - DAY)), rules(regime())).value.regime is None

    def test_what_ended_before_the_course_is_over_ends_there(self) -> None:
        (course,) = listing_course(record(listed(), granted("r", day(9))), REGIME, self.turned())
        assert course.until == day(9)

    def test_two_regimes_of_one_edition_may_name_one_list(self) -> None:
        by = rules(regime(), regime(Period(years=1), name=RegimeId("test/rating/short")))
        facts = record(listed())
        courses = [
            listing_course(facts, name, by) for name in (REGIME, RegimeId("test/rating/short"))
        ]
        assert [[last(on) for on in course] for course in courses] == [
            [date(2026, 3, 1)],
            [date(2024, 3, 1)],
        ]
        assert one(facts, by).value.regime == REGIME

    def test_each_of_two_rulebooks_that_name_a_list_has_its_own_course(self) -> None:
        by = Rulebooks((edition(regime()), elsewhere(regime(Period(years=1)))))
        facts = record(listed(), granted("r", day(9)))
        (here,) = listing_course(facts, REGIME, by)
        (there,) = listing_course(facts, OTHER, by)
        assert (last(here), last(there)) == (day(8, 31), date(2024, 3, 1))
        assert (here.value.regime, there.value.regime) == (REGIME, OTHER)


# Day by day ---------------------------------------------------------------------------------------

_days = st.integers(0, 60).map(lambda count: MAR_1 + DAY * count)
_periods = st.none() | st.integers(1, 40).map(lambda count: Period(days=count))


def _on_list(fact: ListingFact, on: date, period: Period | None) -> bool:
    """Whether the subject is on the list on a day, asked of that day alone."""
    decided = fact.decided
    if decided is None or fact.annulled_at is not None or on < decided.effective_on:
        return False
    if fact.ended_on is not None and on >= fact.ended_on:
        return False
    if any(on >= end.on for end in fact.ended if REGIME in end.regimes):
        return False
    in_term = decided.term_ends_on is not None and on <= decided.term_ends_on
    if period is None:
        return decided.term_ends_on is None or in_term
    return in_term or (on - decided.effective_on).days <= (period.days or 0)


@st.composite
def _records(draw: st.DrawFn) -> Facts:
    first = draw(_days)
    told = [listed(on=first, term_ends_on=draw(st.none() | _days))]
    optional: list[Event] = [
        event(ListingEnded, "on", effective_on=draw(_days)),
        granted("one", draw(_days)),
        granted("two", draw(_days), draw(st.sampled_from([REGIME, OTHER]))),
        event(RestorationAnnulled, "one", decided_on=draw(_days)),
        event(ListingAnnulled, "on", decided_on=draw(_days)),
    ]
    chosen = [
        one
        for one, weight in zip(optional, (2, 2, 2, 3, 9), strict=True)
        if draw(st.integers(1, 10)) > weight * draw(st.integers(1, 2))
    ]
    return record(*told, *chosen)


@given(_records(), _periods)
@settings(max_examples=200, deadline=None)
def test_each_day_of_presence_is_as_asked_of_that_day_alone(
    facts: Facts, period: Period | None
) -> None:
    (fact,) = facts.listings
    found = listings_of(facts, rules(regime(period)))
    assert listing_course(facts, REGIME, rules(regime(period))) == found
    for count in range(-2, 130):
        on = MAR_1 + DAY * count
        assert any(one.holds_on(on) for one in found) == _on_list(fact, on, period), on
