"""Working days, counted by the official notices in `calendar.toml`."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final, Self

from .dates import Period, add_days, last_day

_SATURDAY: Final = 5
_WORKING_DAYS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDate:
    """The last day of a period; `provisional` if a day was passed of which no notice speaks yet.

    A provisional date counts such days by the week alone. It is computed anew once the notice is
    out, so it is written into an event together with this mark.
    """

    date: date
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Which days are worked: those that notices name, else Monday to Friday.

    The notices cover the days from `covered_from` to the day before `covered_until`. Outside of
    them every answer is a guess by the week.
    """

    covered_from: date
    covered_until: date
    off: frozenset[date]
    worked: frozenset[date]

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """The calendar that a table of notices gives, laid out as `calendar.toml`.

        Raises:
            KeyError: a notice or a holiday lacks a field.
            ValueError: a holiday ends before it begins, or lies outside the covered days.
        """
        named: dict[date, bool] = {}
        for notice in table["notice"]:
            for holiday in notice["holidays"]:
                named |= dict.fromkeys(_days_of(holiday), False)
                named |= dict.fromkeys(holiday.get("worked", ()), True)
        calendar = cls(
            covered_from=table["covered_from"],
            covered_until=table["covered_until"],
            off=frozenset(day for day, is_worked in named.items() if not is_worked),
            worked=frozenset(day for day, is_worked in named.items() if is_worked),
        )
        strays = sorted(day for day in named if not calendar.is_covered(day))
        if strays:
            raise ValueError(
                f"the notices name {strays[0]}, outside the days they cover; widen them"
            )
        return calendar

    def is_covered(self, day: date) -> bool:
        """Whether the notices speak of `day`, be it by their silence."""
        return self.covered_from <= day < self.covered_until

    def is_working_day(self, day: date) -> bool:
        """Whether `day` is worked; outside the covered days a guess by the week."""
        if day in self.off:
            return False
        return day in self.worked or day.weekday() < _SATURDAY

    def add_working_days(self, start: date, count: int) -> DueDate:
        """The last day of a period of `count` working days; the start day does not count.

        Raises:
            DateOutOfRange: the period would end beyond the year 9999.
            ValueError: `count` is not between 1 and 10,000.
        """
        if not 1 <= count <= _WORKING_DAYS_MAX:
            raise ValueError(
                f"{count} working days cannot be counted; give 1 to {_WORKING_DAYS_MAX}"
            )
        day, left, provisional = start, count, False
        while left:
            day = add_days(day, 1)
            provisional = provisional or not self.is_covered(day)
            if self.is_working_day(day):
                left -= 1
        return DueDate(date=day, provisional=provisional)

    def last_day(self, start: date, period: Period) -> DueDate:
        """The last day of a period in any unit; only working days can make it provisional.

        Raises:
            DateOutOfRange: the period would end beyond the year 9999.
            ValueError: too many working days.

        Source: 民法典 (Civil Code), art. 201(1), 202.
        """
        if period.working_days is not None:
            return self.add_working_days(start, period.working_days)
        return DueDate(date=last_day(start, period), provisional=False)

    def shift_off_holiday(self, day: date) -> DueDate:
        """The last day of a period that would end on `day`: the next working day if that is off.

        Whether a period is shifted at all is the rulebook's to say: by default a subject's own
        deadline is, a sanction is not.

        Raises:
            DateOutOfRange: there is no later working day up to the year 9999.

        Source: 民法典 (Civil Code), art. 203(1).
        """
        provisional = not self.is_covered(day)
        while not self.is_working_day(day):
            day = add_days(day, 1)
            provisional = provisional or not self.is_covered(day)
        return DueDate(date=day, provisional=provisional)


@cache
def official_calendar() -> Calendar:
    """The calendar by the State Council's notices that come with this package."""
    text = resources.files(__package__).joinpath("calendar.toml").read_text(encoding="utf-8")
    return Calendar.from_table(tomllib.loads(text))


def _days_of(holiday: Mapping[str, Any]) -> Iterator[date]:
    first, last = holiday["first"], holiday["last"]
    if last < first:
        raise ValueError(f"the holiday from {first} ends before it begins, on {last}; swap them")
    return (date.fromordinal(day) for day in range(first.toordinal(), last.toordinal() + 1))
