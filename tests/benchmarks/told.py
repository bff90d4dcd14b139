"""Tells whoever waits how far long work is, on stderr."""

from __future__ import annotations

import sys
from typing import Final

from infra import clock

__all__ = ["Told", "say"]

_EVERY_S: Final = 5.0


def say(line: str) -> None:
    """Tell what is being done now."""
    print(f"· {line}", file=sys.stderr, flush=True)  # noqa: T201  # progress is for people


class Told:
    """Says on stderr how far long work is, every five seconds."""

    def __init__(self, total: int) -> None:
        """Tell of `total` units."""
        self._total = total
        self._last_s = clock.elapsed()

    def tell(self, done: int) -> None:
        """So many are done."""
        now = clock.elapsed()
        if now - self._last_s > _EVERY_S:
            self._last_s = now
            say(f"  … {done} of {self._total}")
