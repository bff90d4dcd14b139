"""Civil days, periods and their last days, and the half-open spans in which they are stored."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import MAXYEAR, date, timedelta
from functools import lru_cache
from typing import Final

_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHOWN_MAX: Final = 40


class DateOutOfRange(ValueError):
    """A computed day lies outside the years that a date can have, 1 to 9999."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A length of time as an instrument states it: exactly one of the units, at least 1 of it.

    Raises:
        ValueError: none or several units are given, or less than 1.
    """

    years: int | None = None
    months: int | None = None
    days: int | None = None
    working_days: int | None = None

    def __post_init__(self) -> None:
        """Hold the promise of one unit and at least 1 of it."""
        units = {
            "years": self.years,
            "months": self.months,
            "days": self.days,
            "working_days": self.working_days,
        }
        given = {unit: count for unit, count in units.items() if count is not None}
        if len(given) != 1:
            raise ValueError(
                f"a period needs exactly one of {', '.join(units)};"
                f" given: {', '.join(given) or 'none'}"
            )
        for unit, count in given.items():
            if count < 1:
                raise ValueError(f"a period of {count} {unit} is none; give at least 1")


def last_day(start: date, period: Period) -> date:
    """The last day that still belongs to a period of years, months or days.

    The start day is not counted. Years and months end on the corresponding day of the last month;
    where it has no such day, on its last day. Whether a last day that is a holiday moves is asked
    of `Calendar.shift_off_holiday`.

    Raises:
        DateOutOfRange: the last day would lie beyond the year 9999.
        ValueError: the period counts working days, which takes a calendar: `Calendar.last_day`.

    Source: 民法典 (Civil Code), art. 201(1), 202.
    """
    if period.working_days is not None:
        raise ValueError(
            f"{period.working_days} working days need a calendar; use Calendar.last_day"
        )
    if period.days is not None:
        return add_days(start, period.days)
    return _corresponding_day(start, months=12 * (period.years or 0) + (period.months or 0))


def add_days(day: date, count: int) -> date:
    """The day `count` days after `day`, or before it if negative.

    Raises:
        DateOutOfRange: it would lie outside the years 1 to 9999.
    """
    try:
        return day + timedelta(days=count)
    except OverflowError as error:
        raise DateOutOfRange(
            f"{count} days from {day} lead outside the years 1 to {MAXYEAR}; shorten the period"
        ) from error


def first_day_after(last: date) -> date:
    """The first day on which something no longer holds that holds to the end of `last`.

    This is the `until` of a half-open span. What holds without end has no last day: its `until` is
    None.

    Raises:
        DateOutOfRange: `last` is 9999-12-31.
    """
    return add_days(last, 1)


def last_day_before(until: date) -> date:
    """The last day of a half-open span that ends at `until`, for notes that people read."""
    return add_days(until, -1)


def covers(since: date, until: date | None, day: date) -> bool:
    """Whether the half-open span from `since` to `until` (None: without end) holds on `day`."""
    return since <= day and (until is None or day < until)


def earlier_end(first: date | None, second: date | None) -> date | None:
    """The end that comes first; None is no end."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)


def later_end(first: date | None, second: date | None) -> date | None:
    """The end that comes last; None is no end."""
    return None if first is None or second is None else max(first, second)


def parse_civil(text: str) -> date:
    """The civil day that is written `YYYY-MM-DD`, in ASCII, without time or offset.

    Raises:
        ValueError: the text is written otherwise, or the calendar has no such day.
    """
    if not _ISO_DAY.fullmatch(text):
        raise ValueError(
            f"{text[:_SHOWN_MAX]!r} is no civil day; write YYYY-MM-DD, without time or offset"
        )
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text} is not a day of the calendar; send one that exists") from error


@lru_cache(maxsize=32_768)  # the days of facts are few, and periods run from each
def _corresponding_day(start: date, *, months: int) -> date:
    year, month_index = divmod(start.year * 12 + start.month - 1 + months, 12)
    if year > MAXYEAR:
        raise DateOutOfRange(
            f"{months} months from {start} lead beyond the year {MAXYEAR}; shorten the period"
        )
    month = month_index + 1
    _, days_in_month = monthrange(year, month)
    return date(year, month, min(start.day, days_in_month))
