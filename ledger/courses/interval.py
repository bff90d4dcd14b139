"""What a course is made of.

Half-open intervals of days, each with its value and the reasons for it.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Generic, TypeVar

from ..values import EventId

__all__ = ["Interval", "Reason", "holding_on"]

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One line of an explanation.

    `event` and `position` are null where the reason is the rule's own (base, floor, ceiling, cap,
    limit); `indicator` then names which. `points` is null where the reason gives none: in regimes
    without score, or where an assessment is missing. `from_` is the first day, `until` the first
    day on which it no longer counts (null: open).
    """

    event: EventId | None
    position: int | None
    indicator: str | None
    clause: str | None
    points: Decimal | None
    from_: date | None
    until: date | None
    verified: bool
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval(Generic[V]):
    """From the day `from_` on, before the day `until` (null.

    Without end), `value` holds, for these reasons.
    """

    from_: date
    until: date | None
    value: V
    reasons: tuple[Reason, ...]
    verified: bool

    def holds_on(self, day: date) -> bool:
        """Whether the interval holds on this day."""
        return self.from_ <= day and (self.until is None or day < self.until)


def holding_on(course: tuple[Interval[V], ...], day: date) -> Interval[V] | None:
    """The interval of the course that holds on this day, if one does."""
    return next((interval for interval in course if interval.holds_on(day)), None)
