"""Looks at a store in a thread of its own, so that whoever wants to know never waits for the store.

A store that is away may answer in a minute or never. Who asks begins a look, waits as long as it
likes, and takes what is known by then.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Final, Generic, TypeVar

from . import clock

__all__ = ["Looks"]

T = TypeVar("T")

_PATIENCE_S: Final = 1.0
"""A store that has not answered for so long is away, as far as anybody is told."""


class Looks(Generic[T]):
    """One look at a time; whoever asks meanwhile shares it. From any thread."""

    def __init__(self, name: str, look: Callable[[], T]) -> None:
        """`look` is called by one thread at a time, and raises where the store is away."""
        self._name = name
        self._look = look
        self._lock = threading.Lock()
        self._running: Future[None] | None = None
        self._begun = 0.0
        self._failed = True
        self._seen: tuple[T, datetime] | None = None

    def begin(self) -> "Future[None]":
        """Look now, or share the look that is on its way; done when what it saw can be taken.

        Never raises: a look that failed leaves what was seen before it.
        """
        with self._lock:
            if self._running is not None:
                return self._running
            done: Future[None] = Future()
            self._running, self._begun = done, clock.elapsed()
        # Not one of a pool: the end of the process would wait for a store that does not answer.
        threading.Thread(target=self._run, args=(done,), name=self._name, daemon=True).start()
        return done

    @property
    def is_up(self) -> bool:
        """Whether the store answered at the last look, and does not let the present one wait."""
        with self._lock:
            hangs = self._running is not None and clock.elapsed() - self._begun > _PATIENCE_S
            return not self._failed and not hangs

    @property
    def seen(self) -> T | None:
        """What was seen at the last look that came to its end; null before there was one."""
        seen = self._seen
        return None if seen is None else seen[0]

    @property
    def seen_at(self) -> datetime | None:
        """When that was."""
        seen = self._seen
        return None if seen is None else seen[1]

    def _run(self, done: "Future[None]") -> None:
        try:
            seen = self._look()
        except Exception:  # noqa: BLE001  # whatever it is, the store cannot be asked now
            self._finish(None)
        else:
            self._finish((seen, clock.now()))
        done.set_result(None)

    def _finish(self, seen: tuple[T, datetime] | None) -> None:
        with self._lock:
            self._running, self._failed = None, seen is None
            self._seen = seen or self._seen
