"""Days: up to which position the ledger had come at the end of each civil day."""

from datetime import date, datetime, timedelta, timezone
from typing import Final

from .tables import Column, Table

__all__ = ["DAYS", "civil_day"]

DAYS: Final = Table("day", (("day", Column.DATE), ("last_position", Column.BIGINT)), ("day",))

_SHANGHAI: Final = timezone(timedelta(hours=8))


def civil_day(recorded_at: datetime) -> date:
    """The day in Asia/Shanghai on which an instant falls (+08:00 all year since 1991)."""
    return recorded_at.astimezone(_SHANGHAI).date()
