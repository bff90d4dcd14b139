"""The course of measures: periods, chains, caps, early ends, and every open choice of the law."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.courses.facts import Facts, FindingFact
from ledger.courses.interval import holding_on
from ledger.courses.measures import MeasuresMemo, is_concerned, measures_course
from ledger.dates import Period
from ledger.rulebook import Match, MeasuresRegime, Regime, Repeat, Rulebooks
from ledger.values import RegimeId
from tests.ledger.courses.measures_build import (
    DAY,
    Said,
    chain_cap,
    made,
    others,
    regime,
    repeat,
    ruled,
    told,
)
from tests.ledger.courses.scoring_build import (
    REGIME,
    START,
    UNSURE,
    clock,
    determination,
    edition,
    facts,
    found,
    profile,
    restored,
    scoring,
)

MAR_1 = date(2023, 3, 1)
YEAR = Period(years=1)
APPENDED = regime(YEAR, repeat(), chain_cap(Period(years=3)), others("close-up"))


# The same again in the plainest way: each finding is a set of days --------------------------------


def _is_month_end(day: date) -> bool:
    return (day + DAY).month != day.month


def _end(start: date, period: Period, times: int) -> date:
    """The last day of so many periods, found by going on day by day; the first does not count."""
    if period.days is not None:
        days, months = period.days * times, 0
    else:
        days, months = 0, ((period.years or 0) * 12 + (period.months or 0)) * times
    day = start
    for _ in range(days):
        day += DAY
    while months:
        day += DAY
        passed = (day.year - start.year) * 12 + day.month - start.month
        if passed == months and (
            day.day == start.day or (_is_month_end(day) and day.day < start.day)
        ):
            break
    return day


def _between(first: date, last: date) -> list[date]:
    return [first + DAY * count for count in range((last - first).days + 1)]


class _Tape:
    """A chain as the days that were given out, one after the other."""

    def __init__(self, first: date) -> None:
        self.next = self.first = first
        self.ran: set[date] = set()
        self.counting: tuple[date, int] = (first, 0)


def _plainly(findings: tuple[FindingFact, ...], term: MeasuresRegime) -> dict[int, set[date]]:
    days_of: dict[int, set[date]] = {}
    tape: _Tape | None = None
    assert term.period is not None
    again, cap, period = term.repeat, term.cap, term.period.period
    for fact in sorted(findings, key=lambda one: (one.content.decided_on, one.position)):
        if fact.annulled_at is not None:
            continue
        start = fact.content.decided_on
        if again is None or again.mode == "parallel":
            tape = None
        elif tape is not None:
            reached = max(tape.ran, default=tape.first - DAY)
            if start > reached or (start == reached and not again.last_day_counts):
                tape = None
        if tape is None:
            tape = _Tape(start)
        anchor, times = tape.counting
        if again is not None and again.counted_from == "last-day" and tape.next != tape.first:
            anchor, times = tape.next - DAY, 0
        last = _end(anchor, period, times + 1)
        if cap is not None and last > (capped := _end(tape.first, cap.period, 1)):
            if cap.then == "carry-over" and tape.next != tape.first:
                tape = _Tape(tape.next)
                anchor, times = tape.counting
                last = min(_end(anchor, period, 1), _end(tape.first, cap.period, 1))
            else:
                last = capped
        given_out = _between(tape.next, last)
        if not given_out:
            continue
        ends = fact.ended_in(REGIME)
        days = {day for day in given_out if ends is None or day < ends.on}
        tape.ran |= days
        tape.counting = anchor, times + 1
        early = term.when_one_ends_early
        if len(days) < len(given_out) and early is not None and early.others == "close-up":
            tape.next += DAY * len(days)
            tape.counting = tape.next - DAY, 0
        else:
            tape.next = last + DAY
        if days:
            days_of[fact.position] = days
    return days_of


_lengths = st.one_of(
    st.integers(1, 40).map(lambda count: Period(days=count)),
    st.integers(1, 7).map(lambda count: Period(months=count)),
    st.just(YEAR),
)
_caps = st.one_of(
    st.none(),
    st.builds(
        chain_cap,
        st.one_of(
            st.integers(1, 90).map(lambda count: Period(days=count)),
            st.integers(1, 18).map(lambda count: Period(months=count)),
        ),
        st.sampled_from(["new-chain", "carry-over"]),
    ),
)
_repeats = st.one_of(
    st.none(),
    st.builds(
        lambda mode, counts, counted: repeat(mode, last_day_counts=counts, counted_from=counted),
        st.sampled_from(["append", "append", "append", "parallel"]),
        st.booleans(),
        st.sampled_from(["chain-start", "last-day"]),
    ),
)
_early = st.sampled_from([None, others("close-up"), others("keep-dates")])
_regimes = st.builds(regime, _lengths, _repeats, _caps, _early)
_months_ends = [date(2020, 1, 31), date(2020, 2, 29), date(2020, 3, 31), date(2021, 2, 28)]
_days = st.one_of(
    st.integers(0, 60).map(lambda count: date(2020, 1, 20) + DAY * count),
    st.integers(0, 500).map(lambda count: START + DAY * count),
    st.sampled_from(_months_ends),
)


@st.composite
def _findings(draw: st.DrawFn) -> tuple[FindingFact, ...]:
    places = list(range(1, draw(st.integers(1, 7)) + 1))
    return tuple(
        replace(
            made(place, draw(_days), draw(st.none() | st.none() | _days)),
            annulled_at=draw(st.sampled_from([None, None, None, 200])),
        )
        for place in places
    )


@given(_findings(), _regimes)
@settings(max_examples=400, deadline=None)
def test_each_finding_has_the_days_that_were_given_out_to_it(
    findings: tuple[FindingFact, ...], term: MeasuresRegime
) -> None:
    course = told(facts(*findings), ruled(term))
    days_of = {
        position: set(_between(first, last)) for position, first, last in course if last is not None
    }
    assert len(days_of) == len(course)
    assert days_of == _plainly(findings, term)


@given(_findings(), _regimes, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_in_which_findings_are_recorded_does_not_show_but_for_equal_days(
    findings: tuple[FindingFact, ...], term: MeasuresRegime, random: object
) -> None:
    mixed = list(findings)
    random.shuffle(mixed)  # type: ignore[attr-defined]  # a Random
    assert told(facts(*mixed), ruled(term)) == told(facts(*findings), ruled(term))


@given(_findings(), _regimes)
@settings(max_examples=60, deadline=None)
def test_findings_that_start_no_measures_change_nothing(
    findings: tuple[FindingFact, ...], term: MeasuresRegime
) -> None:
    rulebooks = ruled(replace(term, on=Match(event=("determination-made",), act=("A",))))
    other = found(determination("B", findings[0].content.decided_on), 100)
    assert not is_concerned(facts(other), REGIME, rulebooks)
    assert told(facts(*findings, other), rulebooks) == told(facts(*findings), rulebooks)
    standing = [one for one in findings if one.is_standing]
    assert is_concerned(facts(*findings), REGIME, rulebooks) == bool(standing)


@st.composite
def _changing(draw: st.DrawFn) -> list[tuple[FindingFact, ...]]:
    """A record as it grows, and as its findings are annulled, restored, corrected."""
    records: list[tuple[FindingFact, ...]] = [()]
    for place in range(1, draw(st.integers(1, 9)) + 1):
        known, is_changed = records[-1], draw(st.booleans())
        if known and is_changed:
            at = draw(st.integers(0, len(known) - 1))
            other = draw(
                st.one_of(
                    st.just(replace(known[at], annulled_at=200)),
                    st.just(replace(known[at], ended=())),
                    st.builds(made, st.just(known[at].position), _days, st.none() | _days),
                )
            )
            known = (*known[:at], other, *known[at + 1 :])
        if draw(st.integers(0, 2)):
            known = (*known, made(place, draw(_days), draw(st.none() | st.none() | _days)))
        records.append(known)
    return records


@given(_changing(), _regimes)
@settings(max_examples=300, deadline=None)
def test_a_walk_that_is_remembered_goes_on_to_the_same_course(
    records: list[tuple[FindingFact, ...]], term: MeasuresRegime
) -> None:
    rulebooks, who, memo = ruled(term), profile(), MeasuresMemo()
    for findings in records:
        known = facts(*findings, who=who)
        course = measures_course(known, REGIME, rulebooks, memo=memo)
        assert course == measures_course(known, REGIME, rulebooks)


# One by one ---------------------------------------------------------------------------------------


def _course(*findings: FindingFact, by: MeasuresRegime = APPENDED) -> list[Said]:
    return told(facts(*findings), ruled(by))


def test_a_leap_day_ends_a_year_on_the_last_day_of_february_and_a_chain_keeps_the_leap_day() -> (
    None
):
    leap = date(2024, 2, 29)
    findings = [made(place, leap) for place in range(1, 5)]
    four = replace(APPENDED, cap=None)
    assert [last for *_, last in _course(*findings, by=four)] == [
        date(2025, 2, 28),
        date(2026, 2, 28),
        date(2027, 2, 28),
        date(2028, 2, 29),
    ]


@pytest.mark.parametrize(
    ("counts", "on", "first"),
    [
        (True, date(2024, 2, 29), date(2024, 3, 2)),
        (True, date(2024, 3, 1), date(2024, 3, 2)),
        (True, date(2024, 3, 3), date(2024, 3, 3)),
        (False, date(2024, 2, 29), date(2024, 3, 2)),
        (False, date(2024, 3, 1), date(2024, 3, 1)),
    ],
)
def test_a_finding_on_the_last_day_meets_the_measures_if_the_edition_says_so(
    counts: bool,  # noqa: FBT001  # a case
    on: date,
    first: date,
) -> None:
    by = replace(APPENDED, repeat=repeat(last_day_counts=counts))
    assert _course(made(1, MAR_1), made(2, on), by=by)[1][:2] == (2, first)


def test_two_findings_of_one_day_follow_in_the_order_of_the_log() -> None:
    assert _course(made(5, MAR_1), made(3, MAR_1)) == [
        (3, MAR_1, date(2024, 3, 1)),
        (5, date(2024, 3, 2), date(2025, 3, 1)),
    ]


def test_a_finding_recorded_late_comes_first_if_its_day_does() -> None:
    assert _course(made(1, date(2023, 9, 15)), made(2, MAR_1)) == [
        (2, MAR_1, date(2024, 3, 1)),
        (1, date(2024, 3, 2), date(2025, 3, 1)),
    ]


def test_a_period_that_would_pass_the_cap_is_cut_and_says_so() -> None:
    by = replace(APPENDED, cap=chain_cap(Period(months=18), mark=UNSURE))
    first, second = measures_course(
        facts(made(1, MAR_1), made(2, date(2023, 9, 1))), REGIME, ruled(by)
    )
    assert (second.from_, second.until) == (date(2024, 3, 2), date(2024, 9, 2))
    assert [reason.note for reason in second.reasons] == ["cut at the cap of the chain"]
    assert (first.verified, second.verified) == (True, False)


def test_a_first_period_longer_than_the_cap_is_cut_too() -> None:
    by = replace(APPENDED, cap=chain_cap(Period(months=6), then="carry-over"))
    assert _course(made(1, MAR_1), by=by) == [(1, MAR_1, date(2023, 9, 1))]


def test_a_period_that_ends_with_the_cap_does_not_exceed_it() -> None:
    by = replace(APPENDED, cap=chain_cap(Period(years=2), then="carry-over"))
    assert _course(made(1, MAR_1), made(2, MAR_1), made(3, MAR_1), by=by) == [
        (1, MAR_1, date(2024, 3, 1)),
        (2, date(2024, 3, 2), date(2025, 3, 1)),
        (3, date(2025, 3, 2), date(2026, 3, 2)),
    ]


def test_carry_over_counts_the_end_as_the_edition_counts_it() -> None:
    by = regime(
        Period(months=1),
        repeat(counted_from="last-day"),
        chain_cap(Period(days=57), then="carry-over"),
    )
    # From the last day, 2023-02-28, the second ends on 03-28 and stays within the 57 days; counted
    # from the first day it would end on 03-31 and not.
    jan_31 = date(2023, 1, 31)
    assert _course(made(1, jan_31), made(2, jan_31), by=by) == [
        (1, jan_31, date(2023, 2, 28)),
        (2, date(2023, 3, 1), date(2023, 3, 28)),
    ]
    from_start = replace(by, repeat=repeat(counted_from="chain-start"))
    assert _course(made(1, jan_31), made(2, jan_31), by=from_start) == [
        (1, jan_31, date(2023, 2, 28)),
        (2, date(2023, 3, 1), date(2023, 4, 1)),
    ]


def test_a_restoration_ends_the_days_from_its_own_on_and_only_in_the_regimes_that_it_names() -> (
    None
):
    ended = made(1, MAR_1, date(2023, 9, 20))
    assert _course(ended) == [(1, MAR_1, date(2023, 9, 19))]
    elsewhere = found(
        determination("A", MAR_1),
        1,
        ended=(restored(date(2023, 9, 20), RegimeId("test/rating/other")),),
    )
    assert _course(elsewhere) == [(1, MAR_1, date(2024, 3, 1))]


@pytest.mark.parametrize(
    ("on", "said"),
    [
        (date(2023, 3, 2), [(1, MAR_1, MAR_1)]),
        (MAR_1, []),
        (date(2023, 2, 1), []),
        (date(2024, 3, 1), [(1, MAR_1, date(2024, 2, 29))]),
        (date(2024, 3, 2), [(1, MAR_1, date(2024, 3, 1))]),
        (date(2030, 1, 1), [(1, MAR_1, date(2024, 3, 1))]),
    ],
)
def test_a_restoration_on_each_side_of_the_bounds(on: date, said: list[Said]) -> None:
    assert _course(made(1, MAR_1, on)) == said


def test_of_two_restorations_the_earlier_day_counts_whichever_was_granted_first() -> None:
    late, early = date(2023, 12, 1), date(2023, 10, 1)
    fact = found(
        determination("A", MAR_1),
        1,
        ended=(restored(late, position=90), restored(early, position=91)),
    )
    assert _course(fact) == [(1, MAR_1, date(2023, 9, 30))]


def test_one_that_never_ran_leaves_no_gap_in_a_chain_that_closes_up() -> None:
    findings = (made(1, MAR_1), made(2, MAR_1, date(2023, 12, 1)), made(3, MAR_1))
    assert _course(*findings) == [
        (1, MAR_1, date(2024, 3, 1)),
        (3, date(2024, 3, 2), date(2025, 3, 1)),
    ]
    keeping = replace(APPENDED, when_one_ends_early=others("keep-dates"))
    assert _course(*findings, by=keeping) == [
        (1, MAR_1, date(2024, 3, 1)),
        (3, date(2025, 3, 2), date(2026, 3, 1)),
    ]


def test_an_early_end_does_not_make_its_own_period_doubtful_but_those_that_close_up() -> None:
    by = replace(APPENDED, when_one_ends_early=others("close-up", UNSURE))
    given_ = facts(made(1, MAR_1, date(2023, 10, 1)), made(2, date(2023, 4, 1)))
    assert [one.verified for one in measures_course(given_, REGIME, ruled(by))] == [True, False]


def test_what_an_unverified_term_did_not_touch_is_verified() -> None:
    doubtful = replace(
        APPENDED, repeat=repeat(mark=UNSURE), cap=chain_cap(Period(years=3), mark=UNSURE)
    )
    apart = facts(made(1, MAR_1), made(2, date(2024, 3, 2)))
    assert [one.verified for one in measures_course(apart, REGIME, ruled(doubtful))] == [True, True]
    touching = facts(made(1, MAR_1), made(2, date(2024, 3, 1)))
    assert [one.verified for one in measures_course(touching, REGIME, ruled(doubtful))] == [
        True,
        False,
    ]


def test_on_the_last_day_an_unverified_choice_counts_on_both_sides() -> None:
    by = replace(APPENDED, repeat=repeat(last_day_counts=False, mark=UNSURE))
    given_ = facts(made(1, MAR_1), made(2, date(2024, 3, 1)))
    assert [one.verified for one in measures_course(given_, REGIME, ruled(by))] == [True, False]


@pytest.mark.parametrize("term", [None, repeat("parallel", mark=UNSURE)])
@pytest.mark.parametrize(("on", "sure"), [(date(2024, 6, 1), False), (date(2024, 6, 2), True)])
def test_parallel_measures_are_doubtful_only_where_they_overlap(
    term: Repeat | None,
    on: date,
    sure: bool,  # noqa: FBT001  # a case
) -> None:
    by = replace(APPENDED, repeat=term)
    given_ = facts(made(1, MAR_1), made(2, date(2023, 6, 1)), made(3, on))
    course = measures_course(given_, REGIME, ruled(by))
    assert [one.verified for one in course] == [True, False, sure]


def test_an_unverified_clock_or_a_day_that_is_not_on_record_makes_the_period_doubtful() -> None:
    unsure = replace(APPENDED, clock=clock("decided_on", UNSURE))
    missing = replace(APPENDED, clock=clock("published_on"))
    for by in (unsure, missing):
        (one,) = measures_course(facts(made(1, MAR_1)), REGIME, ruled(by))
        assert (one.from_, one.verified) == (MAR_1, False)


def test_the_clock_starts_on_the_day_that_the_edition_names() -> None:
    by = replace(APPENDED, clock=clock("published_on"))
    content = determination("A", MAR_1, published=date(2023, 3, 10))
    assert _course(found(content), by=by) == [(1, date(2023, 3, 10), date(2024, 3, 10))]


def test_a_period_that_is_not_published_is_open_until_a_restoration() -> None:
    by = regime(None, repeat())
    (one,) = measures_course(facts(made(1, MAR_1)), REGIME, ruled(by))
    assert (one.from_, one.until, one.verified) == (MAR_1, None, False)
    assert one.reasons[0].note == "period not published"
    assert _course(made(1, MAR_1, date(2023, 9, 1)), by=by) == [(1, MAR_1, date(2023, 8, 31))]
    assert _course(made(1, MAR_1, MAR_1), by=by) == []


def test_beyond_the_last_year_of_the_calendar_it_is_open() -> None:
    by = replace(APPENDED, cap=None, period=regime(Period(years=200)).period)
    findings = [made(place, MAR_1) for place in range(1, 45)]
    course = told(facts(*findings), ruled(by))
    assert course[-1][2] is None
    assert all(last is not None for *_, last in course[:39])
    capped = replace(by, cap=chain_cap(Period(years=3)))
    assert _course(*findings, by=capped) == [(1, MAR_1, date(2026, 3, 1))]


def test_a_role_counts_on_the_first_day_of_the_measures() -> None:
    by = ruled(replace(APPENDED, applies_to=("patent-agency",)))
    for since, said in ((MAR_1, 1), (MAR_1 + DAY, 0)):
        who = profile(("patent-agency", since, None))
        assert len(told(facts(made(1, MAR_1), who=who), by)) == said
    left = profile(("patent-agency", START, MAR_1))
    assert told(facts(made(1, MAR_1), who=left), by) == []


class TestEditions:
    """One regime over the editions of its rulebook."""

    TURN = date(2024, 1, 1)

    def rules(self, *regimes: Regime | None, until: date | None = None) -> Rulebooks:
        later = [
            edition(*([one] if one else []), name=f"test-{place}", from_=self.day(place))
            for place, one in enumerate(regimes, start=2)
        ]
        return Rulebooks((edition(APPENDED, until=until), *later))

    def day(self, place: int) -> date:
        return date(self.TURN.year + place - 2, 1, 1)

    def test_each_finding_has_the_terms_of_the_edition_in_force_on_its_decision(self) -> None:
        half = replace(APPENDED, period=regime(Period(months=6)).period)
        rules = self.rules(half)
        assert told(facts(made(1, self.TURN - DAY)), rules) == [
            (1, self.TURN - DAY, date(2024, 12, 31))
        ]
        assert told(facts(made(1, self.TURN)), rules) == [(1, self.TURN, date(2024, 7, 1))]

    def test_a_period_of_another_length_is_counted_from_the_last_day_before_it(self) -> None:
        half = replace(APPENDED, period=regime(Period(months=6)).period)
        course = told(
            facts(made(1, MAR_1), made(2, self.TURN), made(3, self.TURN)), self.rules(half)
        )
        assert course == [
            (1, MAR_1, date(2024, 3, 1)),
            (2, date(2024, 3, 2), date(2024, 9, 1)),
            (3, date(2024, 9, 2), date(2025, 3, 1)),
        ]

    def test_measures_go_on_when_their_edition_ends_and_none_follows(self) -> None:
        assert told(facts(made(1, MAR_1)), self.rules(until=date(2023, 6, 1))) == [
            (1, MAR_1, date(2024, 3, 1))
        ]
        assert told(facts(made(1, date(2023, 6, 1))), self.rules(until=date(2023, 6, 1))) == []

    @pytest.mark.parametrize("later", [None, scoring()])
    def test_they_end_where_a_later_edition_has_none_of_that_name(
        self, later: Regime | None
    ) -> None:
        assert told(facts(made(1, MAR_1)), self.rules(later)) == [(1, MAR_1, date(2023, 12, 31))]
        assert told(facts(made(1, self.TURN)), self.rules(later)) == []
        in_time = facts(made(1, date(2022, 12, 31)))
        assert told(in_time, self.rules(later)) == [(1, date(2022, 12, 31), date(2023, 12, 31))]

    def test_a_course_that_is_taken_up_again_begins_anew(self) -> None:
        rules = self.rules(None, APPENDED)
        again = date(2025, 2, 1)
        three_years = replace(made(2, date(2023, 4, 1)))
        course = told(facts(made(1, MAR_1), three_years, made(3, again)), rules)
        assert course == [(1, MAR_1, date(2023, 12, 31)), (3, again, date(2026, 2, 1))]

    def test_a_gap_between_editions_takes_no_finding(self) -> None:
        rules = self.rules(APPENDED, until=date(2023, 6, 1))
        assert told(facts(made(1, date(2023, 7, 1))), rules) == []


def test_each_interval_names_its_finding_edition_and_measures() -> None:
    (one,) = measures_course(facts(made(7, MAR_1)), REGIME, ruled(APPENDED))
    assert (one.value.finding, one.value.position) == ("event-7", 7)
    assert (one.value.edition, one.value.measures, one.reasons) == ("test-1", (), ())
    assert holding_on((one,), MAR_1) == one


def test_without_findings_there_are_none() -> None:
    assert measures_course(Facts(), REGIME, ruled(APPENDED)) == ()
