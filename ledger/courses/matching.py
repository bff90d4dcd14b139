"""Whether a term is about a fact, and a regime about a subject; from which day a clock runs."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final, NamedTuple

from ..dates import covers
from ..events import (
    NAME_OF,
    ConvictedParty,
    ConvictionRecorded,
    DeterminationMade,
    Finding,
    ListingDecided,
    PenaltyImposed,
    PenaltyKind,
)
from ..rulebook import Clock, Match
from ..values import ActId, EditionId, ListId, Role
from .facts import Profile

__all__ = ["STORED_NAME", "Traits", "applies_on", "clock_day", "fits", "matches", "traits_of"]

STORED_NAME: Final[Mapping[type[Finding | ListingDecided], str]] = MappingProxyType(
    {
        event: NAME_OF[event]
        for event in (DeterminationMade, PenaltyImposed, ConvictionRecorded, ListingDecided)
    }
)
"""Under which stored name a term speaks of a fact."""


class Traits(NamedTuple):
    """What terms ask of a fact; null or empty where it has none, or does not know it."""

    event: str
    kinds: tuple[PenaltyKind, ...]
    edition: EditionId | None
    act: ActId | None
    role: Role | None
    of: ConvictedParty | None
    list: ListId | None


def traits_of(content: Finding | ListingDecided) -> Traits:
    """The traits of a fact."""
    event = STORED_NAME[type(content)]
    match content:
        case PenaltyImposed():
            return Traits(event, content.kinds, None, None, content.role, None, None)
        case DeterminationMade():
            return Traits(event, (), content.edition, content.act, content.role, None, None)
        case ConvictionRecorded():
            return Traits(event, (), None, None, content.role, content.of, None)
        case ListingDecided():
            return Traits(event, (), content.edition, None, None, None, content.list)


def matches(on: Match, content: Finding | ListingDecided) -> bool:
    """Whether every key of the term that is not empty has the fact's value among its own.

    A penalty of several kinds matches if one of them does; what the fact does not have, or does not
    know, matches no key.
    """
    return STORED_NAME[type(content)] in on.event and fits(on, traits_of(content))


def fits(on: Match, traits: Traits) -> bool:
    """As `matches`, of a fact with these traits."""
    return (
        traits.event in on.event
        and (not on.kind or any(kind.value in on.kind for kind in traits.kinds))
        and (not on.edition or traits.edition in on.edition)
        and (not on.act or traits.act in on.act)
        and (not on.role or traits.role in on.role)
        and (not on.of or traits.of in on.of)
        and (not on.list or traits.list in on.list)
    )


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
