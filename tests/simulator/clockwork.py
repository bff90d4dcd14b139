"""What makes a history one of its seed: chance, time, fresh ids, and the points between steps."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from infra.codec import instant
from ledger.values import EventId

__all__ = ["Clockwork", "Crashed"]

_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_STEP_S: Final = (0.01, 0.1, 0.4, 1.5)
_LONG_S: Final = 61.0
"""Longer than any patience of relay and reader."""
_INTERLUDE_RATE: Final = 0.04
_INTERLUDE_STEPS: Final = 6


class Crashed(BaseException):
    """The process ended here. Not an `Exception`: nobody may catch it on the way out."""


class Clockwork:
    """Chance and time of one history."""

    def __init__(self, seed: str) -> None:
        """A clockwork that runs the same way for the same seed."""
        self.random = Random(seed)  # noqa: S311  # a history must come again, not be secret
        self.now = 0.0
        self.crash_rate = 0.0
        self.is_calm = False
        """Whether nothing comes between the steps any more."""
        self.trace: list[str] | None = None
        self.deeds: Counter[str] = Counter()
        """What was done, however often."""
        self._told = ""
        self._ticks = 0
        self._depth = 0
        self._interlude: Callable[[], None] = lambda: None

    def between_steps(self, interlude: Callable[[], None]) -> None:
        """Let this happen now and then while something else is halfway."""
        self._interlude = interlude

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self.now

    def tick(self) -> int:
        """The number of this moment; each moment has one of its own."""
        self._ticks += 1
        return self._ticks

    def advance(self) -> None:
        """Let some time pass, now and then a minute."""
        long = self.random.random() < 0.01
        self.now += _LONG_S if long else self.random.choice(_STEP_S)

    def instant(self) -> str:
        """This moment as it stands in records; a later moment is later as text."""
        return instant(_BEGIN + timedelta(seconds=self.now, microseconds=self.tick()))

    def fresh(self) -> EventId:
        """An id that was never used before."""
        return EventId(str(UUID(int=self.tick())))

    def is_so(self, rate: float) -> bool:
        """Whether something that happens at this rate happens now."""
        return rate > 0 and self.random.random() < rate

    def tell(self, text: str) -> None:
        """Write down what happened, where the history is to be read."""
        if self.trace is None or text == self._told:
            return
        self._told = text
        self.trace.append(f"{self.now:8.2f} s {'  ' * self._depth}{text}")

    def point(self, name: str) -> None:
        """Between two steps of a process: it may end here, and others may come in between.

        Raises:
            Crashed: it ends here.
        """
        if self.is_calm:
            return
        if self.is_so(self.crash_rate):
            self.tell(f"crash: {name}")
            raise Crashed(name)
        if self._depth == 0 and self.is_so(_INTERLUDE_RATE):
            self.tell(f"meanwhile ({name}):")
            self._depth += 1
            with suppress(Crashed):
                for _ in range(self.random.randint(1, _INTERLUDE_STEPS)):
                    self._interlude()
            self._depth -= 1
