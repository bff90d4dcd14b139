"""Waits until the views have come to a position: many may wait, one of them looks."""

import time
from collections.abc import Callable
from threading import Condition
from typing import Final

from ..clock import elapsed

__all__ = ["Waiting"]

_PAUSE_MIN_S: Final = 0.002
_PAUSE_MAX_S: Final = 0.02


class Waiting:
    """Whoever waits takes a turn at looking; the others hear what was seen."""

    def __init__(self, look: Callable[[], int]) -> None:
        """Wait for what `look` tells, the position that is shown."""
        self._look = look
        self._turn = Condition()
        self._taken = False
        self._seen = 0
        self._looks = 0

    def until(self, position: int, timeout_s: float) -> bool:
        """Wait until `position` is shown, at most `timeout_s` seconds; whether it is.

        Only looks that ended after the call count: a generation that was switched to may stand
        further back.
        """
        deadline = elapsed() + timeout_s
        pause = 0.0
        with self._turn:
            before = self._looks
            while self._looks == before or self._seen < position:
                left = deadline - elapsed()
                if left <= 0 and self._looks != before:
                    return False
                if self._taken:
                    self._turn.wait(max(left, _PAUSE_MAX_S))
                else:
                    self._take_turn(min(pause, max(left, 0.0)))
                    pause = min(max(2 * pause, _PAUSE_MIN_S), _PAUSE_MAX_S)
            return True

    def _take_turn(self, pause: float) -> None:
        """Look once, after a pause, without holding up the others."""
        self._taken = True
        self._turn.release()
        seen = None
        try:
            time.sleep(pause)
            seen = self._look()
        finally:
            self._turn.acquire()
            self._taken = False
            if seen is not None:
                self._seen, self._looks = seen, self._looks + 1
            self._turn.notify_all()
