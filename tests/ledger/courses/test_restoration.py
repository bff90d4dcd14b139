"""What may be restored, from which day on, decided by when."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from ledger.calendar import official_calendar
from ledger.courses.restoration import (
    RestorationAnswer,
    dates_of,
    decision_due,
    earliest_after_previous,
    earliest_day,
    earliest_request,
    follows,
    restorations_of,
)
from ledger.dates import Period
from ledger.events import (
    DeterminationMade,
    Event,
    FindingAnnulled,
    FindingCorrected,
    ListingDecided,
    ListingEnded,
    ListingProposed,
    PenaltyImposed,
    RestorationAnnulled,
    RestorationGranted,
    RoleGiven,
)
from ledger.rulebook import (
    DateName,
    Earliest,
    Edition,
    ListingRegime,
    Mark,
    RefusalGround,
    RefusalKind,
    RestorationRegime,
    Rulebooks,
    Status,
    WorkingDays,
)
from ledger.values import EventId, ListId, RegimeId
from tests.ledger.courses.measures_build import regime as measures_regime
from tests.ledger.courses.record_build import day, event, record
from tests.ledger.courses.scoring_build import (
    SURE,
    UNSURE,
    clause,
    edition,
    indicator,
    node,
    scoring,
)

DAY = timedelta(days=1)
MAR_1 = day(3)
RESTORATION = RegimeId("test/rating/restoration")
MEASURES = RegimeId("test/rating/measures")
SCORE = RegimeId("test/rating/score")
LIST = RegimeId("test/rating/list")
FOUND, ON = EventId("found"), EventId("on")

MADE = event(DeterminationMade, "found", act="A", decided_on=MAR_1)
LISTED = event(ListingDecided, "on", list="bad", decided_on=MAR_1)


def earliest(
    period: Period, start: DateName = DateName.DECIDED_ON, offset: int = 1, mark: Mark | None = None
) -> Earliest:
    return Earliest(period=period, start=start, offset_days=offset, mark=mark or clause("13"))


def ground(period: Period, mark: Mark | None = None) -> RefusalGround:
    kind = RefusalKind.PREVIOUS_RESTORATION_WITHIN
    return RefusalGround(kind=kind, within=period, mark=mark or clause("14"))


HALF_YEAR = earliest(Period(months=6))


def regime(
    term: Earliest | None = HALF_YEAR,
    *,
    ends: tuple[RegimeId, ...] = (MEASURES,),
    refuse_if: tuple[RefusalGround, ...] = (),
    applies_to: tuple[str, ...] = (),
    within: int | None = None,
) -> RestorationRegime:
    return RestorationRegime(
        id=RESTORATION,
        applies_to=applies_to,
        ends=ends,
        earliest=term,
        decide_within=None
        if within is None
        else WorkingDays(days=within, start=DateName.ACCEPTED_ON, mark=SURE),
        refuse_if=refuse_if,
    )


A_LIST = ListingRegime(
    id=LIST, applies_to=(), list=ListId("bad"), entry=None, clock=None, period=None
)
ENDED = (
    replace(measures_regime(Period(years=1)), id=MEASURES),
    scoring(node("n", indicator("A", "-5")), name=SCORE),
    A_LIST,
)


def rules(one: RestorationRegime, status: Status = Status.OFFICIAL) -> Rulebooks:
    return Rulebooks((edition(*ENDED, one, status=status),))


def granted(named: str, on: date, of: EventId = FOUND, *regimes: RegimeId) -> Event:
    return event(RestorationGranted, named, of=(of,), regimes=regimes or (MEASURES,), decided_on=on)


def asked(one: RestorationRegime, *told: Event, fact: EventId = FOUND) -> RestorationAnswer:
    answer = earliest_request(record(*told), fact, RESTORATION, rules(one))
    assert answer is not None
    return answer


class TestEarliest:
    """The first day on which it may be asked."""

    @pytest.mark.parametrize(
        ("decided", "period", "offset", "first"),
        [
            (MAR_1, Period(months=6), 1, day(9, 2)),
            (MAR_1, Period(months=6), 0, day(9, 1)),
            (day(8, 31), Period(months=6), 1, date(2024, 3, 1)),
            (date(2024, 2, 29), Period(years=1), 1, date(2025, 3, 1)),
            (MAR_1, Period(days=30), 1, day(4, 1)),
        ],
    )
    def test_it_is_the_day_behind_the_minimums_last_day(
        self, decided: date, period: Period, offset: int, first: date
    ) -> None:
        made = replace(MADE, decided_on=decided)
        answer = asked(regime(earliest(period, offset=offset)), made)
        assert (answer.earliest_request, answer.clause, answer.verified) == (first, "13", True)
        assert (answer.fact, answer.position, answer.regime, answer.edition, answer.ends) == (
            "found",
            2,
            RESTORATION,
            "test-1",
            (MEASURES,),
        )
        assert answer.note is None

    def test_without_a_published_minimum_no_day_is_named(self) -> None:
        answer = asked(regime(None), MADE)
        assert (answer.earliest_request, answer.clause, answer.verified) == (None, None, False)
        assert answer.note == "the earliest day was not published"

    def test_a_day_that_is_not_on_record_starts_no_minimum(self) -> None:
        answer = asked(regime(earliest(Period(months=6), DateName.PUBLISHED_ON)), MADE)
        assert (answer.earliest_request, answer.note) == (None, "published_on is not on record")
        known = replace(MADE, published_on=day(4))
        by = regime(earliest(Period(months=6), DateName.PUBLISHED_ON))
        assert asked(by, known).earliest_request == day(10, 2)

    def test_a_listing_without_day_of_decision_was_decided_by_its_first_day(self) -> None:
        undecided = replace(LISTED, decided_on=None, effective_on=day(4))
        by = regime(ends=(LIST,))
        assert asked(by, undecided, fact=ON).earliest_request == day(10, 2)
        assert dates_of(undecided) == {
            DateName.DECIDED_ON: day(4),
            DateName.EFFECTIVE_ON: day(4),
        }
        assert earliest_day(by, dates_of(undecided)) == day(10, 2)

    def test_a_term_or_an_edition_that_is_not_verified_shows(self) -> None:
        unsure = regime(earliest(Period(months=6), mark=UNSURE))
        assert not asked(unsure, MADE).verified
        demo = rules(regime(), Status.DEMO)
        answer = earliest_request(record(MADE), FOUND, RESTORATION, demo)
        assert answer is not None
        assert not answer.verified

    def test_a_corrected_finding_counts_as_it_should_have_read(self) -> None:
        mended = replace(MADE, decided_on=day(4))
        corrected = event(FindingCorrected, "found", determination=mended)
        assert asked(regime(), MADE, corrected).earliest_request == day(10, 2)


class TestPrevious:
    """A ground that looks at the restoration before."""

    BY = regime(refuse_if=(ground(Period(years=1)),))
    OTHER = event(PenaltyImposed, "other", decided_on=day(1))

    def test_the_later_of_both_days_counts_with_its_own_clause(self) -> None:
        before = granted("before", day(5), EventId("other"))
        answer = asked(self.BY, self.OTHER, MADE, before)
        assert (answer.earliest_request, answer.clause) == (date(2024, 5, 2), "14")
        assert answer.note == "counted from the restoration of 2023-05-01"

    def test_one_so_long_ago_that_the_minimum_is_later_does_not_count(self) -> None:
        long_ago = granted("before", date(2022, 9, 1), EventId("other"))
        answer = asked(self.BY, self.OTHER, MADE, long_ago)
        assert (answer.earliest_request, answer.clause) == (day(9, 2), "13")

    @pytest.mark.parametrize(("on", "first"), [(day(9), date(2024, 9, 2)), (None, day(9, 2))])
    def test_of_several_the_last_counts_and_one_got_by_fraud_does_not(
        self, on: date | None, first: date
    ) -> None:
        last = granted("last", day(9), EventId("other"))
        told: list[Event] = [self.OTHER, MADE, granted("first", date(2022, 1, 1), EventId("other"))]
        told.append(last)
        if on is None:
            told.append(event(RestorationAnnulled, "last", decided_on=day(10)))
        assert asked(self.BY, *told).earliest_request == first

    def test_one_in_regimes_that_this_one_does_not_end_does_not_count(self) -> None:
        elsewhere = granted("before", day(5), EventId("other"), SCORE)
        assert asked(self.BY, self.OTHER, MADE, elsewhere).earliest_request == day(9, 2)

    def test_asked_when_a_fact_could_have_been_restored_its_own_restoration_does_not_count(
        self,
    ) -> None:
        assert asked(self.BY, MADE, granted("own", day(9, 20))).earliest_request == day(9, 2)

    def test_for_what_is_left_of_a_fact_its_own_restoration_counts(self) -> None:
        by = regime(ends=(MEASURES, SCORE), refuse_if=(ground(Period(years=1)),))
        (answer,) = restorations_of(record(MADE, granted("own", day(9, 20))), rules(by))
        assert (answer.ends, answer.earliest_request) == ((SCORE,), date(2024, 9, 21))

    def test_the_first_day_is_behind_the_last_of_the_period(self) -> None:
        assert earliest_after_previous(ground(Period(years=1)), MAR_1) == date(2024, 3, 2)
        leap = date(2024, 2, 29)
        assert earliest_after_previous(ground(Period(years=1)), leap) == date(2025, 3, 1)


class TestWhat:
    """Which facts, in which regimes."""

    ALL = regime(ends=(MEASURES, SCORE, LIST))

    def test_each_fact_is_ended_where_something_follows_from_it(self) -> None:
        penalty = event(PenaltyImposed, "fine", decided_on=MAR_1)
        answers = restorations_of(record(MADE, LISTED, penalty), rules(self.ALL))
        assert [(answer.fact, answer.ends) for answer in answers] == [
            ("found", (MEASURES, SCORE)),
            ("on", (LIST,)),
        ]

    def test_only_those_asked_for_are_answered(self) -> None:
        facts = record(MADE, LISTED)
        answers = restorations_of(facts, rules(self.ALL), only={ON})
        assert [answer.fact for answer in answers] == ["on"]
        assert restorations_of(facts, rules(self.ALL), only=()) == ()

    def test_what_was_ended_in_one_regime_may_be_ended_in_the_others(self) -> None:
        facts = record(MADE, granted("r", day(9), FOUND, SCORE))
        (answer,) = restorations_of(facts, rules(self.ALL))
        assert answer.ends == (MEASURES,)
        everywhere = record(MADE, granted("r", day(9), FOUND, SCORE, MEASURES))
        assert restorations_of(everywhere, rules(self.ALL)) == ()

    def test_after_a_restoration_got_by_fraud_it_may_be_asked_anew(self) -> None:
        annulled = event(RestorationAnnulled, "r", decided_on=day(10))
        (answer,) = restorations_of(record(MADE, granted("r", day(9)), annulled), rules(regime()))
        assert answer.ends == (MEASURES,)

    def test_nothing_is_left_of_what_was_annulled_proposed_or_left_its_list(self) -> None:
        for told in (
            (MADE, event(FindingAnnulled, "found", decided_on=day(4))),
            (LISTED, event(ListingEnded, "on", effective_on=day(4))),
            (event(ListingProposed, "on", list="bad"),),
        ):
            assert restorations_of(record(*told), rules(self.ALL)) == ()

    def test_a_fact_that_is_not_there_has_no_answer(self) -> None:
        facts, by = record(MADE), rules(regime())
        assert earliest_request(facts, EventId("none"), RESTORATION, by) is None
        assert earliest_request(facts, FOUND, RegimeId("test/rating/none"), by) is None
        assert earliest_request(facts, FOUND, MEASURES, by) is None

    @pytest.mark.parametrize(("since", "count"), [(MAR_1, 1), (MAR_1 + DAY, 0)])
    def test_it_is_for_those_whom_the_regime_applied_to_on_the_decision(
        self, since: date, count: int
    ) -> None:
        role = event(RoleGiven, role="agent", effective_on=since)
        by = rules(regime(applies_to=("agent",)))
        assert len(restorations_of(record(role, MADE), by)) == count

    def test_regimes_follow_what_they_match(self) -> None:
        of_measures, of_score, of_list = ENDED
        other = replace(LISTED, list=ListId("worse"))
        unmatched = replace(MADE, act="B")  # type: ignore[arg-type]  # an act
        assert follows(of_measures, MADE)
        assert follows(of_score, MADE)
        assert not follows(of_score, unmatched)
        assert follows(of_list, LISTED)
        assert not follows(of_list, other)
        assert not follows(of_list, MADE)
        assert not follows(regime(), MADE)


class TestEditions:
    """Which edition says so."""

    TURN = date(2024, 1, 1)
    YEAR_LATER = earliest(Period(years=1))

    def rules(self, until: date | None = None) -> Rulebooks:
        first: Edition = edition(*ENDED, regime(), until=until)
        return Rulebooks(
            (first, edition(*ENDED, regime(self.YEAR_LATER), name="test-2", from_=self.TURN))
        )

    @pytest.mark.parametrize(
        ("decided", "named", "first"),
        [
            (date(2023, 12, 31), "test-1", date(2024, 7, 1)),
            (date(2024, 1, 1), "test-2", date(2025, 1, 2)),
            (date(2019, 1, 1), "test-1", date(2019, 7, 2)),
        ],
    )
    def test_it_is_the_one_in_force_on_the_decision_or_the_first(
        self, decided: date, named: str, first: date
    ) -> None:
        facts = record(replace(MADE, decided_on=decided))
        (answer,) = restorations_of(facts, self.rules())
        assert (answer.edition, answer.earliest_request) == (named, first)


class TestDecision:
    """By when a request is decided."""

    def test_the_start_day_does_not_count_and_days_off_do_not(self) -> None:
        due = decision_due(regime(within=10), day(9, 4), official_calendar())
        assert due is not None
        assert (due.date, due.provisional) == (day(9, 18), False)

    def test_without_a_term_there_is_none(self) -> None:
        assert decision_due(regime(), day(9, 4), official_calendar()) is None
