"""The four kinds of regime, as an edition writes them."""

from dataclasses import dataclass
from typing import Final

from .edition_scoring import ScoringReader
from .edition_terms import Terms
from .rulebook import (
    ChainCap,
    DateName,
    Earliest,
    Entry,
    ListingRegime,
    Measure,
    MeasuresRegime,
    OthersOfChain,
    RefusalGround,
    RefusalKind,
    Regime,
    Repeat,
    RestorationRegime,
    WorkingDays,
)
from .toml_table import ID_FORM, Table, refuse_repeated, shown
from .values import ListId, RegimeId, RulebookId

__all__ = ["read_regimes"]

_WORKING_DAYS_MAX: Final = 1_000
_OFFSET_DAYS_MAX: Final = 366
_KINDS: Final = ("scoring", "measures", "listing", "restoration")
_FINDINGS: Final = ("determination-made", "penalty-imposed", "conviction-recorded")


def read_regimes(
    tables: tuple[Table, ...], rulebook: RulebookId, terms: Terms
) -> tuple[Regime, ...]:
    """All regimes of an edition; one that is of no known kind is left out and noted."""
    names = [table.values.get("id") for table in tables]
    ends = {
        name: table.values.get("kind")
        for name, table in zip(names, tables, strict=True)
        if isinstance(name, str)
    }
    regimes: list[Regime] = []
    for place, table in enumerate(tables):
        head = _head(table, rulebook)
        if names[place] is not None and names[place] in names[:place]:
            table.refuse("id", f"{shown(names[place])} is another regime's id already")
        match table.choice("kind", _KINDS):
            case "scoring":
                scoring = ScoringReader(terms).read(table, head.id, head.applies_to)
                regimes.append(scoring)
            case "measures":
                regimes.append(_Measures(terms).read(head))
            case "listing":
                regimes.append(_Listing(terms).read(head))
            case "restoration":
                regimes.append(_Restoration(terms, rulebook, ends).read(head))
            case _:
                continue  # which keys it may have is not known
        table.finish()
    return tuple(regimes)


@dataclass(frozen=True, slots=True)
class _Head:
    """What every regime begins with."""

    table: Table
    id: RegimeId
    applies_to: tuple[str, ...]


def _head(table: Table, rulebook: RulebookId) -> _Head:
    name = table.id("id")
    if "/" in name:
        table.refuse("id", f"{shown(name)} has a slash, which divides the rulebook from the regime")
    return _Head(table, RegimeId(f"{rulebook}/{name}"), _applies_to(table))


def _applies_to(table: Table) -> tuple[str, ...]:
    if table.values.get("applies_to") == "all":
        table.has("applies_to")
        return ()
    if not table.has("applies_to"):
        return ()
    names = table.texts("applies_to", 'kind or role, or the word "all"')
    for place, name in enumerate(names):
        if not ID_FORM.fullmatch(name):
            table.refuse(f"applies_to[{place}]", f"{shown(name)} names no kind and no role")
    return names


@dataclass(frozen=True, slots=True)
class _Measures:
    terms: Terms

    def read(self, head: _Head) -> MeasuresRegime:
        table = head.table
        measures = table.tables("measure")
        regime = MeasuresRegime(
            id=head.id,
            applies_to=head.applies_to,
            on=self.terms.match(table.table("on"), _FINDINGS),
            clock=self.terms.clock(table.table_or_none("clock")),
            period=self.terms.period_term(table.table_or_none("period")),
            repeat=self._repeat(table.table_or_none("repeat")),
            cap=self._cap(table.table_or_none("cap")),
            when_one_ends_early=self._others(table.table_or_none("when_one_ends_early")),
            measures=tuple(self._measure(measure) for measure in measures),
        )
        refuse_repeated(measures, "code")
        return regime

    def _repeat(self, table: Table | None) -> Repeat | None:
        if table is None:
            return None
        table.choice("while", ("running",), default="running")
        repeat = Repeat(
            mode=table.choice("mode", ("append", "parallel")),
            last_day_counts=table.flag("last_day_counts", default=True),
            counted_from=table.choice(
                "counted_from", ("chain-start", "last-day"), default="chain-start"
            ),
            mark=self.terms.mark(table),
        )
        table.finish()
        return repeat

    def _cap(self, table: Table | None) -> ChainCap | None:
        if table is None:
            return None
        table.choice("of", ("chain",), default="chain")
        cap = ChainCap(
            period=self.terms.period(table),
            then=table.choice("then", ("new-chain", "carry-over")),
            mark=self.terms.mark(table),
        )
        table.finish()
        return cap

    def _others(self, table: Table | None) -> OthersOfChain | None:
        if table is None:
            return None
        others = OthersOfChain(
            others=table.choice("others", ("close-up", "keep-dates")), mark=self.terms.mark(table)
        )
        table.finish()
        return others

    def _measure(self, table: Table) -> Measure:
        measure = Measure(
            code=table.id("code"), text=table.text("text"), mark=self.terms.mark(table)
        )
        table.finish()
        return measure


@dataclass(frozen=True, slots=True)
class _Listing:
    terms: Terms

    def read(self, head: _Head) -> ListingRegime:
        table = head.table
        return ListingRegime(
            id=head.id,
            applies_to=head.applies_to,
            list=ListId(table.id("list")),
            entry=self._entry(table.table_or_none("entry")),
            clock=self.terms.clock(table.table_or_none("clock")),
            period=self.terms.period_term(table.table_or_none("period")),
        )

    def _entry(self, table: Table | None) -> Entry | None:
        if table is None:
            return None
        if not table.has("by"):
            table.refuse("by", "is missing")
        entry = Entry(by=self.terms.event_name(table, "by") or "", mark=self.terms.mark(table))
        table.finish()
        return entry


@dataclass(frozen=True, slots=True)
class _Restoration:
    terms: Terms
    rulebook: RulebookId
    regimes: dict[str, object]

    def read(self, head: _Head) -> RestorationRegime:
        table = head.table
        return RestorationRegime(
            id=head.id,
            applies_to=head.applies_to,
            ends=self._ends(table),
            earliest=self._earliest(table.table_or_none("earliest")),
            decide_within=self._decide_within(table.table_or_none("decide_within")),
            refuse_if=tuple(self._ground(ground) for ground in table.tables("refuse_if")),
        )

    def _ends(self, table: Table) -> tuple[RegimeId, ...]:
        names = table.texts("ends", "regime of this edition")
        known = [name for name, kind in self.regimes.items() if kind != "restoration"]
        for place, name in enumerate(names):
            if name not in known:
                table.refuse(
                    f"ends[{place}]",
                    f"{shown(name)} is no regime of this edition that a restoration can end;"
                    f" known: {', '.join(known) or 'none'}",
                )
        return tuple(RegimeId(f"{self.rulebook}/{name}") for name in names)

    def _earliest(self, table: Table | None) -> Earliest | None:
        if table is None:
            return None
        offset = table.whole("offset_days", 0, _OFFSET_DAYS_MAX) if table.has("offset_days") else 0
        earliest = Earliest(
            period=self.terms.period(table),
            start=table.word("start", DateName),
            offset_days=offset,
            mark=self.terms.mark(table),
        )
        table.finish()
        return earliest

    def _decide_within(self, table: Table | None) -> WorkingDays | None:
        if table is None:
            return None
        term = WorkingDays(
            days=table.whole("working_days", 1, _WORKING_DAYS_MAX),
            start=table.word("start", DateName),
            mark=self.terms.mark(table),
        )
        table.finish()
        return term

    def _ground(self, table: Table) -> RefusalGround:
        given = [kind for kind in RefusalKind if table.has(kind.value)]
        if len(given) != 1:
            known = ", ".join(RefusalKind)
            table.refuse("", f"needs one of {known}; has {', '.join(given) or 'none'}")
        kind = given[0] if given else RefusalKind.FRAUD_IN_APPLICATION
        period = None
        if kind is RefusalKind.PREVIOUS_RESTORATION_WITHIN:
            within = table.table_or_none(kind.value)
            if within is not None:
                period = self.terms.period(within)
                within.finish()
        elif given and not table.flag(kind.value) and table.values[kind.value] is False:
            table.refuse(kind.value, "false is no ground; write true, or leave it out")
        ground = RefusalGround(kind=kind, within=period, mark=self.terms.mark(table))
        table.finish()
        return ground
