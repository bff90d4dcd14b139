"""What a note has to say, before it is said in a language: every reason with the fact behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from ledger.courses.facts import Facts, FindingFact, ListingFact
from ledger.courses.interval import Reason
from ledger.explanation import Explanation, explain
from ledger.rulebook import (
    Edition,
    Indicator,
    ListingRegime,
    Mark,
    Measure,
    MeasuresRegime,
    Node,
    Regime,
    Rulebooks,
    ScoringRegime,
    Weight,
)
from ledger.values import EventId
from projections.answers import At, SubjectShown

from ..questions import Question

__all__ = ["Doubt", "Ground", "Noted", "Rule", "note_of"]


class Doubt(StrEnum):
    """Which term of the edition behind a reason was not verified, or not published."""

    BASE = "base"
    LIMIT = "limit"
    POINTS = "points"
    START = "start"
    START_NOT_PUBLISHED = "start-not-published"
    VALIDITY = "validity"
    WEIGHT = "weight"
    EARLIER_FACTS = "earlier-facts"
    ENTRY = "entry"
    PERIOD = "period"
    REPEAT = "repeat"
    CAP = "cap"
    OTHERS = "others"


class Rule(StrEnum):
    """What a reason is that the rules themselves give."""

    BASE = "base"
    FLOOR = "floor"
    CEILING = "ceiling"
    CAP = "cap"


_WITHOUT_POINTS: Final = ("no assessment", "points not published")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One reason, by its number in the note (from 1).

    `fact` is what it rests on, null where `rule` says which rule of the edition gave it; `same_as`
    is the number of an earlier reason that rests on the same fact. `title` is that of its indicator
    or node in the edition, or the id of the capping list.
    """

    number: int
    reason: Reason
    fact: FindingFact | ListingFact | None
    same_as: int | None
    rule: Rule | None
    title: str | None
    doubts: tuple[Doubt, ...]

    @property
    def why_without_points(self) -> str | None:
        """The part of the reason's note that says why it has no points."""
        notes = () if self.reason.note is None else self.reason.note.split("; ")
        return next((one for one in notes if one.startswith(_WITHOUT_POINTS)), None)

    @property
    def document_number(self) -> str | None:
        """The number of the document that the fact stands in; null where none is on record."""
        if self.fact is None:
            return None
        content = self.fact.decided if isinstance(self.fact, ListingFact) else self.fact.content
        return None if content is None else content.basis.document_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """All that a note says.

    `then` is what holds from the next change on, null where none is to come; of `grounds` those in
    `ends` count for the last time on the day before it, and those in `begins` are new on it.
    `edition` and `regime` are what explains the day, null where none is in force.
    """

    subject: SubjectShown
    at: At
    today: date
    now: Explanation
    then: Explanation | None
    edition: Edition | None
    regime: Regime | None
    kind: type[Regime]
    grounds: tuple[Ground, ...]
    ends: tuple[Ground, ...]
    begins: tuple[Ground, ...]
    facts: Facts
    rulebooks: Rulebooks

    @property
    def is_forecast(self) -> bool:
        """Whether the day is still to come."""
        return self.at.as_of > self.today

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that run."""
        running = isinstance(self.regime, MeasuresRegime) and bool(self.grounds)
        return self.regime.measures if isinstance(self.regime, MeasuresRegime) and running else ()

    @property
    def is_band_sure(self) -> bool:
        """Whether the bounds of the grade are verified; true where there is no grade."""
        if not isinstance(self.regime, ScoringRegime) or self.now.grade is None:
            return True
        marks: list[Mark] = []
        for band in self.regime.bands:
            marks.append(band.mark)
            if band.grade == self.now.grade:
                break
        return all(mark.verified for mark in marks[-2:])

    @property
    def doubtful(self) -> tuple[tuple[tuple[Doubt, ...], tuple[int, ...]], ...]:
        """What is doubted, each with the numbers of the reasons of which it is."""
        found: dict[tuple[Doubt, ...], list[int]] = {}
        for ground in self.grounds:
            if ground.doubts:
                found.setdefault(ground.doubts, []).append(ground.number)
        return tuple((doubts, tuple(numbers)) for doubts, numbers in found.items())

    def ground_of(self, event: EventId) -> Ground | None:
        """The reason that rests on a fact, if one does."""
        return next((one for one in self.grounds if one.reason.event == event), None)

    def fact(self, event: EventId) -> FindingFact | ListingFact | None:
        """A fact on record."""
        return _fact(self.facts, event)


def note_of(
    subject: SubjectShown, asked: Question, rulebooks: Rulebooks, at: At, *, today: date
) -> Noted:
    """What a note about a subject in a regime says, as of a day, as known at a position.

    The subject, the facts of the question and the rulebooks are as known at that position.
    """
    facts = asked.facts
    now = explain(facts, asked.regime, rulebooks, at.as_of)
    then = None if now.next is None else explain(facts, asked.regime, rulebooks, now.next.from_)
    edition = None if now.edition is None else rulebooks.edition(now.edition)
    regime = None if edition is None else edition.regime(asked.regime)
    grounds = _grounds(now, facts, edition, regime)
    coming = () if then is None else _grounds(then, facts, *_edition_of(then, rulebooks))
    return Noted(
        subject=subject,
        at=at,
        today=today,
        now=now,
        then=then,
        edition=edition,
        regime=regime,
        kind=next(type(found) for _, found in rulebooks.editions_with(asked.regime)),
        grounds=grounds,
        ends=_ending(grounds, coming, None if now.next is None else now.next.from_),
        begins=_beginning(grounds, coming, None if now.next is None else now.next.from_),
        facts=facts,
        rulebooks=rulebooks,
    )


def _edition_of(
    explained: Explanation, rulebooks: Rulebooks
) -> tuple[Edition | None, Regime | None]:
    edition = None if explained.edition is None else rulebooks.edition(explained.edition)
    return edition, None if edition is None else edition.regime(explained.regime)


def _ending(
    here: tuple[Ground, ...], there: tuple[Ground, ...], day: date | None
) -> tuple[Ground, ...]:
    """Those that no longer count from the day on; a limit mostly follows from them."""
    gone = _without(here, there) if day is not None else ()
    return tuple(one for one in gone if one.rule is not None or one.reason.until == day)


def _beginning(
    here: tuple[Ground, ...], there: tuple[Ground, ...], day: date | None
) -> tuple[Ground, ...]:
    new = _without(there, here)
    return tuple(one for one in new if one.rule is not None or one.reason.from_ == day)


def _without(some: tuple[Ground, ...], others: tuple[Ground, ...]) -> tuple[Ground, ...]:
    known = {(one.reason.event, one.reason.indicator) for one in others}
    return tuple(one for one in some if (one.reason.event, one.reason.indicator) not in known)


def _grounds(
    explained: Explanation, facts: Facts, edition: Edition | None, regime: Regime | None
) -> tuple[Ground, ...]:
    found: list[Ground] = []
    for number, line in enumerate(explained.reasons, start=1):
        fact = None if line.event is None else _fact(facts, line.event)
        before = (one.number for one in found if one.reason.event == line.event)
        found.append(
            Ground(
                number=number,
                reason=line,
                fact=fact,
                same_as=None if fact is None else next(before, None),
                rule=_rule(line),
                title=_title(line, regime),
                doubts=tuple(_doubts(line, fact, edition, regime, explained)),
            )
        )
    return tuple(found)


def _fact(facts: Facts, event: EventId) -> FindingFact | ListingFact | None:
    known: tuple[FindingFact | ListingFact, ...] = (*facts.findings, *facts.listings)
    return next((one for one in known if one.event == event), None)


# What a reason is called --------------------------------------------------------------------------

_CAP: Final = "cap: "
_WITHIN: Final = ": "


def _rule(line: Reason) -> Rule | None:
    """The rule that a reason of the edition itself is; its name ends in `floor` or `ceiling`."""
    if line.event is not None or line.indicator is None:
        return None
    if line.indicator.startswith(_CAP):
        return Rule.CAP
    return Rule(line.indicator.rpartition(_WITHIN)[2])


def _title(line: Reason, regime: Regime | None) -> str | None:
    """The title that the edition gives the indicator or node, else its id; the list of a cap."""
    if line.indicator is None:
        return None
    if line.event is None:
        if line.indicator.startswith(_CAP):
            return line.indicator.removeprefix(_CAP)
        node_id, _, _ = line.indicator.rpartition(_WITHIN)
        named = [node.title or node.id for node in _nodes(regime) if node.id == node_id]
        return named[0] if named else (node_id or None)
    indicator = _indicator(regime, line.indicator)
    return line.indicator if indicator is None else (indicator[0].title or line.indicator)


def _nodes(branch: Regime | Node | None) -> Iterator[Node]:
    if isinstance(branch, ScoringRegime | Node):
        for node in branch.nodes:
            yield node
            yield from _nodes(node)


def _indicator(regime: Regime | None, name: str) -> tuple[Indicator, tuple[Weight, ...]] | None:
    """The indicator of this id, with the weights of the nodes above it."""
    return next((found for found in _leaves(regime, ()) if found[0].id == name), None)


def _leaves(
    branch: Regime | Node | None, above: tuple[Weight, ...]
) -> Iterator[tuple[Indicator, tuple[Weight, ...]]]:
    if isinstance(branch, ScoringRegime | Node):
        for indicator in branch.indicators:
            yield indicator, above
        for node in branch.nodes:
            yield from _leaves(node, above if node.weight is None else (*above, node.weight))


# Why a reason is not verified ---------------------------------------------------------------------


def _doubts(
    line: Reason,
    fact: FindingFact | ListingFact | None,
    edition: Edition | None,
    regime: Regime | None,
    explained: Explanation,
) -> Iterator[Doubt]:
    if line.verified:
        return
    match regime:
        case ScoringRegime() if line.event is None:
            yield Doubt.BASE if line.indicator == Rule.BASE else Doubt.LIMIT
        case ScoringRegime():
            yield from _indicator_doubts(line, regime)
            counts = None if edition is None else edition.counts_facts
            if counts is not None and not counts.mark.verified and _is_earlier(fact, edition):
                yield Doubt.EARLIER_FACTS
        case MeasuresRegime():
            yield from _measures_doubts(line, regime, len(explained.reasons))
        case ListingRegime():
            if regime.entry is None or not regime.entry.mark.verified:
                yield Doubt.ENTRY
            yield from _term_doubts(regime)
        case _:
            return


def _is_earlier(fact: FindingFact | ListingFact | None, edition: Edition | None) -> bool:
    """Whether the fact was decided before the edition was in force."""
    if fact is None or edition is None:
        return False
    content = fact.decided if isinstance(fact, ListingFact) else fact.content
    return content is not None and (content.decided_on or content.effective_on) < edition.from_


def _indicator_doubts(line: Reason, regime: Regime) -> Iterator[Doubt]:
    found = _indicator(regime, line.indicator or "")
    if found is None:
        return
    indicator, weights = found
    if not indicator.points.mark.verified:
        yield Doubt.POINTS
    if indicator.clock is None:
        yield Doubt.START_NOT_PUBLISHED
    elif not indicator.clock.mark.verified:
        yield Doubt.START
    if indicator.lasts is not None and not indicator.lasts.mark.verified:
        yield Doubt.VALIDITY
    if not all(weight.mark.verified for weight in weights):
        yield Doubt.WEIGHT


def _measures_doubts(line: Reason, regime: MeasuresRegime, count: int) -> Iterator[Doubt]:
    yield from _term_doubts(regime)
    joined = count > 1
    if joined and regime.repeat is not None and not regime.repeat.mark.verified:
        yield Doubt.REPEAT
    if line.note is not None and regime.cap is not None and not regime.cap.mark.verified:
        yield Doubt.CAP
    others = regime.when_one_ends_early
    if joined and others is not None and not others.mark.verified:
        yield Doubt.OTHERS


def _term_doubts(regime: MeasuresRegime | ListingRegime) -> Iterator[Doubt]:
    if regime.clock is None:
        yield Doubt.START_NOT_PUBLISHED
    elif not regime.clock.mark.verified:
        yield Doubt.START
    if regime.period is not None and not regime.period.mark.verified:
        yield Doubt.PERIOD
