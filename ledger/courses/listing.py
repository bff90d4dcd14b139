"""When a subject is on which list.

A listing is entered by a decision, never by arithmetic, and left by time, by an early exit, by a
restoration that ends the regime of its list, or by annulment, which sets it aside from its start.

The edition that applies is the one in force on the day of the decision that names the list; it says
from which day the period is counted and how long it is. The listing lasts to the end of that
period and at least to the end of the term that the decision itself states. Without either it lasts
until an event ends it. A list that no edition names feeds no regime; presence on it is shown all
the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ..dates import DateOutOfRange, earlier_end, first_day_after, last_day, later_end
from ..events import ListingDecided
from ..rulebook import Edition, ListingRegime, Rulebooks
from ..values import EditionId, EventId, ListId, Name, RegimeId
from .facts import Facts, ListingFact, Profile
from .interval import Interval
from .matching import applies_on, clock_day

__all__ = ["Listed", "listing_course", "listings_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Presence on a list, by one listing.

    `regime` and `edition` are null where no edition names the list; `dated` is false where the day
    of import stands in for an unknown first day.
    """

    list: ListId
    list_name: Name | None
    listing: EventId
    position: int
    regime: RegimeId | None
    edition: EditionId | None
    dated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """The first day off the list (null: open), and whether that is sure."""

    day: date | None
    verified: bool


def listings_of(facts: Facts, rulebooks: Rulebooks) -> tuple[Interval[Listed], ...]:
    """The subject's presence on all lists, past and future: by first day, list and position."""
    found = [
        interval
        for fact in facts.listings
        if (interval := _presence(fact, facts.profile, rulebooks)) is not None
    ]
    return tuple(sorted(found, key=lambda one: (one.from_, one.value.list, one.value.position)))


def listing_course(
    facts: Facts, regime: RegimeId, rulebooks: Rulebooks
) -> tuple[Interval[Listed], ...]:
    """The subject's presence on the list of one regime."""
    return tuple(one for one in listings_of(facts, rulebooks) if one.value.regime == regime)


def _presence(
    fact: ListingFact, profile: Profile | None, rulebooks: Rulebooks
) -> Interval[Listed] | None:
    decided = fact.decided
    if decided is None or not fact.is_standing:
        return None
    named = next(_naming(decided, profile, rulebooks), None)
    edition, regime = named or (None, None)
    end = _left(fact, _lasting(decided, regime), regime)
    if end.day is not None and end.day <= decided.effective_on:
        return None
    return Interval(
        from_=decided.effective_on,
        until=end.day,
        value=Listed(
            list=fact.list,
            list_name=fact.list_name,
            listing=fact.event,
            position=fact.position,
            regime=None if regime is None else regime.id,
            edition=None if edition is None else edition.id,
            dated=decided.dated,
        ),
        reasons=(),
        verified=decided.dated and end.verified and _is_sure(regime),
    )


def _naming(
    decided: ListingDecided, profile: Profile | None, rulebooks: Rulebooks
) -> Iterator[tuple[Edition, ListingRegime]]:
    """The regimes that take the listing, in the order of their rulebooks."""
    day = decided.decided_on or decided.effective_on
    for rulebook in sorted({edition.rulebook for edition in rulebooks.editions}):
        edition = rulebooks.on(rulebook, day)
        for regime in () if edition is None else edition.regimes:
            if (
                edition is not None
                and isinstance(regime, ListingRegime)
                and regime.list == decided.list
                and applies_on(regime.applies_to, profile, decided.effective_on)
            ):
                yield edition, regime


def _is_sure(regime: ListingRegime | None) -> bool:
    """Whether the regime's entry is verified; without a regime there is none to doubt."""
    return regime is None or (regime.entry is not None and regime.entry.mark.verified)


def _lasting(decided: ListingDecided, regime: ListingRegime | None) -> _End:
    """The end by time: of the regime's period, and not before the decision's own term."""
    try:
        term = None if decided.term_ends_on is None else first_day_after(decided.term_ends_on)
        period = None if regime is None else regime.period
        if regime is None or period is None or period.period.working_days is not None:
            return _End(day=term, verified=regime is None and term is not None)
        starts = clock_day(decided, regime.clock)
        counted = first_day_after(last_day(starts or decided.effective_on, period.period))
    except DateOutOfRange:
        return _End(day=None, verified=False)
    sure = starts is not None and regime.clock is not None and regime.clock.mark.verified
    return _End(
        day=counted if term is None else later_end(counted, term),
        verified=sure and period.mark.verified,
    )


def _left(fact: ListingFact, end: _End, regime: ListingRegime | None) -> _End:
    """The end by time, or the day on which an event took the subject off the list before it."""
    early = fact.ended_on
    if regime is not None:
        for one in fact.ended:
            if regime.id in one.regimes:
                early = earlier_end(early, one.on)
    if early is None or (end.day is not None and end.day <= early):
        return end
    return _End(day=early, verified=True)
