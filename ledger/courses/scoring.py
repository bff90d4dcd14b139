"""The course of a scoring regime: score and grade on every day, and the reasons that add up to it.

The course starts on the first day of the rulebook's first edition and tiles from there without end.
On each day the edition in force scores; days on which none is in force, or on which it has no such
scoring regime, have `no-edition`; days on which the subject has neither the kind nor a role of
`applies_to` have `does-not-apply`. Which facts count is said in `counting.py`.

The score is the base plus the top level of the tree, clipped to the regime's floor and ceiling, and
then at most the lowest cap of the lists that the subject is on. Every step is a reason:

- `base`, with the edition's days;
- each fact under each indicator, with what it contributes: its points times all weights above it.
  `points` is null where an assessment is missing: the score then goes without, and `complete` is
  false;
- each limit that bit, as what it took or gave: a node's (`<node>: floor`, `<node>: ceiling`) times
  the node's weight and those above it, the regime's own (`floor`, `ceiling`), and the cap
  (`cap: <list>`).

A reason is verified if every term in it is: points, clock, validity, weights, limit, and
`counts_facts` for a fact from before. The course is verified on a day if the edition is official
and its days in force verified, all reasons of the day are, and so are the band reached and the one
above it, whose bound the score did not reach. Terms that nothing touched that day do not count:
neither an expired fact's nor those of a limit that did not bite.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import localcontext
from functools import lru_cache

from ..dates import covers
from ..rulebook import Edition, Rulebooks, ScoringRegime
from ..values import RegimeId, plain
from .counting import Counted, counted_facts
from .facts import Facts
from .grading import Graded, GradeState, capping_of, limited
from .interval import Interval, Reason
from .listing import Listed, listings_of
from .matching import applies_on
from .same import Same
from .stands import Said
from .tiles import merged
from .tree import EXACT, Clip, RunningSum, Tree
from .weighing import Stretch, scales_of, weighed

__all__ = [
    "GradeState",
    "Graded",
    "scoring_course",
    "scoring_reasons",
    "scoring_regimes_of",
    "scoring_tiles",
]

Tile = Interval[Graded]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """All that an edition's scoring regime counts while it is in force."""

    from_: date
    until: date | None
    edition: Edition
    regime: ScoringRegime
    tree: Tree
    counted: tuple[Counted, ...]
    listed: tuple[Interval[Listed], ...]


def scoring_regimes_of(facts: Facts, rulebooks: Rulebooks, day: date) -> tuple[RegimeId, ...]:
    """The scoring regimes in force on the day that apply to the subject, in alphabetical order."""
    in_force = (
        rulebooks.on(rulebook, day)
        for rulebook in {edition.rulebook for edition in rulebooks.editions}
    )
    return tuple(
        sorted(
            regime.id
            for edition in in_force
            if edition is not None
            for regime in edition.regimes
            if isinstance(regime, ScoringRegime)
            and applies_on(regime.applies_to, facts.profile, day)
        )
    )


def scoring_tiles(facts: Facts, regime: RegimeId, rulebooks: Rulebooks) -> tuple[Tile, ...]:
    """The course without its reasons: half-open tiles, each unlike its neighbours.

    Empty if the rulebook has no edition.
    """
    course = weighed(facts, regime, rulebooks)
    return tuple(_tile(from_, until, said) for from_, until, said in course.said())


def scoring_reasons(
    facts: Facts, regime: RegimeId, rulebooks: Rulebooks, day: date
) -> tuple[Reason, ...]:
    """The reasons for the score on the day; their points add up to it exactly.

    Empty where there is no score.
    """
    for stretch in scales_of(regime, rulebooks).stretches:
        if covers(stretch.from_, stretch.until, day):
            scored = _scored(Same(facts), stretch, Same(rulebooks))
            applies = scored and applies_on(scored.regime.applies_to, facts.profile, day)
            return _reasons(scored, day) if scored and applies else ()
    return ()


def scoring_course(facts: Facts, regime: RegimeId, rulebooks: Rulebooks) -> tuple[Tile, ...]:
    """The course with its reasons: tiles that are cut wherever a reason changes."""
    scales = scales_of(regime, rulebooks)
    course = weighed(facts, regime, rulebooks)
    tiles: list[Tile] = []
    for stretch in scales.stretches:
        scored = _scored(Same(facts), stretch, Same(rulebooks))
        days = sorted({stretch.from_, *_days_within(stretch, course.days), *_turns(scored)})
        for from_, until in zip(days, (*days[1:], stretch.until), strict=True):
            said = course.on(from_)
            assert said is not None, "the course begins with its first stretch"
            is_graded = said.value.state is GradeState.GRADED
            reasons = _reasons(scored, from_) if scored is not None and is_graded else ()
            tiles.append(_tile(from_, until, said, reasons))
    return merged(tiles)


def _turns(scored: _Scored | None) -> Iterator[date]:
    """The days on which a reason comes or goes."""
    if scored is None:
        return
    spans = [(one.from_, one.until) for one in scored.counted]
    spans += [(one.from_, one.until) for one in scored.listed]
    for span in spans:
        for day in span:
            if day is not None and scored.from_ < day and covers(scored.from_, scored.until, day):
                yield day


def _days_within(stretch: Stretch, days: tuple[date, ...]) -> Iterator[date]:
    return (day for day in days if covers(stretch.from_, stretch.until, day))


def _tile(from_: date, until: date | None, said: Said, reasons: tuple[Reason, ...] = ()) -> Tile:
    return Interval(
        from_=from_, until=until, value=said.value, reasons=reasons, verified=said.verified
    )


@lru_cache(maxsize=512)  # an explanation asks for up to four days, and who asks for one asks again
def _scored(facts: Same[Facts], stretch: Stretch, rulebooks: Same[Rulebooks]) -> _Scored | None:
    """What the stretch's edition counts; None if it has no such regime."""
    edition, regime, tree = stretch.scale.edition, stretch.scale.regime, stretch.scale.tree
    if edition is None or regime is None or tree is None:
        return None
    days = stretch.from_, stretch.until
    listed: tuple[Interval[Listed], ...] = ()
    if stretch.scale.lists and facts.value.listings:
        present = listings_of(facts.value, rulebooks.value)
        listed = tuple(on for on in present if on.value.list in stretch.scale.lists)
    return _Scored(
        from_=stretch.from_,
        until=stretch.until,
        edition=edition,
        regime=regime,
        tree=tree,
        counted=tuple(counted_facts(facts.value, edition, regime, tree, days)),
        listed=listed,
    )


def _reasons(scored: _Scored, day: date) -> tuple[Reason, ...]:
    """Base, counted facts, and every limit that bit, in this order."""
    with localcontext(EXACT):
        return tuple(_reasons_exactly(scored, day))


def _reasons_exactly(scored: _Scored, day: date) -> Iterator[Reason]:
    lines = [line for line in scored.counted if covers(line.from_, line.until, day)]
    running = RunningSum(scored.tree)
    for line in lines:
        if line.points is not None:
            running.add(line.leaf, line.points)
    present = [(on.value.list, on.verified) for on in scored.listed if on.holds_on(day)]
    _, steps = limited(scored.regime, running.total, capping_of(scored.regime, present))
    base = scored.regime.base
    start = Clip(name="base", points=base.points, mark=base.mark, verified=base.mark.verified)
    yield _rule_reason(start, scored)
    for line in sorted(lines, key=lambda line: (line.position, line.leaf)):
        yield _fact_reason(line, scored)
    for step in (*running.clips(), *steps):
        yield _rule_reason(step, scored)


def _rule_reason(step: Clip, scored: _Scored) -> Reason:
    return Reason(
        event=None,
        position=None,
        indicator=step.name,
        clause=step.mark.clause,
        points=plain(step.points),
        from_=scored.from_,
        until=scored.until,
        verified=step.verified,
    )


def _fact_reason(line: Counted, scored: _Scored) -> Reason:
    leaf = scored.tree.leaves[line.leaf]
    return Reason(
        event=line.event,
        position=line.position,
        indicator=leaf.indicator.id,
        clause=leaf.indicator.points.mark.clause,
        points=None if line.points is None else plain(line.points * leaf.factor),
        from_=line.from_,
        until=line.until,
        verified=line.verified,
        note=line.note,
    )
