"""What may be asked: for which facts a restoration, from which day on, decided by when.

A restoration ends consequences of a finding or listing early, in the regimes that its own regime
names, and nowhere else. It may be asked when the minimum has passed since the fact's clock started,
and, where the edition says so, since the previous restoration.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from ..calendar import Calendar, DueDate
from ..dates import add_days, first_day_after, last_day
from ..events import Finding, ListingDecided
from ..rulebook import (
    DateName,
    Edition,
    Indicator,
    ListingRegime,
    Mark,
    MeasuresRegime,
    Node,
    RefusalGround,
    RefusalKind,
    Regime,
    RestorationRegime,
    Rulebooks,
    ScoringRegime,
    rulebook_of,
)
from ..values import EditionId, EventId, RegimeId
from .facts import EarlyEnd, Facts
from .grading import is_trusted
from .matching import applies_on, matches

__all__ = [
    "RestorationAnswer",
    "dates_of",
    "decision_due",
    "earliest_after_previous",
    "earliest_day",
    "earliest_request",
    "follows",
    "restorations_of",
]

_DATES: Final = (
    DateName.ACTED_ON,
    DateName.DECIDED_ON,
    DateName.EFFECTIVE_ON,
    DateName.PUBLISHED_ON,
    DateName.SERVED_ON,
    DateName.TERM_ENDS_ON,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorationAnswer:
    """From which day on a restoration of the fact may be asked under the restoration regime.

    `ends` are the regimes in which it would end the fact's consequences. `earliest_request` is null
    where the minimum was not published, or counts from a day that is not on record; `note` says so.
    """

    fact: EventId
    position: int
    regime: RegimeId
    edition: EditionId
    ends: tuple[RegimeId, ...]
    earliest_request: date | None
    clause: str | None
    verified: bool
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """A fact that stands, and the restorations that ended something of it."""

    event: EventId
    position: int
    content: Finding | ListingDecided
    ended: tuple[EarlyEnd, ...]


# What the write side asks too --------------------------------------------------------------------


def earliest_day(regime: RestorationRegime, dates: Mapping[DateName, date]) -> date | None:
    """The first day on which the restoration may be asked: the minimum's last day and its offset.

    None where no minimum was published, or the fact has no such date.
    """
    term = regime.earliest
    if term is None or term.start not in dates:
        return None
    return add_days(last_day(dates[term.start], term.period), term.offset_days)


def earliest_after_previous(ground: RefusalGround, granted_on: date) -> date:
    """The first day that no longer lies within the ground's period from the previous grant."""
    assert ground.within is not None, "the ground of a previous restoration states its period"
    return first_day_after(last_day(granted_on, ground.within))


def decision_due(
    regime: RestorationRegime, accepted_on: date, calendar: Calendar
) -> DueDate | None:
    """By which day a request accepted on this day is to be decided; None if nothing says so."""
    term = regime.decide_within
    return None if term is None else calendar.add_working_days(accepted_on, term.days)


def dates_of(content: Finding | ListingDecided) -> Mapping[DateName, date]:
    """The dates of the fact by name; a listing without day of decision was decided by its first."""
    dates = {name: day for name in _DATES if (day := getattr(content, name, None)) is not None}
    return {DateName.DECIDED_ON: content.effective_on, **dates}


def follows(regime: Regime, content: Finding | ListingDecided) -> bool:
    """Whether the regime makes anything of the fact, so that there is something to end."""
    match regime:
        case ListingRegime():
            return isinstance(content, ListingDecided) and content.list == regime.list
        case MeasuresRegime():
            return matches(regime.on, content)
        case ScoringRegime():
            return any(matches(indicator.on, content) for indicator in _leaves(regime))
        case RestorationRegime():
            return False


def _leaves(branch: ScoringRegime | Node) -> Iterator[Indicator]:
    yield from branch.indicators
    for node in branch.nodes:
        yield from _leaves(node)


# What is answered --------------------------------------------------------------------------------


def earliest_request(
    facts: Facts, fact: EventId, regime: RegimeId, rulebooks: Rulebooks
) -> RestorationAnswer | None:
    """From when the restoration of one fact may be asked under one regime; None if never.

    Where it was granted since, from when it could have been.
    """
    for open_fact in _standing(facts):
        if open_fact.event == fact:
            return _answer(facts, replace(open_fact, ended=()), regime, rulebooks)
    return None


def restorations_of(
    facts: Facts, rulebooks: Rulebooks, *, only: Collection[EventId] | None = None
) -> tuple[RestorationAnswer, ...]:
    """What may still be restored of these facts (`only`; default: all), in the order of the log.

    The edition that says so is the one in force on the day of the fact's decision, or the first one
    if none was.
    """
    regimes = rulebooks.regime_ids(RestorationRegime)
    return tuple(
        answer
        for fact in _standing(facts)
        if only is None or fact.event in only
        for name in regimes
        if (answer := _answer(facts, fact, name, rulebooks)) is not None
    )


def _standing(facts: Facts) -> Iterator[_Open]:
    for finding in facts.findings:
        if finding.is_standing:
            yield _Open(
                event=finding.event,
                position=finding.position,
                content=finding.content,
                ended=finding.ended,
            )
    for listing in facts.listings:
        if listing.decided is not None and listing.is_standing and listing.ended_on is None:
            yield _Open(
                event=listing.event,
                position=listing.position,
                content=listing.decided,
                ended=listing.ended,
            )


def _answer(
    facts: Facts, fact: _Open, name: RegimeId, rulebooks: Rulebooks
) -> RestorationAnswer | None:
    day = fact.content.decided_on or fact.content.effective_on
    found = _under(name, day, rulebooks)
    if found is None:
        return None
    edition, regime = found
    ended = {gone for end in fact.ended for gone in end.regimes}
    ends = tuple(
        one
        for one in regime.ends
        if one not in ended
        and any(follows(there, fact.content) for _, there in rulebooks.editions_with(one))
    )
    if not ends or not applies_on(regime.applies_to, facts.profile, day):
        return None
    earliest, mark, note = _earliest(facts, fact, regime)
    return RestorationAnswer(
        fact=fact.event,
        position=fact.position,
        regime=name,
        edition=edition.id,
        ends=ends,
        earliest_request=earliest,
        clause=None if mark is None else mark.clause,
        verified=mark is not None and mark.verified and is_trusted(edition),
        note=note,
    )


def _under(
    name: RegimeId, day: date, rulebooks: Rulebooks
) -> tuple[Edition, RestorationRegime] | None:
    in_force = rulebooks.on(rulebook_of(name), day)
    editions = (in_force,) if in_force is not None else rulebooks.of(rulebook_of(name))[:1]
    for edition in editions:
        regime = edition.regime(name)
        if isinstance(regime, RestorationRegime):
            return edition, regime
    return None


def _earliest(
    facts: Facts, fact: _Open, regime: RestorationRegime
) -> tuple[date | None, Mark | None, str | None]:
    """The first day, the mark of the term that decides it, and what is to be said of it."""
    term = regime.earliest
    if term is None:
        return None, None, "the earliest day was not published"
    day = earliest_day(regime, dates_of(fact.content))
    if day is None:
        return None, term.mark, f"{term.start.value} is not on record"
    counted = {end.restoration for end in fact.ended}
    before = [
        one.granted_on
        for one in facts.restorations
        if one.granted_on is not None
        and one.annulled_at is None
        # Asked when it could have been restored, its own restoration was none before that.
        and (fact.event not in one.of or one.event in counted)
        and not set(one.regimes).isdisjoint(regime.ends)
    ]
    for ground in regime.refuse_if:
        if before and ground.kind is RefusalKind.PREVIOUS_RESTORATION_WITHIN:
            later = earliest_after_previous(ground, max(before))
            if later > day:
                return later, ground.mark, f"counted from the restoration of {max(before)}"
    return day, term.mark, None
