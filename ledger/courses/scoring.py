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

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext
from enum import StrEnum
from functools import lru_cache
from typing import Final

from ..dates import covers, earlier_end, later_end
from ..rulebook import Edition, Rulebooks, ScoringRegime, rulebook_of
from ..values import EditionId, RegimeId, plain
from .counting import Counted, Days, Memo, counted_facts
from .facts import Facts, Profile
from .grading import Capping, band_of, capping_of, is_trusted, limited
from .interval import Interval, Reason
from .listing import Listed, listings_of
from .matching import applies_on
from .tiles import merged
from .tree import EXACT, Clip, RunningSum, Same, Tree, tree_of

__all__ = [
    "GradeState",
    "Graded",
    "scoring_course",
    "scoring_reasons",
    "scoring_regimes_of",
    "scoring_span",
    "scoring_tiles",
]


class GradeState(StrEnum):
    """Whether there is a grade, and if not, why."""

    GRADED = "graded"
    NO_EDITION = "no-edition"
    DOES_NOT_APPLY = "does-not-apply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """What a scoring regime says of a subject.

    `grade` and `score` are null unless the state is graded; `complete` is false where an
    assessment is missing, so that the score goes without the points of a fact.
    """

    state: GradeState
    edition: EditionId | None
    grade: str | None
    score: Decimal | None
    complete: bool


Tile = Interval[Graded]
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Days on which one edition is in force, or none with this regime."""

    from_: date
    until: date | None
    edition: Edition | None
    regime: ScoringRegime | None


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


def scoring_tiles(
    facts: Facts,
    regime: RegimeId,
    rulebooks: Rulebooks,
    *,
    within: Days | None = None,
    memo: Memo | None = None,
) -> tuple[Tile, ...]:
    """The course without its reasons: half-open tiles, each unlike its neighbours.

    Empty if the rulebook has no edition. One sweep over the days on which something changes.
    `within` asks for the tiles of these days alone, cut at both ends; `memo` remembers what single
    facts count, for the next call about the same subject, regime and rulebooks.
    """
    with localcontext(EXACT):
        tiles: list[Tile] = []
        for stretch in _stretches(regime, rulebooks):
            days = _shared(stretch, within)
            if days is not None:
                tiles += _tiles_of(facts, stretch, rulebooks, days, memo)
        return merged(tiles)


def scoring_span(facts: Facts, regime: RegimeId, rulebooks: Rulebooks) -> Days | None:
    """The days from the first to the last on which any of these facts counts; None if none does.

    Outside of them the course is the same with and without the facts.
    """
    first: date | None = None
    until: date | None = date.min
    with localcontext(EXACT):
        for stretch in _stretches(regime, rulebooks):
            scored = _scored(facts, stretch, rulebooks)
            if scored is None:
                continue
            for counts_from, counts_until in (
                *((line.from_, line.until) for line in scored.counted),
                *((on.from_, on.until) for on in scored.listed),
            ):
                first = counts_from if first is None else min(first, counts_from)
                until = later_end(until, counts_until)
    return None if first is None else (first, until)


def scoring_reasons(
    facts: Facts, regime: RegimeId, rulebooks: Rulebooks, day: date, *, memo: Memo | None = None
) -> tuple[Reason, ...]:
    """The reasons for the score on the day; their points add up to it exactly.

    Empty where there is no score. `memo` is as that of `scoring_tiles`.
    """
    with localcontext(EXACT):
        for stretch in _stretches(regime, rulebooks):
            if covers(stretch.from_, stretch.until, day):
                scored = _scored(facts, stretch, rulebooks, memo, (day, None))
                applies = scored and applies_on(scored.regime.applies_to, facts.profile, day)
                return _reasons(scored, day) if scored and applies else ()
        return ()


def scoring_course(facts: Facts, regime: RegimeId, rulebooks: Rulebooks) -> tuple[Tile, ...]:
    """The course with its reasons: tiles that are cut wherever a reason changes."""
    with localcontext(EXACT):
        tiles: list[Tile] = []
        for stretch in _stretches(regime, rulebooks):
            scored = _scored(facts, stretch, rulebooks)
            whole = (stretch.from_, stretch.until)
            for tile in _tiles_of(facts, stretch, rulebooks, whole, every=True):
                if scored is None or tile.value.state is not GradeState.GRADED:
                    tiles.append(tile)
                else:
                    tiles.append(replace(tile, reasons=_reasons(scored, tile.from_)))
        return merged(tiles)


def _stretches(regime: str, rulebooks: Rulebooks) -> Iterator[_Stretch]:
    """The days from the first edition's first day on, by the edition that scores them."""
    reached: date | None = None
    for edition, from_, until in rulebooks.spans(rulebook_of(regime)):
        if reached is not None and reached < from_:
            yield _Stretch(from_=reached, until=from_, edition=None, regime=None)
        if until is None or from_ < until:
            found = edition.regime(regime)
            scoring = found if isinstance(found, ScoringRegime) else None
            yield _Stretch(from_=from_, until=until, edition=edition, regime=scoring)
        reached = until
    if reached is not None:
        yield _Stretch(from_=reached, until=None, edition=None, regime=None)


def _shared(stretch: _Stretch, within: Days | None) -> Days | None:
    """The days of the stretch that lie within others; None if there are none."""
    if within is None:
        return stretch.from_, stretch.until
    from_, until = max(stretch.from_, within[0]), earlier_end(stretch.until, within[1])
    return (from_, until) if until is None or from_ < until else None


def _scored(
    facts: Facts,
    stretch: _Stretch,
    rulebooks: Rulebooks,
    memo: Memo | None = None,
    within: Days | None = None,
) -> _Scored | None:
    """What the stretch's edition counts (`within` some days); None if it has no such regime."""
    edition, regime = stretch.edition, stretch.regime
    if edition is None or regime is None:
        return None
    tree = tree_of(regime)
    days = stretch.from_, stretch.until
    listed: tuple[Interval[Listed], ...] = ()
    if regime.caps and facts.listings:
        lists = {cap.list for cap in regime.caps}
        present = listings_of(facts, rulebooks) if memo is None else memo.presence(facts, rulebooks)
        listed = tuple(on for on in present if on.value.list in lists)
    return _Scored(
        from_=stretch.from_,
        until=stretch.until,
        edition=edition,
        regime=regime,
        tree=tree,
        counted=tuple(counted_facts(facts, edition, regime, tree, days, within, memo)),
        listed=listed,
    )


def _tiles_of(  # noqa: PLR0913  # what is scored, and how
    facts: Facts,
    whole: _Stretch,
    rulebooks: Rulebooks,
    part: Days,
    memo: Memo | None = None,
    *,
    every: bool = False,
) -> Iterator[Tile]:
    """The tiles of a part of a stretch; `every`: cut at each day on which a line comes or goes."""
    edition, regime = whole.edition, whole.regime
    stretch = _Stretch(from_=part[0], until=part[1], edition=edition, regime=regime)
    if edition is None or regime is None:
        yield _gradeless(stretch.from_, stretch.until, GradeState.NO_EDITION, None)
        return
    days = [stretch.from_, *_role_days(regime, facts.profile, stretch)]
    applies = [applies_on(regime.applies_to, facts.profile, day) for day in days]
    scored = _scored(facts, whole, rulebooks, memo, part) if any(applies) else None
    if scored is not None and stretch != whole:
        listed = tuple(on for on in scored.listed if _touches(on, part))
        scored = replace(scored, from_=stretch.from_, until=stretch.until, listed=listed)
    tiles = tuple(_sweep(scored, days, every=every)) if scored is not None else ()
    if all(applies):
        yield from tiles
        return
    for from_, until, does in zip(days, (*days[1:], stretch.until), applies, strict=True):
        if does:
            yield from (tile for tile in tiles if covers(from_, until, tile.from_))
        else:
            yield _gradeless(from_, until, GradeState.DOES_NOT_APPLY, edition)


def _touches(on: Interval[Listed], days: Days) -> bool:
    return (on.until is None or on.until > days[0]) and (days[1] is None or on.from_ < days[1])


def _role_days(regime: ScoringRegime, profile: Profile | None, stretch: _Stretch) -> list[date]:
    """The days within the stretch on which the subject takes or leaves a role of the regime."""
    if profile is None or not regime.applies_to or profile.kind.value in regime.applies_to:
        return []
    return sorted(
        {
            day
            for held in profile.roles
            if held.role in regime.applies_to
            for day in (held.from_, held.until)
            if day is not None and stretch.from_ < day and covers(stretch.from_, stretch.until, day)
        }
    )


def _gradeless(from_: date, until: date | None, state: GradeState, edition: Edition | None) -> Tile:
    named = None if edition is None else edition.id
    value = Graded(state=state, edition=named, grade=None, score=None, complete=True)
    verified = edition is not None and is_trusted(edition)
    return Interval(from_=from_, until=until, value=value, reasons=(), verified=verified)


def _sweep(scored: _Scored, also_on: Iterable[date], *, every: bool) -> Iterator[Tile]:
    """One pass over the days on which a line begins or ends, and those in `also_on`.

    Days on which the same holds as before begin no tile, unless `every` one does, or it is asked.
    """
    comes, goes, listed = _changes(scored)
    asked = frozenset(also_on)
    running, counts = RunningSum(scored.tree), _Counts()
    trusted = is_trusted(scored.edition) and scored.regime.base.mark.verified
    capping: Capping | None = None
    since = scored.from_
    stood: tuple[object, ...] = ()
    said: tuple[Decimal, bool, bool] | None = None
    for day in sorted({*comes, *goes, *listed, *asked}):
        for leaf, points in counts.change(comes.get(day, ()), goes.get(day, ())).items():
            running.add(leaf, points)
        if day in listed or (scored.listed and day == scored.from_):
            capping = capping_of(scored.regime, [on for on in scored.listed if on.holds_on(day)])
        stands = running.total, running.doubtful, counts.doubtful, counts.unknown, capping
        if stands == stood and not every and day not in asked:
            continue  # most lines of a long record lie below a limit that bites before and after
        stood = stands
        score, steps = limited(scored.regime, running.total, capping)
        verified = trusted and not counts.doubtful and not running.doubtful
        says = score, verified and all(step.verified for step in steps), not counts.unknown
        if every or says != said or day in asked:
            if said is not None:
                yield _graded(scored, (since, day), said)
            since, said = day, says
    if said is not None:
        yield _graded(scored, (since, scored.until), said)


@dataclass(slots=True)
class _Counts:
    """How many of the lines that count now are not verified, and how many give unknown points."""

    doubtful: int = 0
    unknown: int = 0

    def change(self, comes: Iterable[Counted], goes: Iterable[Counted]) -> dict[int, Decimal]:
        """Let lines come and go; by how much each leaf changes."""
        changes: dict[int, Decimal] = {}
        for line in comes:
            self.doubtful += not line.verified
            if line.points is None:
                self.unknown += 1
            elif line.points:
                changes[line.leaf] = changes.get(line.leaf, _ZERO) + line.points
        for line in goes:
            self.doubtful -= not line.verified
            if line.points is None:
                self.unknown -= 1
            elif line.points:
                changes[line.leaf] = changes.get(line.leaf, _ZERO) - line.points
        return changes


def _graded(scored: _Scored, days: Days, said: tuple[Decimal, bool, bool]) -> Tile:
    """The tile of these days, by score, whether it is verified and whether it is complete."""
    score, verified, complete = said
    value, certain = _value(Same(scored.regime), scored.edition.id, score, complete=complete)
    return Interval(
        from_=days[0], until=days[1], value=value, reasons=(), verified=verified and certain
    )


@lru_cache(maxsize=4096)  # the same few scores come back in tile after tile
def _value(
    same: Same, edition: EditionId, score: Decimal, *, complete: bool
) -> tuple[Graded, bool]:
    """What the score comes to, and whether the bounds of its band are verified."""
    grade, certain = band_of(same.regime.bands, score)
    value = Graded(
        state=GradeState.GRADED,
        edition=edition,
        grade=grade,
        score=plain(score),
        complete=complete,
    )
    return value, certain


_Lines = dict[date, list[Counted]]


def _changes(scored: _Scored) -> tuple[_Lines, _Lines, set[date]]:
    """On which day which lines come and go, and on which days a capping list is entered or left."""
    comes: _Lines = {}
    goes: _Lines = {}
    first, end = scored.from_, scored.until or date.max
    for line in scored.counted:
        until = line.until or date.max
        if line.from_ < end and until > first:
            comes.setdefault(max(line.from_, first), []).append(line)
            if until < end:
                goes.setdefault(until, []).append(line)
    listed = {
        day
        for on in scored.listed
        for day in (on.from_, on.until)
        if day is not None and scored.from_ < day and covers(scored.from_, scored.until, day)
    }
    return comes, goes, listed


def _reasons(scored: _Scored, day: date) -> tuple[Reason, ...]:
    """Base, counted facts, and every limit that bit, in this order."""
    lines = [line for line in scored.counted if covers(line.from_, line.until, day)]
    running = RunningSum(scored.tree)
    for line in lines:
        if line.points is not None:
            running.add(line.leaf, line.points)
    capping = capping_of(scored.regime, [on for on in scored.listed if on.holds_on(day)])
    _, steps = limited(scored.regime, running.total, capping)
    base = scored.regime.base
    start = Clip(name="base", points=base.points, mark=base.mark, verified=base.mark.verified)
    return (
        _rule_reason(start, scored),
        *(
            _fact_reason(line, scored)
            for line in sorted(lines, key=lambda line: (line.position, line.leaf))
        ),
        *(_rule_reason(step, scored) for step in (*running.clips(), *steps)),
    )


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
