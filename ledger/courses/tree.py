"""The indicator tree of a scoring regime, laid out so that a sum over it changes by one addition.

A node's value is the sum of its children, clipped to its floor and ceiling, times its weight.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import Final

from ..rulebook import Indicator, Limit, Mark, Node, ScoringRegime
from .matching import Traits, fits
from .same import Same

__all__ = [
    "EXACT",
    "TOP",
    "Branch",
    "Clip",
    "Leaf",
    "RunningSum",
    "Same",
    "Tree",
    "clip",
    "tree_of",
]

EXACT: Final = Context(prec=1000, traps=[Inexact, InvalidOperation])
"""Points are added and multiplied exactly; what could not be exact is a defect and stops."""

TOP: Final = -1
"""The index of the branch that is none: what hangs from it is the top level."""
_ZERO: Final = Decimal(0)
_KEPT: Final = 10_000
_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """An indicator in its place.

    `branch` is the index of the node that holds it, -1 at the top; `factor` the product of the
    weights above it, `weighed` whether all of them were verified.
    """

    indicator: Indicator
    branch: int
    factor: Decimal
    weighed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A node in its place; `factor` is the product of its own weight and those above it."""

    node: Node
    parent: int
    factor: Decimal
    weighed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A limit that bit: by how much it moved what was clipped, in the points of the score."""

    name: str
    points: Decimal
    mark: Mark
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The branches, each behind its parent, and the leaves of a regime.

    `unquiet` names the branches, innermost first, of which a limit bites before anything counts: a
    floor above nothing, or a ceiling below it. `about` keeps which leaves count which facts.
    """

    branches: tuple[Branch, ...]
    leaves: tuple[Leaf, ...]
    unquiet: tuple[int, ...]
    about: dict[Traits, tuple[int, ...]] = field(default_factory=dict, compare=False)

    def leaves_about(self, traits: Traits) -> tuple[int, ...]:
        """The indexes of the leaves that count a fact with these traits."""
        found = self.about.get(traits)
        if found is None:
            if len(self.about) >= _KEPT:
                self.about.clear()
            found = self.about[traits] = tuple(
                index for index, leaf in enumerate(self.leaves) if fits(leaf.indicator.on, traits)
            )
        return found


def tree_of(regime: ScoringRegime) -> Tree:
    """The regime's nodes and indicators, laid out once for each regime."""
    return _tree(Same(regime))


@lru_cache(maxsize=256)
def _tree(same: Same[ScoringRegime]) -> Tree:
    regime = same.value
    branches: list[Branch] = []
    leaves: list[Leaf] = []

    def grow(
        nodes: tuple[Node, ...],
        indicators: tuple[Indicator, ...],
        above: tuple[int, Decimal, bool],
    ) -> None:
        branch, factor, weighed = above
        leaves.extend(
            Leaf(indicator=indicator, branch=branch, factor=factor, weighed=weighed)
            for indicator in indicators
        )
        for node in nodes:
            own = EXACT.multiply(factor, node.weight.factor if node.weight else _ONE)
            verified = weighed and (node.weight is None or node.weight.mark.verified)
            branches.append(Branch(node=node, parent=branch, factor=own, weighed=verified))
            grow(node.nodes, node.indicators, (len(branches) - 1, own, verified))

    grow(regime.nodes, regime.indicators, (TOP, _ONE, True))
    unquiet = [
        index
        for index, branch in enumerate(branches)
        if clip(_ZERO, branch.node.floor, branch.node.ceiling)[1] is not None
    ]
    return Tree(
        branches=tuple(branches),
        leaves=tuple(leaves),
        unquiet=tuple(reversed(unquiet)),
    )


def clip(
    points: Decimal, floor: Limit | None, ceiling: Limit | None
) -> tuple[Decimal, Limit | None]:
    """The points within the limits, and the limit that moved them, if one did."""
    if floor is not None and points < floor.points:
        return floor.points, floor
    if ceiling is not None and points > ceiling.points:
        return ceiling.points, ceiling
    return points, None


class RunningSum:
    """The value of a tree while facts come and go: one addition a level for each change.

    `total` is the sum of the top level; `doubtful` the number of limits that bite now and were not
    verified. To be used within the context `EXACT`.
    """

    __slots__ = ("_bitten", "_sums", "_tree", "_values", "doubtful", "total")

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        count = len(tree.branches)
        self._sums = [_ZERO] * count
        self._values = [_ZERO] * count
        self._bitten: list[Limit | None] = [None] * count
        self.total = _ZERO
        self.doubtful = 0
        for index in tree.unquiet:
            self._settle(index, _ZERO)

    def add(self, leaf: int, points: Decimal) -> None:
        """Add points, before any weight, to what the leaf at this index gives."""
        self.add_within(self._tree.leaves[leaf].branch, points)

    def add_within(self, branch: int, points: Decimal) -> None:
        """Add points, before any weight, to what the leaves of a branch give (-1: of the top)."""
        if branch == TOP:
            self.total += points
        else:
            self._settle(branch, points)

    def clips(self) -> Iterator[Clip]:
        """Each node limit that bites now, the innermost last."""
        for branch, total, limit in zip(self._tree.branches, self._sums, self._bitten, strict=True):
            if limit is not None:
                which = "floor" if limit is branch.node.floor else "ceiling"
                yield Clip(
                    name=f"{branch.node.id}: {which}",
                    points=(limit.points - total) * branch.factor,
                    mark=limit.mark,
                    verified=limit.mark.verified and branch.weighed,
                )

    def _settle(self, index: int, change: Decimal) -> None:
        """Add the change to a node's sum and carry what becomes of it to the top."""
        branches, sums, values, bitten = self._tree.branches, self._sums, self._values, self._bitten
        while index != TOP:
            branch = branches[index]
            node = branch.node
            value = sums[index] = sums[index] + change
            if node.floor is not None or node.ceiling is not None:
                value, limit = clip(value, node.floor, node.ceiling)
                if limit is not bitten[index]:
                    self.doubtful += _is_doubtful(limit, branch)
                    self.doubtful -= _is_doubtful(bitten[index], branch)
                    bitten[index] = limit
            if node.weight is not None:
                value *= node.weight.factor
            change = value - values[index]
            if not change:
                return
            values[index] = value
            index = branch.parent
        self.total += change


def _is_doubtful(limit: Limit | None, branch: Branch) -> bool:
    return limit is not None and not (limit.mark.verified and branch.weighed)
