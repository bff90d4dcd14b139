"""The only place that reads the clock; everywhere else time arrives as an argument.

Civil days are Asia/Shanghai. Its offset is written down instead of looked up: it has been +08:00
without summer time since September 1991, so that today needs no time zone database, which a small
machine may lack.
"""

import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Where the civil days of the ledger are counted."""


def now() -> datetime:
    """This instant in UTC, to the microsecond."""
    return datetime.now(UTC)


def today() -> date:
    """The civil day in Asia/Shanghai on which this instant falls."""
    return civil_day(now())


def civil_day(instant: datetime) -> date:
    """The civil day in Asia/Shanghai on which an instant (with its time zone) falls."""
    return instant.astimezone(SHANGHAI).date()


def elapsed() -> float:
    """Seconds since a moment of no meaning; the difference of two readings never runs back."""
    return time.monotonic()
