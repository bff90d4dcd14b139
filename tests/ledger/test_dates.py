"""Periods end by the Civil Code; spans are half open; days are written one way."""

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.dates import (
    DateOutOfRange,
    Period,
    add_days,
    covers,
    earlier_end,
    first_day_after,
    last_day,
    last_day_before,
    later_end,
    parse_civil,
)

days = st.dates(max_value=date(9000, 12, 31))


@pytest.mark.parametrize(
    ("start", "period", "last"),
    [
        (date(2023, 8, 31), Period(months=6), date(2024, 2, 29)),
        (date(2022, 8, 31), Period(months=6), date(2023, 2, 28)),
        (date(2023, 8, 30), Period(months=6), date(2024, 2, 29)),
        (date(2023, 8, 29), Period(months=6), date(2024, 2, 29)),
        (date(2023, 8, 28), Period(months=6), date(2024, 2, 28)),
        (date(2023, 3, 1), Period(years=1), date(2024, 3, 1)),
        (date(2024, 2, 29), Period(years=1), date(2025, 2, 28)),
        (date(2024, 2, 29), Period(years=4), date(2028, 2, 29)),
        (date(2096, 2, 29), Period(years=4), date(2100, 2, 28)),
        (date(2023, 1, 31), Period(months=1), date(2023, 2, 28)),
        (date(2023, 12, 31), Period(months=2), date(2024, 2, 29)),
        (date(2023, 11, 30), Period(months=1), date(2023, 12, 30)),
        (date(2023, 12, 15), Period(months=1), date(2024, 1, 15)),
        (date(2023, 1, 15), Period(months=12), date(2024, 1, 15)),
        (date(2023, 2, 28), Period(days=1), date(2023, 3, 1)),
        (date(2023, 1, 1), Period(days=365), date(2024, 1, 1)),
    ],
)
def test_a_period_ends_on_the_corresponding_day_or_the_last_of_the_month(
    start: date, period: Period, last: date
) -> None:
    assert last_day(start, period) == last


@given(days, st.integers(1, 1200))
def test_months_end_on_the_day_of_the_start_or_on_the_end_of_a_shorter_month(
    start: date, months: int
) -> None:
    last = last_day(start, Period(months=months))

    assert (last.year - start.year) * 12 + last.month - start.month == months
    assert last.day == start.day or (
        last.day < start.day and last.day == monthrange(last.year, last.month)[1]
    )


@given(days, st.integers(1, 100))
def test_a_year_is_twelve_months(start: date, years: int) -> None:
    assert last_day(start, Period(years=years)) == last_day(start, Period(months=12 * years))


@given(days, days, st.integers(1, 1200))
def test_a_later_start_never_ends_earlier(first: date, second: date, months: int) -> None:
    period = Period(months=months)
    early, late = sorted((first, second))

    assert last_day(early, period) <= last_day(late, period)


@given(days, st.integers(1, 1000))
def test_days_do_not_count_the_start(start: date, count: int) -> None:
    assert last_day(start, Period(days=count)) - start == timedelta(days=count)


@pytest.mark.parametrize("period", [Period(years=1), Period(months=1), Period(days=31)])
def test_the_last_year_is_9999(period: Period) -> None:
    assert last_day(date(9998, 11, 30), period) <= date(9999, 11, 30)
    with pytest.raises(DateOutOfRange, match="shorten the period"):
        last_day(date(9999, 12, 1), period)


def test_the_very_last_day_can_be_reached_but_not_left() -> None:
    assert last_day(date(9999, 11, 30), Period(days=31)) == date.max
    with pytest.raises(DateOutOfRange, match="9999-12-31"):
        first_day_after(date.max)
    with pytest.raises(DateOutOfRange):
        last_day(date(2023, 1, 1), Period(days=10**12))
    with pytest.raises(DateOutOfRange):
        add_days(date.min, -1)


def test_working_days_need_a_calendar() -> None:
    with pytest.raises(ValueError, match=r"use Calendar\.last_day"):
        last_day(date(2023, 1, 1), Period(working_days=10))


@pytest.mark.parametrize(
    ("units", "complaint"),
    [
        ({}, "given: none"),
        ({"years": 1, "days": 1}, "given: years, days"),
        ({"months": 0}, "0 months"),
        ({"working_days": -3}, "-3 working_days"),
    ],
)
def test_a_period_is_one_unit_and_at_least_one_of_it(units: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Period(**units)


@given(st.dates(max_value=date(9999, 12, 30)))
def test_the_last_day_and_the_end_of_a_span_are_neighbours(last: date) -> None:
    until = first_day_after(last)

    assert last_day_before(until) == last
    assert covers(last, until, last)
    assert not covers(last, until, until)


def test_a_span_holds_from_its_first_day_and_may_have_no_end() -> None:
    since = date(2024, 1, 1)

    assert not covers(since, None, date(2023, 12, 31))
    assert covers(since, None, since)
    assert covers(since, None, date.max)


def test_no_end_is_later_than_every_end() -> None:
    early, late = date(2024, 1, 1), date(2024, 1, 2)

    assert earlier_end(early, late) == earlier_end(late, early) == early
    assert earlier_end(None, late) == earlier_end(late, None) == late
    assert earlier_end(None, None) is None
    assert later_end(early, late) == later_end(late, early) == late
    assert later_end(None, late) is later_end(late, None) is None


@given(st.dates())
def test_a_day_is_read_as_it_is_written(day: date) -> None:
    assert parse_civil(day.isoformat()) == day


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-02-30",
        "2025-02-29",
        "2024-13-01",
        "0000-01-01",
        "2024-1-1",
        "20240101",
        "2024-W01-1",
        "2024/01/01",
        " 2024-01-01",
        "2024-01-01\n",
        "2024-01-01T00:00:00",
        "2024-01-01+08:00",
        "2024-01-01Z",
        "+2024-01-01",
        "２０２４-01-01",
        "٢٠٢٤-01-01",
    ],
)
def test_other_spellings_and_impossible_days_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="day"):
        parse_civil(text)
