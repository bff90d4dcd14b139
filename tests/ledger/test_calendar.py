"""Working days follow the official notices; beyond them an answer is provisional."""

import tomllib
from datetime import date, timedelta
from importlib import resources
from typing import Any

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.calendar import Calendar, DueDate, official_calendar
from ledger.dates import DateOutOfRange, Period
from tests.shared_data import shared_csv, shared_json

OFFICIAL = official_calendar()
COVERED_YEARS = range(2018, 2027)

covered_days = st.dates(date(2018, 1, 1), date(2026, 6, 30))

TABLE = """
covered_from = 2030-01-01
covered_until = 2031-01-01

[[notice]]
title = "A notice"
holidays = [
    { name = "Short", first = 2030-05-01, last = 2030-05-03, worked = [2030-05-04, 2030-05-05] },
]

[[notice]]
title = "A later notice"
holidays = [
    { name = "Longer", first = 2030-05-01, last = 2030-05-04 },
]
"""


def calendar(table: str) -> Calendar:
    return Calendar.from_table(tomllib.loads(table))


def certain(day: date) -> DueDate:
    return DueDate(date=day, provisional=False)


def provisional(day: date) -> DueDate:
    return DueDate(date=day, provisional=True)


def test_the_holidays_library_agrees_on_every_covered_day() -> None:
    judge = holidays.country_holidays("CN", years=COVERED_YEARS)
    every_day = [
        date(2018, 1, 1) + timedelta(days=n)
        for n in range((date(2027, 1, 1) - date(2018, 1, 1)).days)
    ]

    assert not [
        day for day in every_day if OFFICIAL.is_working_day(day) != judge.is_working_day(day)
    ]


def test_the_public_table_agrees_on_every_day_it_names() -> None:
    for row in shared_csv("calendar/holiday_cn_2018_2026.csv"):
        day = date.fromisoformat(row["date"])
        assert OFFICIAL.is_working_day(day) == (row["is_off_day"] == "0"), row


def test_the_official_notices_cover_2018_to_2026() -> None:
    assert not OFFICIAL.is_covered(date(2017, 12, 31))
    assert OFFICIAL.is_covered(date(2018, 1, 1))
    assert OFFICIAL.is_covered(date(2026, 12, 31))
    assert not OFFICIAL.is_covered(date(2027, 1, 1))


@pytest.mark.parametrize(
    ("start", "count", "last"),
    [
        (date(2022, 1, 30), 7, date(2022, 2, 15)),  # Spring Festival; a Saturday worked after it
        (date(2022, 1, 28), 7, date(2022, 2, 11)),  # a Saturday and a Sunday worked before it
        (date(2023, 1, 19), 10, date(2023, 2, 7)),
        (date(2023, 4, 28), 5, date(2023, 5, 9)),
        (date(2024, 9, 13), 1, date(2024, 9, 14)),  # a worked Saturday
        (date(2024, 9, 14), 1, date(2024, 9, 18)),
        (date(2020, 1, 23), 1, date(2020, 2, 3)),  # the holiday as extended, not as first given
        (date(2019, 4, 30), 1, date(2019, 5, 5)),  # as changed, a Sunday worked
        (date(2024, 6, 3), 1, date(2024, 6, 4)),
        (date(2024, 6, 7), 1, date(2024, 6, 11)),
    ],
)
def test_working_days_skip_holidays_and_count_worked_weekends(
    start: date, count: int, last: date
) -> None:
    assert OFFICIAL.add_working_days(start, count) == certain(last)


def test_public_examples_come_out_as_published() -> None:
    for row in shared_json("calendar/add_working_days_examples.json"):
        due = OFFICIAL.add_working_days(date.fromisoformat(row["start"]), row["working_days"])
        assert due == certain(date.fromisoformat(row["end"])), row


@pytest.mark.parametrize(
    ("start", "count", "due"),
    [
        (date(2026, 12, 30), 1, certain(date(2026, 12, 31))),
        (date(2026, 12, 31), 1, provisional(date(2027, 1, 1))),
        (date(2026, 12, 30), 4, provisional(date(2027, 1, 5))),
        (date(2027, 5, 1), 1, provisional(date(2027, 5, 3))),
        (date(2017, 12, 31), 1, certain(date(2018, 1, 2))),
        (date(2017, 12, 28), 1, provisional(date(2017, 12, 29))),
        (date(2017, 12, 29), 1, provisional(date(2018, 1, 2))),
    ],
)
def test_a_due_date_is_provisional_once_a_day_beyond_the_notices_was_passed(
    start: date, count: int, due: DueDate
) -> None:
    assert OFFICIAL.add_working_days(start, count) == due


@given(covered_days, st.integers(1, 100))
def test_exactly_so_many_working_days_lie_after_the_start(start: date, count: int) -> None:
    due = OFFICIAL.add_working_days(start, count)
    passed = [start + timedelta(days=n + 1) for n in range((due.date - start).days)]

    assert sum(OFFICIAL.is_working_day(day) for day in passed) == count
    assert OFFICIAL.is_working_day(due.date)


@given(covered_days, st.integers(1, 20), st.integers(1, 20))
def test_periods_of_working_days_add_up(start: date, first: int, second: int) -> None:
    halfway = OFFICIAL.add_working_days(start, first).date

    assert OFFICIAL.add_working_days(halfway, second) == OFFICIAL.add_working_days(
        start, first + second
    )


@pytest.mark.parametrize("count", [0, -1, 10_001])
def test_a_count_outside_its_limits_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} working days"):
        OFFICIAL.add_working_days(date(2024, 1, 1), count)


def test_the_largest_count_is_counted_and_the_year_9999_ends_it() -> None:
    assert OFFICIAL.add_working_days(date(2024, 1, 1), 10_000).provisional
    with pytest.raises(DateOutOfRange):
        OFFICIAL.add_working_days(date(9999, 12, 31), 1)


@pytest.mark.parametrize(
    ("period", "due"),
    [
        (Period(working_days=5), certain(date(2023, 5, 9))),
        (Period(days=5), certain(date(2023, 5, 3))),
        (Period(months=1), certain(date(2023, 5, 28))),
        (Period(years=10), certain(date(2033, 4, 28))),
    ],
)
def test_a_calendar_knows_the_last_day_of_every_period(period: Period, due: DueDate) -> None:
    assert OFFICIAL.last_day(date(2023, 4, 28), period) == due


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (date(2024, 2, 9), certain(date(2024, 2, 9))),
        (date(2024, 2, 10), certain(date(2024, 2, 18))),  # a Sunday worked after the festival
        (date(2024, 6, 1), certain(date(2024, 6, 3))),
        (date(2024, 4, 7), certain(date(2024, 4, 7))),  # a worked Sunday is no holiday
        (date(2026, 12, 31), certain(date(2026, 12, 31))),
        (date(2027, 1, 2), provisional(date(2027, 1, 4))),
        (date(2027, 1, 4), provisional(date(2027, 1, 4))),
    ],
)
def test_a_last_day_that_is_off_moves_to_the_day_after_the_holiday(day: date, due: DueDate) -> None:
    assert OFFICIAL.shift_off_holiday(day) == due


def test_a_later_notice_overrules_an_earlier_one_on_the_days_it_names() -> None:
    longer = calendar(TABLE)

    assert not longer.is_working_day(date(2030, 5, 4))
    assert longer.is_working_day(date(2030, 5, 5))
    assert longer.is_working_day(date(2030, 5, 6))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("2030-05-03", "2030-04-30", "swap them"),
        ("2030-05-05]", "2031-05-05]", "2031-05-05"),
        ("covered_until = 2031-01-01", "covered_until = 2030-05-02", "2030-05-02"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(old: str, new: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        calendar(TABLE.replace(old, new))


def test_every_notice_has_a_title_and_its_holidays_a_name() -> None:
    table: dict[str, Any] = tomllib.loads(
        resources.files("ledger").joinpath("calendar.toml").read_text(encoding="utf-8")
    )

    assert all(notice["title"].startswith("国务院办公厅关于") for notice in table["notice"])
    assert all(holiday["name"] for notice in table["notice"] for holiday in notice["holidays"])
    published = [notice["published_on"] for notice in table["notice"]]
    assert published == sorted(published)
