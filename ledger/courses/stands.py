"""What a scoring regime says while certain facts count, worked out once for each combination.

A *scale* is a scoring regime of one edition. What lies on it on some day is its *stand*: the points
in each node of the tree, how many of the lines that count are doubtful or unknown, the capping
lists that the subject is on, whether the regime applies to it. Weights are put on and taken off one
by one, in any order. Equal stands are one object, which remembers where each weight led: the exact
sums over the tree are worked out once, not for each subject and day on which they come to the same.
"""

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import Final

from ..rulebook import Edition, ScoringRegime
from ..values import plain
from .grading import Graded, GradeState, band_of, capping_of, is_trusted, limited
from .same import Same
from .tree import EXACT, TOP, RunningSum, Tree, tree_of

__all__ = ["APPLIES", "Said", "Scale", "Stand", "Weight", "on_list", "points", "scale_of"]

_STANDS_KEPT: Final = 200_000


@dataclass(frozen=True, slots=True)
class Said:
    """What a regime says of a subject, and whether that is verified."""

    value: Graded
    verified: bool


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """A line that counts within a branch of the tree (-1: at its top).

    `points` stand before any weight of the tree; null where an assessment is missing.
    """

    branch: int
    points: Decimal | None
    verified: bool


@dataclass(frozen=True, slots=True, eq=False)
class OnList:
    """Presence on a list that caps the score."""

    list: str
    verified: bool


@dataclass(frozen=True, slots=True, eq=False)
class Applies:
    """A role of the subject for which the regime is made."""


Weight = Points | OnList | Applies
"""Told apart as an object, which is quick: there is one for all that are equal."""


APPLIES: Final = Applies()
points = lru_cache(maxsize=65_536)(Points)
"""One and the same weight for equal points."""
on_list = lru_cache(maxsize=65_536)(OnList)
"""One and the same weight for equal presence."""


@dataclass(frozen=True, slots=True)
class _Load:
    """What lies on a scale.

    `sums` are the points at the top of the tree, then those within each branch.
    """

    sums: tuple[Decimal, ...]
    doubtful: int
    unknown: int
    listed: tuple[tuple[str, bool], ...]
    applies: int

    def changed(self, one: Weight, times: int) -> "_Load":
        """With the weight put on (1) or taken off (-1)."""
        match one:
            case Points(branch=branch, points=given, verified=verified):
                sums = self.sums
                if given:
                    at = branch - TOP
                    total = EXACT.add(sums[at], given if times > 0 else EXACT.minus(given))
                    sums = (*sums[:at], total, *sums[at + 1 :])
                return replace(
                    self,
                    sums=sums,
                    doubtful=self.doubtful + (0 if verified else times),
                    unknown=self.unknown + (times if given is None else 0),
                )
            case OnList(list=name, verified=verified):
                present = list(self.listed)
                if times > 0:
                    present.append((name, verified))
                else:
                    present.remove((name, verified))
                return replace(self, listed=tuple(sorted(present)))
            case Applies():
                return replace(self, applies=self.applies + times)


class Stand:
    """What lies on a scale; `said` is what the regime says of it."""

    __slots__ = ("_load", "_put_on", "_scale", "_taken_off", "said")

    def __init__(self, scale: "Scale", load: _Load, said: Said) -> None:
        self._scale = scale
        self._load = load
        self.said = said
        self._put_on: dict[Weight, Stand] = {}
        self._taken_off: dict[Weight, Stand] = {}

    def put_on(self, one: Weight) -> "Stand":
        """The stand with a weight more."""
        found = self._put_on.get(one)
        if found is None:
            found = self._put_on[one] = self._scale.stand(self._load.changed(one, 1))
        return found

    def take_off(self, one: Weight) -> "Stand":
        """The stand without a weight that lies on the scale."""
        found = self._taken_off.get(one)
        if found is None:
            found = self._taken_off[one] = self._scale.stand(self._load.changed(one, -1))
        return found

    def forget(self) -> None:
        """Forget where weights led."""
        self._put_on.clear()
        self._taken_off.clear()


class Scale:
    """A scoring regime of an edition; without one it says that there is none, whatever lies on it.

    It keeps the stands that it has come to, and forgets them where they are too many.
    """

    def __init__(self, edition: Edition | None, regime: ScoringRegime | None) -> None:
        """A scale of the regime as the edition has it."""
        self.edition = edition
        self.regime = regime
        self.tree: Tree | None = None if regime is None else tree_of(regime)
        self.lists = frozenset(() if regime is None else (cap.list for cap in regime.caps))
        self._stands: dict[_Load, Stand] = {}

    def empty(self, *, applies: bool) -> Stand:
        """The stand while nothing counts."""
        branches = 0 if self.tree is None else len(self.tree.branches)
        return self.stand(_Load((Decimal(0),) * (branches + 1), 0, 0, (), int(applies)))

    def stand(self, load: _Load) -> Stand:
        """The stand with this on the scale."""
        found = self._stands.get(load)
        if found is None:
            if len(self._stands) >= _STANDS_KEPT:
                for stand in list(self._stands.values()):
                    stand.forget()
                self._stands.clear()
            found = self._stands[load] = Stand(self, load, self._said(load))
        return found

    def _said(self, load: _Load) -> Said:
        edition, regime, tree = self.edition, self.regime, self.tree
        if edition is None or regime is None or tree is None:
            return _gradeless(GradeState.NO_EDITION, None)
        if not load.applies:
            return _gradeless(GradeState.DOES_NOT_APPLY, edition)
        with localcontext(EXACT):
            running = RunningSum(tree)
            for branch, total in zip(range(TOP, len(tree.branches)), load.sums, strict=True):
                if total:
                    running.add_within(branch, total)
            score, steps = limited(regime, running.total, capping_of(regime, load.listed))
            grade, is_sure = band_of(regime.bands, score)
            score = plain(score)
        value = Graded(
            state=GradeState.GRADED,
            edition=edition.id,
            grade=grade,
            score=score,
            complete=not load.unknown,
        )
        verified = (
            is_sure
            and is_trusted(edition)
            and regime.base.mark.verified
            and not load.doubtful
            and not running.doubtful
            and all(step.verified for step in steps)
        )
        return Said(value, verified)


def scale_of(edition: Edition | None, regime: ScoringRegime | None) -> Scale:
    """The scale of the regime as the edition has it, one and the same each time."""
    return _scale(Same(edition), Same(regime))


@lru_cache(maxsize=64)
def _scale(edition: Same[Edition | None], regime: Same[ScoringRegime | None]) -> Scale:
    return Scale(edition.value, regime.value)


def _gradeless(state: GradeState, edition: Edition | None) -> Said:
    named = None if edition is None else edition.id
    value = Graded(state=state, edition=named, grade=None, score=None, complete=True)
    return Said(value, edition is not None and is_trusted(edition))
