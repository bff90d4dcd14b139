"""Which facts an edition counts in a scoring regime: from when until when, for how many points.

On a day the edition in force that day scores, and it counts

- a fact decided while it is in force: the edition that applies to a fact is found by the day of the
  decision (`decided_on`; for a listing without one `effective_on`). A fact decided after the
  edition's end is its successor's alone, even where its clock began earlier;
- a fact decided before the edition's first day as its `counts_facts` says: `all`;
  `running-at-start`, if by this edition's own clock and validity, and after any restoration in the
  regime, it has not ended by that first day; `none`. Not published means that it is not counted,
  and that the answer is not verified: a line of 0 points says so where the fact would have counted.

What an edition counts it counts by its own indicators, within its own days: neither the first nor
the last day of a line lies outside the days on which the edition is in force.

A fact counts from the day of the indicator's clock (not published: `effective_on`, not verified)
to the last day of its validity. Not published, it counts until an event ends it. A restoration in
this regime ends it; one in another regime does not. What was annulled never counts; what was
corrected counts as it should have read.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Final

from ..dates import DateOutOfRange, earlier_end, first_day_after, last_day
from ..events import (
    ConvictionRecorded,
    DeterminationMade,
    Finding,
    ListingDecided,
    PenaltyImposed,
)
from ..rulebook import CountsFacts, Edition, Indicator, PointsTerm, ScoringRegime
from ..values import EventId
from .facts import EarlyEnd, Facts, FindingFact
from .matching import clock_day, traits_of
from .tree import Tree

__all__ = ["Counted", "Days", "Shape", "counted_facts", "shape_of"]

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A fact as one indicator counts it.

    `leaf` is the indicator's index in the tree; `points` what it gives before any weight, null
    where an assessment is missing.
    """

    leaf: int
    event: EventId
    position: int
    points: Decimal | None
    from_: date
    until: date | None
    verified: bool
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """A finding or a listing that was not set aside."""

    event: EventId
    position: int
    content: Finding | ListingDecided
    ended: tuple[EarlyEnd, ...]
    off_list_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    """A first day, or a day after the last (null: open), and how well it is known."""

    day: date | None
    verified: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """The edition that counts, its regime, and the first day on which it is no longer in force."""

    edition: Edition
    regime: ScoringRegime
    tree: Tree
    until: date | None


Days = tuple[date, date | None]
"""From a first day on, before another (null: without end)."""


Shape = tuple[object, ...]
"""All of a finding that decides what it counts, but for its name and its place on the log."""
_DAYS_OF: Final[Mapping[type[Finding], Callable[[Finding], tuple[object, ...]]]] = {
    DeterminationMade: attrgetter(
        "acted_on", "decided_on", "effective_on", "published_on", "served_on", "assessments"
    ),
    PenaltyImposed: attrgetter(
        "acted_on",
        "decided_on",
        "effective_on",
        "published_on",
        "served_on",
        "term_ends_on",
        "assessments",
    ),
    ConvictionRecorded: attrgetter(
        "acted_on", "decided_on", "effective_on", "term_ends_on", "assessments"
    ),
}
"""The days from which a clock may run, the day to which a penalty's term lasts, and the points."""


def shape_of(finding: FindingFact) -> Shape:
    """The shape of a finding: those of one shape count for the same, on the same days."""
    content = finding.content
    return (
        traits_of(content),
        _DAYS_OF[type(content)](content),
        finding.annulled_at is None,
        finding.ended,
    )


def counted_facts(
    facts: Facts, edition: Edition, regime: ScoringRegime, tree: Tree, days: Days
) -> Iterator[Counted]:
    """What the edition, in force on `days`, counts of the facts in its regime."""
    rules = _Rules(edition=edition, regime=regime, tree=tree, until=days[1])
    for fact in _standing(facts):
        yield from _lines(fact, rules)


def _lines(fact: _Standing, rules: _Rules) -> Iterator[Counted]:
    """The lines of one fact."""
    if rules.until is not None and _decided_on(fact) >= rules.until:
        return
    for leaf in rules.tree.leaves_about(traits_of(fact.content)):
        counted = _counted(fact, leaf, rules)
        if counted is not None:
            yield counted


def _decided_on(fact: _Standing) -> date:
    return fact.content.decided_on or fact.content.effective_on


def _standing(facts: Facts) -> Iterator[_Standing]:
    for finding in facts.findings:
        if finding.is_standing:
            yield _Standing(
                event=finding.event,
                position=finding.position,
                content=finding.content,
                ended=finding.ended,
                off_list_on=None,
            )
    for listing in facts.listings:
        if listing.decided is not None and listing.is_standing:
            yield _Standing(
                event=listing.event,
                position=listing.position,
                content=listing.decided,
                ended=listing.ended,
                off_list_on=listing.ended_on,
            )


def _counted(fact: _Standing, leaf: int, rules: _Rules) -> Counted | None:
    """The line of the fact under this indicator; None if it has no day, or is rightly left out."""
    place, edition = rules.tree.leaves[leaf], rules.edition
    starts = _start(fact, place.indicator)
    start = starts.day or fact.content.effective_on
    ends = _end(fact, place.indicator, rules.regime, start)
    from_, until = max(start, edition.from_), earlier_end(ends.day, rules.until)
    if until is not None and until <= from_:
        return None
    points = _points(fact.content, place.indicator, rules.regime)
    term = place.indicator.points
    published = term.is_ is not None or term.from_ is not None or term.to is not None
    verified = starts.verified and ends.verified and place.weighed
    notes = (*starts.notes, *ends.notes)
    if points is None:
        notes = (*notes, _unassessed(term))
    if _decided_on(fact) < edition.from_:
        counts = edition.counts_facts
        if not _counts_from_before(counts, runs=start <= edition.from_):
            if counts is not None and counts.mark.verified:
                return None
            says = "not published" if counts is None else counts.from_before
            points = _NOTHING
            notes = (f"decided before the edition's first day, not counted: counts_facts {says}",)
        verified = verified and counts is not None and counts.mark.verified
    return Counted(
        leaf=leaf,
        event=fact.event,
        position=fact.position,
        points=points,
        from_=from_,
        until=until,
        verified=verified and published and term.mark.verified,
        note="; ".join(notes) or None,
    )


def _counts_from_before(counts: CountsFacts | None, *, runs: bool) -> bool:
    if counts is None:
        return False
    return counts.from_before == "all" or (counts.from_before == "running-at-start" and runs)


def _start(fact: _Standing, indicator: Indicator) -> _Term:
    day = clock_day(fact.content, indicator.clock)
    verified = indicator.clock is not None and indicator.clock.mark.verified
    notes: tuple[str, ...] = ()
    if day is None and indicator.clock is not None:
        verified = False
        notes = (f"{indicator.clock.start.value} not recorded: counted from effective_on",)
    if isinstance(fact.content, ListingDecided) and not fact.content.dated:
        verified = False
        notes = (*notes, "day of the listing not published")
    return _Term(day=day, verified=verified, notes=notes)


def _end(fact: _Standing, indicator: Indicator, regime: ScoringRegime, start: date) -> _Term:
    """The end of the validity, or the day on which a restoration in this regime comes before it."""
    term = _validity(fact, indicator, start)
    for early in fact.ended:
        if regime.id in early.regimes and (term.day is None or early.on < term.day):
            said = f"ended by restoration {early.restoration}"
            term = _Term(day=early.on, verified=term.verified, notes=(*term.notes, said))
    return term


def _validity(fact: _Standing, indicator: Indicator, start: date) -> _Term:
    lasts = indicator.lasts
    if lasts is None or (lasts.period is None and not lasts.of_penalty_term):
        return _Term(day=fact.off_list_on, verified=False, notes=("validity not published",))
    if lasts.of_penalty_term:
        last: date | None = getattr(fact.content, "term_ends_on", None)
        if last is None:
            return _Term(day=None, verified=False, notes=("term of the penalty not recorded",))
    elif lasts.period is None or lasts.period.working_days is not None:
        note = "a validity in working days is not counted: open"
        return _Term(day=None, verified=False, notes=(note,))
    else:
        last = None
    try:
        if last is None and lasts.period is not None:
            last = last_day(start, lasts.period)
        day = None if last is None else first_day_after(last)
    except DateOutOfRange:
        note = "it lasts beyond the year 9999"
        return _Term(day=None, verified=lasts.mark.verified, notes=(note,))
    return _Term(day=day, verified=lasts.mark.verified)


def _points(
    content: Finding | ListingDecided, indicator: Indicator, regime: ScoringRegime
) -> Decimal | None:
    if indicator.points.is_ is not None:
        return indicator.points.is_
    if isinstance(content, ListingDecided):
        return None
    return next(
        (
            assessment.points
            for assessment in content.assessments
            if assessment.indicator == indicator.id and assessment.regime == regime.id
        ),
        None,
    )


def _unassessed(term: PointsTerm) -> str:
    if term.from_ is None and term.to is None:
        return "points not published"
    return f"no assessment: points from {term.from_} to {term.to}"
