"""When a subject is on which list.

A listing is entered by a decision, never by arithmetic, and left by time, by an early exit, by a
restoration that ends the regime of its list, or by annulment, which sets it aside from its start.

The edition that applies is the one in force on the day of the decision that names the list; it says
from which day the period is counted and how long it is. The listing lasts to the end of that
period and at least to the end of the term that the decision itself states. Without either it lasts
until an event ends it. A list that no edition names feeds no regime; presence on it is shown all
the same.

Presence was decided and goes on when editions change. The course of a regime does not: it ends on
the first day of a later edition that has no list of that name. Where the regimes of several
rulebooks name one list, each has its own course, and the first one's terms are shown for the list.
"""

from dataclasses import dataclass, replace
from datetime import date

from ..dates import DateOutOfRange, earlier_end, first_day_after, last_day, later_end
from ..events import ListingDecided
from ..rulebook import Edition, ListingRegime, Rulebooks, rulebook_of
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
        if (interval := _presence(fact, _named(fact, facts.profile, rulebooks))) is not None
    ]
    return tuple(sorted(found, key=lambda one: (one.from_, one.value.list, one.value.position)))


def listing_course(
    facts: Facts, regime: RegimeId, rulebooks: Rulebooks
) -> tuple[Interval[Listed], ...]:
    """The subject's presence on the list of one regime, by its own terms."""
    found = [
        on
        for fact in facts.listings
        if (named := _named(fact, facts.profile, rulebooks, regime)) is not None
        and (interval := _presence(fact, named)) is not None
        and (on := _until_over(interval, named[0], regime, rulebooks)) is not None
    ]
    return tuple(sorted(found, key=lambda one: (one.from_, one.value.list, one.value.position)))


_Named = tuple[Edition, ListingRegime]
"""A regime that takes a listing, and its edition."""


def _named(
    fact: ListingFact, profile: Profile | None, rulebooks: Rulebooks, only: RegimeId | None = None
) -> _Named | None:
    """The first regime (or this one) that takes the listing, in the order of rulebooks."""
    decided = fact.decided
    if decided is None:
        return None
    day = decided.decided_on or decided.effective_on
    books = {edition.rulebook for edition in rulebooks.editions}
    for rulebook in sorted(books) if only is None else (rulebook_of(only),):
        edition = rulebooks.on(rulebook, day)
        for regime in () if edition is None else edition.regimes:
            if (
                edition is not None
                and isinstance(regime, ListingRegime)
                and only in {None, regime.id}
                and regime.list == decided.list
                and applies_on(regime.applies_to, profile, decided.effective_on)
            ):
                return edition, regime
    return None


def _presence(fact: ListingFact, named: _Named | None) -> Interval[Listed] | None:
    decided = fact.decided
    if decided is None or not fact.is_standing:
        return None
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


def _until_over(
    interval: Interval[Listed], edition: Edition, regime: RegimeId, rulebooks: Rulebooks
) -> Interval[Listed] | None:
    """The presence up to the day on which the regime's course is over; None if it is before."""
    over_on = next(
        (
            later.from_
            for later in rulebooks.of(edition.rulebook)
            if later.from_ > edition.from_ and not isinstance(later.regime(regime), ListingRegime)
        ),
        None,
    )
    if over_on is None:
        return interval
    if over_on <= interval.from_:
        return None
    return replace(interval, until=earlier_end(interval.until, over_on))


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
