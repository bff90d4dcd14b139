"""Fresh ids: never used before, and in order of time, so that their index grows at its end."""

import os
from uuid import UUID

from ledger.identifiers import SubjectId, subject_id_from
from ledger.values import EventId

from . import clock

__all__ = ["fresh_event", "fresh_subject"]

_RANDOM_BITS = 62


def fresh_event() -> EventId:
    """A UUID of version 7 (RFC 9562): milliseconds since 1970, then 74 random bits."""
    milliseconds = int(clock.now().timestamp() * 1000)
    random = int.from_bytes(os.urandom(10), "big")
    high = (milliseconds << 16) | 0x7000 | (random >> _RANDOM_BITS) & 0xFFF
    low = (0b10 << _RANDOM_BITS) | random & ((1 << _RANDOM_BITS) - 1)
    return EventId(str(UUID(int=(high << 64) | low)))


def fresh_subject() -> SubjectId:
    """An opaque subject id of 128 random bits."""
    return subject_id_from(os.urandom(16))
