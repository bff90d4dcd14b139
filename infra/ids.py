"""Fresh ids: never used before, and in order of time, so that their index grows at its end."""

import os
import threading
from uuid import UUID

from ledger.identifiers import SubjectId, subject_id_from
from ledger.values import EventId

from . import clock

__all__ = ["fresh_event", "fresh_subject"]

_RANDOM_BITS = 62
_TAKEN_AT_ONCE = 4_096


class _Randomness:
    """Random bytes of the operating system, taken some thousand at a time: each asking is dear."""

    def __init__(self) -> None:
        self._taken = b""
        self._lock = threading.Lock()
        # A child would give out the same bytes as its parent.
        os.register_at_fork(after_in_child=self._drop)

    def take(self, count: int) -> bytes:
        with self._lock:
            if len(self._taken) < count:
                self._taken = os.urandom(_TAKEN_AT_ONCE)
            given, self._taken = self._taken[:count], self._taken[count:]
        return given

    def _drop(self) -> None:
        self._taken = b""
        self._lock = threading.Lock()


_RANDOMNESS = _Randomness()


def fresh_event() -> EventId:
    """A UUID of version 7 (RFC 9562): milliseconds since 1970, then 74 random bits."""
    milliseconds = int(clock.now().timestamp() * 1000)
    random = int.from_bytes(_RANDOMNESS.take(10), "big")
    high = (milliseconds << 16) | 0x7000 | (random >> _RANDOM_BITS) & 0xFFF
    low = (0b10 << _RANDOM_BITS) | random & ((1 << _RANDOM_BITS) - 1)
    return EventId(str(UUID(int=(high << 64) | low)))


def fresh_subject() -> SubjectId:
    """An opaque subject id of 128 random bits."""
    return subject_id_from(_RANDOMNESS.take(16))
