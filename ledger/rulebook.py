"""Rulebooks as data: an edition, its regimes and terms, and which edition applies on a day.

A *rulebook* is a body of rules that lives through its *editions*, dated texts that are immutable
once published. A *regime* is what an edition makes of the facts; it is named `rulebook/regime` and
keeps that name over all editions. Every *term* carries its clause, whether it was verified, and its
sources. A term that is null was not published: that is an answer, never a default. `edition.py`
reads an edition from its TOML.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from .dates import Period
from .values import ActId, Digest, EditionId, IndicatorId, ListId, RegimeId, RulebookId

__all__ = [
    "Act",
    "Band",
    "Base",
    "Cap",
    "ChainCap",
    "Clock",
    "CountsFacts",
    "DateName",
    "Earliest",
    "Edition",
    "Entry",
    "Indicator",
    "Limit",
    "ListingRegime",
    "Mark",
    "Match",
    "Measure",
    "MeasuresRegime",
    "Node",
    "OthersOfChain",
    "PeriodTerm",
    "PointsTerm",
    "RefusalGround",
    "RefusalKind",
    "Regime",
    "Repeat",
    "RestorationRegime",
    "Rulebooks",
    "ScoringRegime",
    "Source",
    "Status",
    "Validity",
    "Weight",
    "WorkingDays",
    "rulebook_of",
]


class Status(StrEnum):
    """How far an edition may be trusted as a whole.

    Only `official` is shown without the word unverified.
    """

    OFFICIAL = "official"
    UNCHECKED = "unchecked"
    DRAFT = "draft"
    DEMO = "demo"


class DateName(StrEnum):
    """The named dates of an event from which a clock may start."""

    ACTED_ON = "acted_on"
    DECIDED_ON = "decided_on"
    EFFECTIVE_ON = "effective_on"
    REQUESTED_ON = "requested_on"
    ACCEPTED_ON = "accepted_on"
    PUBLISHED_ON = "published_on"
    SERVED_ON = "served_on"
    TERM_ENDS_ON = "term_ends_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a term comes from.

    Its clause, whether it was verified, the keys of its sources in the edition.
    """

    clause: str | None
    verified: bool
    source: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place where the text of an edition was read."""

    kind: str
    title: str | None
    read_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which facts a term is about: every key that is not empty must match, each value means any of.

    `event` holds stored names of events; `edition` the edition of a determination; `act`, `kind`
    (of a penalty), `role` (in which the subject acted), `of` (who was convicted), `list`.
    """

    event: tuple[str, ...]
    edition: tuple[str, ...] = ()
    act: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    role: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    list: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An act that a determination under this edition may find.

    `rests_on` is the stored name of the event it needs.
    """

    id: ActId
    waiver: str | None
    rests_on: str | None
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The points from which a score starts."""

    points: Decimal
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A floor or ceiling in points."""

    points: Decimal
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """By what a node's clipped sum is multiplied, from 0 to 1."""

    factor: Decimal
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A grade and the scores that it takes.

    From (≥) or above (>) a number; the last band takes the rest.
    """

    grade: str
    from_: Decimal | None
    above: Decimal | None
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsTerm:
    """What an indicator gives.

    `is_`, or a range `from_` … `to` within which an assessment on the finding decides.
    """

    is_: Decimal | None
    from_: Decimal | None
    to: Decimal | None
    given_by: str | None
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """From which date of the fact a period is counted."""

    start: DateName
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodTerm:
    """A duration."""

    period: Period
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """How long an indicator counts.

    A period from its clock, or the term of the penalty itself (`term_ends_on`).
    """

    period: Period | None
    of_penalty_term: bool
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """A leaf of the tree: which facts count, for how many points, from when and how long.

    Without `clock` it counts from the fact's `effective_on`. Without `lasts` its validity was not
    published: it counts until the finding is ended by an event.
    """

    id: IndicatorId
    title: str | None
    on: Match
    points: PointsTerm
    clock: Clock | None
    lasts: Validity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A branch of the indicator tree.

    The sum of its children, clipped to its limits, times its weight.
    """

    id: IndicatorId
    title: str | None
    weight: Weight | None
    floor: Limit | None
    ceiling: Limit | None
    nodes: tuple["Node", ...]
    indicators: tuple[Indicator, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """While the subject is on `list` the score is at most `points`."""

    list: ListId
    points: Decimal
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringRegime:
    """Points per indicator in a tree, a score, a grade.

    `applies_to` names kinds or roles; empty means all.
    """

    id: RegimeId
    applies_to: tuple[str, ...]
    base: Base
    bands: tuple[Band, ...]
    nodes: tuple[Node, ...]
    indicators: tuple[Indicator, ...]
    floor: Limit | None
    ceiling: Limit | None
    caps: tuple[Cap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """What a finding made while measures run does.

    `append` its period behind them, or run it in `parallel`.

    `last_day_counts`: a finding on the last day of the running measures is still made while they
    run. `counted_from`: each period's end is counted from the `chain-start` (first day plus n
    periods) or from the `last-day` of the one before.
    """

    mode: str
    last_day_counts: bool
    counted_from: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainCap:
    """How long a chain of appended periods may last, and what becomes of what exceeds it.

    `then`: `new-chain` — what exceeds the cap adds nothing, a finding after the chain's end opens a
    new one; `carry-over` — the finding that exceeds the cap opens a new chain on the day after the
    capped one.
    """

    period: Period
    then: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class OthersOfChain:
    """When one of a chain ends early the others `close-up` behind it, or `keep-dates`."""

    others: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One management measure."""

    code: str
    text: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuresRegime:
    """Management measures and their period."""

    id: RegimeId
    applies_to: tuple[str, ...]
    on: Match
    clock: Clock | None
    period: PeriodTerm | None
    repeat: Repeat | None
    cap: ChainCap | None
    when_one_ends_early: OthersOfChain | None
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """By which event a subject comes on the list."""

    by: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingRegime:
    """A list: entry by decision, exit by time, early, or by annulment."""

    id: RegimeId
    applies_to: tuple[str, ...]
    list: ListId
    entry: Entry | None
    clock: Clock | None
    period: PeriodTerm | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earliest:
    """The first day on which a restoration may be asked.

    The period's last day plus `offset_days`.
    """

    period: Period
    start: DateName
    offset_days: int
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingDays:
    """A term of working days from a named date; the start day does not count."""

    days: int
    start: DateName
    mark: Mark


class RefusalKind(StrEnum):
    """Why a restoration is refused."""

    PREVIOUS_RESTORATION_WITHIN = "previous_restoration_within"
    FRAUD_IN_APPLICATION = "fraud_in_application"
    NEW_DETERMINATION_SINCE_REQUEST = "new_determination_since_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalGround:
    """One ground of refusal; `within` is the period of `previous_restoration_within`."""

    kind: RefusalKind
    within: Period | None
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorationRegime:
    """When a restoration may be asked, how soon it is decided, when refused; what it ends."""

    id: RegimeId
    applies_to: tuple[str, ...]
    ends: tuple[RegimeId, ...]
    earliest: Earliest | None
    decide_within: WorkingDays | None
    refuse_if: tuple[RefusalGround, ...]


Regime = ScoringRegime | MeasuresRegime | ListingRegime | RestorationRegime


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsFacts:
    """Which facts decided before the edition's first day it counts.

    `none`, `running-at-start` or `all`.
    """

    from_before: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One dated text of a rulebook, in force from `from_` on, before `until` (null: open)."""

    id: EditionId
    rulebook: RulebookId
    title: str
    number: str | None
    status: Status
    from_: date
    until: date | None
    in_force: Mark
    succeeds: EditionId | None
    counts_facts: CountsFacts | None
    acts: tuple[Act, ...]
    regimes: tuple[Regime, ...]
    sources: tuple[tuple[str, Source], ...]
    digest: Digest

    def act(self, act: str) -> Act | None:
        """The act of this name, if a determination under this edition may find it."""
        return next((known for known in self.acts if known.id == act), None)

    def regime(self, regime: str) -> Regime | None:
        """The regime of this full name (`rulebook/regime`), if the edition has it."""
        for known in self.regimes:
            if known.id == regime:
                return known
        return None


@dataclass(frozen=True, slots=True)
class Rulebooks:
    """All editions that have been published, in the order of their first days."""

    editions: tuple[Edition, ...] = ()
    _by_rulebook: dict[str, tuple[Edition, ...]] = field(init=False, repr=False, compare=False)
    _by_id: dict[str, Edition] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Order the editions and index them."""
        ordered = tuple(sorted(self.editions, key=lambda edition: (edition.from_, edition.id)))
        by_rulebook: dict[str, tuple[Edition, ...]] = {}
        for edition in ordered:
            by_rulebook[edition.rulebook] = (*by_rulebook.get(edition.rulebook, ()), edition)
        object.__setattr__(self, "editions", ordered)
        object.__setattr__(self, "_by_rulebook", by_rulebook)
        object.__setattr__(self, "_by_id", {edition.id: edition for edition in ordered})

    def with_edition(self, edition: Edition) -> "Rulebooks":
        """These rulebooks and one edition more."""
        return Rulebooks((*self.editions, edition))

    def edition(self, edition: str) -> Edition | None:
        """The edition of this id."""
        return self._by_id.get(edition)

    def of(self, rulebook: str) -> tuple[Edition, ...]:
        """All editions of a rulebook, first day first; empty if there is none."""
        return self._by_rulebook.get(rulebook, ())

    def on(self, rulebook: str, day: date) -> Edition | None:
        """The edition of the rulebook in force on this day.

        The latest that has begun and not ended.
        """
        for edition in reversed(self.of(rulebook)):
            if edition.from_ <= day:
                return edition if edition.until is None or day < edition.until else None
        return None

    def spans(self, rulebook: str) -> Iterator[tuple[Edition, date, date | None]]:
        """Each edition with the days on which it is in force.

        Half open, in order; a successor ends its predecessor.
        """
        editions = self.of(rulebook)
        for here, after in zip(editions, (*editions[1:], None), strict=False):  # () stays ()
            ends = [day for day in (here.until, after.from_ if after else None) if day is not None]
            yield here, here.from_, min(ends, default=None)

    def regime_ids(self, kind: type[Regime] | None = None) -> tuple[RegimeId, ...]:
        """The names of all regimes of any edition (of one kind), in alphabetical order."""
        return tuple(
            sorted(
                {
                    regime.id
                    for edition in self.editions
                    for regime in edition.regimes
                    if kind is None or isinstance(regime, kind)
                }
            )
        )

    def editions_with(self, regime: str) -> Iterable[tuple[Edition, Regime]]:
        """Each edition that has the regime, with the regime as it stands there, first day first."""
        for edition in self.of(rulebook_of(regime)):
            found = edition.regime(regime)
            if found is not None:
                yield edition, found


def rulebook_of(regime: str) -> RulebookId:
    """The rulebook in a regime's name: `demo/enterprise/score` -> `demo/enterprise`."""
    return RulebookId(regime.rpartition("/")[0])
