"""Short ways to write measures regimes, and findings that they are about."""

from datetime import date, timedelta
from itertools import pairwise

from ledger.courses.facts import Facts, FindingFact
from ledger.courses.measures import measures_course
from ledger.dates import Period
from ledger.rulebook import (
    ChainCap,
    Clock,
    Mark,
    Match,
    MeasuresRegime,
    OthersOfChain,
    PeriodTerm,
    Repeat,
    Rulebooks,
)
from tests.ledger.courses.scoring_build import (
    REGIME,
    SURE,
    clause,
    clock,
    determination,
    edition,
    found,
    restored,
)

DAY = timedelta(days=1)
Said = tuple[int, date, date | None]
"""The position of a finding, and the first and last day of its measures."""


def repeat(
    mode: str = "append",
    *,
    last_day_counts: bool = True,
    counted_from: str = "chain-start",
    mark: Mark = SURE,
) -> Repeat:
    return Repeat(mode=mode, last_day_counts=last_day_counts, counted_from=counted_from, mark=mark)


def chain_cap(period: Period, then: str = "new-chain", mark: Mark = SURE) -> ChainCap:
    return ChainCap(period=period, then=then, mark=mark)


def others(what: str, mark: Mark = SURE) -> OthersOfChain:
    return OthersOfChain(others=what, mark=mark)


def regime(
    period: Period | None,
    repeated: Repeat | None = None,
    cap: ChainCap | None = None,
    early: OthersOfChain | None = None,
    *,
    start: Clock | None = None,
    applies_to: tuple[str, ...] = (),
    mark: Mark | None = None,
) -> MeasuresRegime:
    return MeasuresRegime(
        id=REGIME,
        applies_to=applies_to,
        on=Match(event=("determination-made",)),
        clock=start or clock("decided_on"),
        period=None if period is None else PeriodTerm(period=period, mark=mark or clause("10")),
        repeat=repeated,
        cap=cap,
        when_one_ends_early=early,
        measures=(),
    )


def ruled(one: MeasuresRegime) -> Rulebooks:
    return Rulebooks((edition(one),))


def made(position: int, on: date, ended: date | None = None) -> FindingFact:
    return found(
        determination("A", on),
        position,
        ended=() if ended is None else (restored(ended, position=90 + position),),
    )


def told(facts: Facts, rulebooks: Rulebooks) -> list[Said]:
    """The measures of each finding, of which the order and the days are checked."""
    course = measures_course(facts, REGIME, rulebooks)
    for before, after in pairwise(course):
        assert (before.from_, before.value.position) < (after.from_, after.value.position)
    assert all(one.until is None or one.from_ < one.until for one in course)
    return [
        (one.value.position, one.from_, None if one.until is None else one.until - DAY)
        for one in course
    ]
