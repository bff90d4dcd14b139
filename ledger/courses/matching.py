"""Whether a term is about a fact, and a regime about a subject; from which day a clock runs."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from ..dates import covers
from ..events import (
    NAME_OF,
    ConvictionRecorded,
    DeterminationMade,
    Finding,
    ListingDecided,
    PenaltyImposed,
)
from ..rulebook import Clock, Match
from .facts import Profile

__all__ = ["STORED_NAME", "applies_on", "clock_day", "matches"]

STORED_NAME: Final[Mapping[type[Finding | ListingDecided], str]] = MappingProxyType(
    {
        event: NAME_OF[event]
        for event in (DeterminationMade, PenaltyImposed, ConvictionRecorded, ListingDecided)
    }
)
"""Under which stored name a term speaks of a fact."""

_SINGLE: Final = ("edition", "act", "role", "of", "list")


def matches(on: Match, content: Finding | ListingDecided) -> bool:
    """Whether every key of the term that is not empty has the fact's value among its own.

    A penalty of several kinds matches if one of them does; what the fact does not have, or does not
    know, matches no key.
    """
    if STORED_NAME[type(content)] not in on.event:
        return False
    if on.kind:
        kinds = content.kinds if isinstance(content, PenaltyImposed) else ()
        if not any(kind.value in on.kind for kind in kinds):
            return False
    for key in _SINGLE:
        allowed = getattr(on, key)
        if allowed and getattr(content, key, None) not in allowed:
            return False
    return True


def clock_day(content: Finding | ListingDecided, clock: Clock | None) -> date | None:
    """The day of the fact from which the clock runs; None if it has none, or there is no clock."""
    if clock is None:
        return None
    day: date | None = getattr(content, clock.start.value, None)
    return day


def applies_on(applies_to: tuple[str, ...], profile: Profile | None, day: date) -> bool:
    """Whether a regime for these kinds and roles (empty: all) applies to the subject on the day."""
    if not applies_to:
        return True
    if profile is None:
        return False
    return profile.kind.value in applies_to or any(
        held.role in applies_to and covers(held.from_, held.until, day) for held in profile.roles
    )
