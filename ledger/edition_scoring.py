"""A scoring regime as an edition writes it: base, tree, limits, caps by list, bands."""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Final

from .edition_terms import Terms
from .rulebook import Band, Base, Cap, Indicator, Mark, Node, ScoringRegime, Weight
from .toml_table import Table, refuse_repeated, shown
from .values import IndicatorId, ListId, RegimeId

__all__ = ["TREE_LEVELS_MAX", "ScoringReader"]

TREE_LEVELS_MAX: Final = 4
"""How deep a tree may be; its indicators are a level."""

_NO_BASE: Final = Base(points=Decimal(0), mark=Mark(clause=None, verified=False, source=()))


@dataclass(frozen=True, slots=True)
class ScoringReader:
    """Reads one scoring regime; `seen` holds the names of the nodes and indicators met so far."""

    terms: Terms
    seen: set[str] = field(default_factory=set)

    def read(self, table: Table, regime: RegimeId, applies_to: tuple[str, ...]) -> ScoringRegime:
        """The regime; whoever called finishes the table."""
        base = table.table("base")
        nodes, indicators = self._children(table, level=1)
        floor, ceiling = self.terms.limits(table)
        return ScoringRegime(
            id=regime,
            applies_to=applies_to,
            base=self._base(base),
            bands=self._bands(table),
            nodes=nodes,
            indicators=indicators,
            floor=floor,
            ceiling=ceiling,
            caps=self._caps(table),
        )

    def _base(self, table: Table | None) -> Base:
        limit = self.terms.limit(table)
        if limit is None:
            return _NO_BASE
        return Base(points=limit.points, mark=limit.mark)

    def _bands(self, table: Table) -> tuple[Band, ...]:
        tables = table.tables("bands")
        if not tables and isinstance(table.values.get("bands", []), list):
            table.refuse("bands", "is missing; write at least one band, the last one open")
        bands = tuple(self._band(band) for band in tables)
        for place, band in enumerate(tables):
            is_last, is_open = place == len(tables) - 1, not (band.has("from") or band.has("above"))
            if is_open and not is_last:
                band.refuse("", "takes all scores, so no later band is reached")
            if is_last and not is_open:
                band.refuse("", "the last band takes the rest: no `from`, no `above`")
        for place, (higher, lower) in enumerate(pairwise(bands), start=1):
            first, second = _threshold(higher), _threshold(lower)
            if first is not None and second is not None and first <= second:
                tables[place].refuse("", "takes no score; write the bands highest first")
        refuse_repeated(tables, "grade")
        return bands

    def _band(self, table: Table) -> Band:
        band = Band(
            grade=table.text("grade"),
            from_=table.number_or_none("from"),
            above=table.number_or_none("above"),
            mark=self.terms.mark(table),
        )
        if band.from_ is not None and band.above is not None:
            table.refuse("", "has both `from` (≥) and `above` (>); keep one")
        table.finish()
        return band

    def _children(self, table: Table, level: int) -> tuple[tuple[Node, ...], tuple[Indicator, ...]]:
        nodes = table.tables("node")
        indicators = table.tables("indicator")
        if level >= TREE_LEVELS_MAX and nodes:
            nodes[0].refuse("", f"a tree has at most {TREE_LEVELS_MAX} levels, indicators included")
            return (), tuple(self._indicator(indicator) for indicator in indicators)
        return (
            tuple(self._node(node, level) for node in nodes),
            tuple(self._indicator(indicator) for indicator in indicators),
        )

    def _node(self, table: Table, level: int) -> Node:
        nodes, indicators = self._children(table, level + 1)
        if not table.has("node") and not table.has("indicator"):
            table.refuse("", "has neither nodes nor indicators, so it could never count")
        floor, ceiling = self.terms.limits(table)
        node = Node(
            id=self._id(table),
            title=table.text_or_none("title"),
            weight=self._weight(table.table_or_none("weight")),
            floor=floor,
            ceiling=ceiling,
            nodes=nodes,
            indicators=indicators,
        )
        table.finish()
        return node

    def _weight(self, table: Table | None) -> Weight | None:
        if table is None:
            return None
        weight = Weight(factor=table.number("factor"), mark=self.terms.mark(table))
        if not 0 <= weight.factor <= 1:
            table.refuse("factor", f"{weight.factor} lies outside 0 to 1")
        table.finish()
        return weight

    def _indicator(self, table: Table) -> Indicator:
        indicator = Indicator(
            id=self._id(table),
            title=table.text_or_none("title"),
            on=self.terms.match(table.table("on")),
            points=self.terms.points(table.table("points")),
            clock=self.terms.clock(table.table_or_none("clock")),
            lasts=self.terms.validity(table.table_or_none("lasts")),
        )
        table.finish()
        return indicator

    def _caps(self, table: Table) -> tuple[Cap, ...]:
        tables = table.tables("caps")
        caps = tuple(self._cap(cap) for cap in tables)
        refuse_repeated(tables, "list")
        return caps

    def _cap(self, table: Table) -> Cap:
        cap = Cap(
            list=ListId(table.id("list")),
            points=table.number("points"),
            mark=self.terms.mark(table),
        )
        table.finish()
        return cap

    def _id(self, table: Table) -> IndicatorId:
        """Nodes and indicators of a regime share their names: reasons and assessments use them."""
        name = table.id("id")
        if name and name in self.seen:
            table.refuse("id", f"{shown(name)} names another node or indicator of the regime")
        self.seen.add(name)
        return IndicatorId(name)


def _threshold(band: Band) -> tuple[Decimal, int] | None:
    """Where a band begins; the same number with > begins above the one with ≥."""
    if band.above is not None:
        return band.above, 1
    return None if band.from_ is None else (band.from_, 0)
