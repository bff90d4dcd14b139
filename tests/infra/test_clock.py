from datetime import UTC, date, datetime, timedelta

import pytest

from infra import clock


def test_now_is_an_instant_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 11, 23, 15, 59, 59, 999999, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 11, 23, 16, tzinfo=UTC), date(2026, 11, 24)),
    ],
)
def test_a_civil_day_begins_at_midnight_in_shanghai(instant: datetime, day: date) -> None:
    assert clock.civil_day(instant) == day


def test_today_is_the_civil_day_of_now() -> None:
    before = clock.civil_day(clock.now())
    assert before <= clock.today() <= clock.civil_day(clock.now())


def test_elapsed_time_never_runs_back() -> None:
    readings = [clock.elapsed() for _ in range(1000)]
    assert readings == sorted(readings)
