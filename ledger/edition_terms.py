"""The small terms that editions are made of: marks, periods, clocks, points, matches."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Final

from .dates import Period
from .events import STORED_NAMES, ConvictedParty, PenaltyKind
from .rulebook import Clock, DateName, Limit, Mark, Match, PeriodTerm, PointsTerm, Source, Validity
from .toml_table import ID_FORM, Table, shown
from .values import EditionId

__all__ = ["ACT_FORM", "COUNTED_EVENTS", "UNSOURCED", "Reading", "Terms"]

ACT_FORM: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
"""The form of an act's id."""
UNSOURCED: Final = frozenset({"memory", "inference", "invented"})
"""Kinds of source on which nothing can be verified."""
COUNTED_EVENTS: Final = (
    "determination-made",
    "penalty-imposed",
    "conviction-recorded",
    "listing-decided",
)
"""The facts that a regime can count, by stored name."""

_LONGEST: Final = {"years": 200, "months": 2_400, "days": 73_000}
_VOCABULARY: Final[Mapping[str, frozenset[str]]] = {
    "kind": frozenset(PenaltyKind),
    "of": frozenset(ConvictedParty),
}
_FIELD_OF: Final = {"kind": "kinds"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the terms of an edition may refer to."""

    edition: EditionId
    sources: Mapping[str, Source]
    acts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Terms:
    """Reads terms within one edition; each method finishes the table that it reads."""

    reading: Reading

    def mark(self, table: Table) -> Mark:
        """The clause, `verified` and sources of a term."""
        clause = table.text_or_none("clause")
        verified = table.flag("verified")
        source = table.texts("source", "key of [source]")
        known = self.reading.sources
        for place, key in enumerate(source):
            if key not in known:
                table.refuse(
                    f"source[{place}]",
                    f"{shown(key)} is not in [source]; known: {', '.join(sorted(known)) or 'none'}",
                )
        kinds = {known[key].kind for key in source if key in known}
        if verified and kinds and kinds <= UNSOURCED:
            table.refuse(
                "verified",
                f"nothing is verified by {', '.join(sorted(kinds))} alone;"
                " name a source that was read, or write false",
            )
        return Mark(clause=clause, verified=verified, source=source)

    def period(self, table: Table) -> Period:
        """Exactly one of years, months, days."""
        given = [unit for unit in _LONGEST if table.has(unit)]
        if len(given) != 1:
            table.refuse("", f"needs one of years, months, days; has {', '.join(given) or 'none'}")
        counts = {unit: table.whole(unit, 1, _LONGEST[unit]) for unit in given}
        unit, count = next(iter(counts.items()), ("days", 1))
        match unit:
            case "years":
                return Period(years=count)
            case "months":
                return Period(months=count)
            case _:
                return Period(days=count)

    def period_term(self, table: Table | None) -> PeriodTerm | None:
        """A duration with its mark."""
        if table is None:
            return None
        term = PeriodTerm(period=self.period(table), mark=self.mark(table))
        table.finish()
        return term

    def clock(self, table: Table | None) -> Clock | None:
        """From which date of the fact a period is counted."""
        if table is None:
            return None
        clock = Clock(start=table.word("start", DateName), mark=self.mark(table))
        table.finish()
        return clock

    def limit(self, table: Table | None) -> Limit | None:
        """A floor or a ceiling."""
        if table is None:
            return None
        limit = Limit(points=table.number("points"), mark=self.mark(table))
        table.finish()
        return limit

    def limits(self, table: Table) -> tuple[Limit | None, Limit | None]:
        """The floor and the ceiling of a node or a score."""
        floor = self.limit(table.table_or_none("floor"))
        ceiling = self.limit(table.table_or_none("ceiling"))
        if floor is not None and ceiling is not None and floor.points > ceiling.points:
            table.refuse(
                "floor.points", f"{floor.points} lies above the ceiling of {ceiling.points}"
            )
        return floor, ceiling

    def points(self, table: Table | None) -> PointsTerm:
        """`is`, or a range `from` … `to` with `given_by`."""
        if table is None:
            return _NO_POINTS
        is_, from_, to = (table.number_or_none(key) for key in ("is", "from", "to"))
        given_by = table.choice("given_by", ("assessment",)) if table.has("given_by") else None
        written = {key for key in ("is", "from", "to", "given_by") if table.has(key)}
        if written not in ({"is"}, {"from", "to", "given_by"}):
            table.refuse("", "needs either `is`, or `from`, `to` and `given_by` together")
        if from_ is not None and to is not None and from_ > to:
            table.refuse("from", f"{from_} lies above `to`, {to}; exchange them")
        term = PointsTerm(is_=is_, from_=from_, to=to, given_by=given_by, mark=self.mark(table))
        table.finish()
        return term

    def validity(self, table: Table | None) -> Validity | None:
        """How long an indicator counts: a period, or the term of the penalty."""
        if table is None:
            return None
        of_penalty_term = table.has("of")
        if of_penalty_term:
            table.choice("of", ("penalty-term",))
        period = None if of_penalty_term else self.period(table)
        if of_penalty_term and any(table.has(unit) for unit in _LONGEST):
            table.refuse("", "needs either `of` or one of years, months, days")
        term = Validity(period=period, of_penalty_term=of_penalty_term, mark=self.mark(table))
        table.finish()
        return term

    def match(self, table: Table | None, events: tuple[str, ...] = COUNTED_EVENTS) -> Match:
        """Which facts a term is about."""
        if table is None:
            return Match(event=())
        event = self._events(table, events)
        match = Match(
            event=event,
            edition=self._words(table, "edition", event),
            act=self._acts(table, event),
            kind=self._words(table, "kind", event),
            role=self._words(table, "role", event),
            of=self._words(table, "of", event),
            list=self._words(table, "list", event),
        )
        table.finish()
        return match

    def event_name(self, table: Table, key: str) -> str | None:
        """The stored name of an event."""
        name = table.text_or_none(key)
        if name is not None and name not in STORED_NAMES:
            table.refuse(key, f"no event has the name {shown(name)}; known: {_EVENTS_SHOWN}")
        return name

    def _events(self, table: Table, events: tuple[str, ...]) -> tuple[str, ...]:
        if not table.has("event"):
            table.refuse("event", f"is missing; write one of {', '.join(events)}")
        names = table.text_or_texts("event", "event")
        for name in names:
            if name not in STORED_NAMES:
                table.refuse(
                    "event", f"no event has the name {shown(name)}; known: {_EVENTS_SHOWN}"
                )
            elif name not in events:
                table.refuse(
                    "event", f"{name} is never counted here; write one of {', '.join(events)}"
                )
        return names

    def _acts(self, table: Table, event: tuple[str, ...]) -> tuple[str, ...]:
        """Acts of this edition; those of other editions are theirs to know."""
        acts = self._words(table, "act", event)
        editions = self._editions(table)
        if self.reading.acts and self.reading.edition in editions:
            for act in acts:
                if act not in self.reading.acts:
                    known = ", ".join(sorted(self.reading.acts))
                    table.refuse("act", f"{shown(act)} is not in [act]; known: {known}")
        return acts

    def _editions(self, table: Table) -> tuple[object, ...]:
        match table.values.get("edition", self.reading.edition):
            case list() as editions:
                return tuple(editions)
            case edition:
                return (edition,)

    def _words(self, table: Table, key: str, event: tuple[str, ...]) -> tuple[str, ...]:
        words = table.text_or_texts(key, key)
        known = _VOCABULARY.get(key)
        form = ACT_FORM if key == "act" else ID_FORM
        for word in words:
            if known is not None and word not in known:
                table.refuse(
                    key, f"{shown(word)} is unknown; write some of {', '.join(sorted(known))}"
                )
            elif not form.fullmatch(word):
                table.refuse(key, f"{shown(word)} does not have the form of its kind")
        if words and not any(_has(name, key) for name in event):
            table.refuse(
                key, f"{' and '.join(event)} has no {key}, so nothing could match; leave it out"
            )
        return words


def _has(stored_name: str, key: str) -> bool:
    """Whether the event carries what a key of `on` asks; an unknown event has its own problem."""
    event = STORED_NAMES.get(stored_name)
    if event is None:
        return True
    return _FIELD_OF.get(key, key) in {known.name for known in fields(event)}


_EVENTS_SHOWN: Final = ", ".join(STORED_NAMES)
_NO_POINTS: Final = PointsTerm(
    is_=Decimal(0),
    from_=None,
    to=None,
    given_by=None,
    mark=Mark(clause=None, verified=False, source=()),
)
