"""Regimes without score: what is held against the subject, day by day."""

from datetime import date, timedelta

from ledger.courses.interval import Interval, holding_on
from ledger.courses.measures import UnderMeasures
from ledger.courses.states import State, state_tiles
from ledger.dates import Period
from ledger.rulebook import Match, MeasuresRegime, PeriodTerm, Rulebooks, Status
from ledger.values import EditionId, EventId
from tests.ledger.courses.scoring_build import REGIME, START, clause, edition, facts, profile

DAY = timedelta(days=1)
MAY_1 = date(2021, 5, 1)


def measures(applies_to: tuple[str, ...] = ()) -> MeasuresRegime:
    return MeasuresRegime(
        id=REGIME,
        applies_to=applies_to,
        on=Match(event=("determination-made",)),
        clock=None,
        period=PeriodTerm(period=Period(years=1), mark=clause("10")),
        repeat=None,
        cap=None,
        when_one_ends_early=None,
        measures=(),
    )


def under(
    place: int, from_: date, until: date | None, *, verified: bool = True
) -> Interval[UnderMeasures]:
    value = UnderMeasures(
        finding=EventId(f"event-{place}"),
        position=place,
        edition=EditionId("test-1"),
        measures=(),
    )
    return Interval(from_=from_, until=until, value=value, reasons=(), verified=verified)


def tiles(
    *held: Interval[UnderMeasures],
    rulebooks: Rulebooks | None = None,
    role: tuple[str, date, date | None] = ("patent-agency", START, None),
) -> tuple[Interval[State], ...]:
    rules = rulebooks or Rulebooks((edition(measures()),))
    return state_tiles(facts(who=profile(role)), REGIME, rules, held, state="under-measures")


def told(course: tuple[Interval[State], ...]) -> list[tuple[str, date, date | None]]:
    return [(tile.value.state, tile.from_, tile.until) for tile in course]


def test_without_findings_every_day_since_the_first_edition_is_clear() -> None:
    assert told(tiles()) == [("clear", START, None)]


def test_periods_that_follow_one_another_are_one() -> None:
    course = tiles(under(1, MAY_1, MAY_1 + 5 * DAY), under(2, MAY_1 + 5 * DAY, MAY_1 + 9 * DAY))
    assert told(course) == [
        ("clear", START, MAY_1),
        ("under-measures", MAY_1, MAY_1 + 9 * DAY),
        ("clear", MAY_1 + 9 * DAY, None),
    ]
    assert [line.event for line in course[1].reasons] == ["event-1", "event-2"]
    assert all(line.points is None and line.clause == "10" for line in course[1].reasons)


def test_a_day_between_two_periods_is_clear() -> None:
    course = tiles(under(1, MAY_1, MAY_1 + 5 * DAY), under(2, MAY_1 + 6 * DAY, None))
    assert told(course)[1:] == [
        ("under-measures", MAY_1, MAY_1 + 5 * DAY),
        ("clear", MAY_1 + 5 * DAY, MAY_1 + 6 * DAY),
        ("under-measures", MAY_1 + 6 * DAY, None),
    ]


def test_a_shorter_period_within_a_longer_one_does_not_end_it() -> None:
    course = tiles(under(1, MAY_1, MAY_1 + 9 * DAY), under(2, MAY_1 + DAY, MAY_1 + 2 * DAY))
    assert told(course)[1] == ("under-measures", MAY_1, MAY_1 + 9 * DAY)


def test_one_unverified_period_makes_the_joint_one_unverified() -> None:
    course = tiles(
        under(1, MAY_1, MAY_1 + 5 * DAY),
        under(2, MAY_1 + 5 * DAY, MAY_1 + 9 * DAY, verified=False),
    )
    assert [tile.verified for tile in course] == [True, False, True]


def test_an_edition_that_is_not_official_is_unverified_as_a_whole() -> None:
    demo = Rulebooks((edition(measures(), status=Status.DEMO),))
    course = tiles(under(1, MAY_1, None), rulebooks=demo)
    assert [tile.verified for tile in course] == [False, False]


def test_days_without_role_or_edition_say_so_but_measures_go_on() -> None:
    rules = Rulebooks((edition(measures(("patent-agency",)), until=MAY_1 + 9 * DAY),))
    course = tiles(
        under(1, MAY_1, MAY_1 + 12 * DAY),
        rulebooks=rules,
        role=("patent-agency", START + DAY, MAY_1 + DAY),
    )
    assert told(course) == [
        ("does-not-apply", START, START + DAY),
        ("clear", START + DAY, MAY_1),
        ("under-measures", MAY_1, MAY_1 + 12 * DAY),
        ("no-edition", MAY_1 + 12 * DAY, None),
    ]
    assert holding_on(course, START - DAY) is None
