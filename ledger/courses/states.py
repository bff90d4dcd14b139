"""The course of a regime without score, as one word a day: held against the subject, or why not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from ..dates import later_end
from ..rulebook import ListingRegime, MeasuresRegime, Rulebooks, rulebook_of
from ..values import EditionId, RegimeId
from .facts import Facts
from .grading import is_trusted
from .interval import Interval, Reason, holding_on
from .listing import Listed
from .matching import applies_on
from .measures import UnderMeasures
from .scoring import GradeState
from .tiles import merged

__all__ = ["CLEAR", "Held", "State", "state_tiles"]

CLEAR: Final = "clear"

Held = Interval[UnderMeasures] | Interval[Listed]
"""An interval of a course that holds something against the subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What holds, under which edition: of joint intervals the last one's."""

    state: str
    edition: EditionId | None


def state_tiles(
    facts: Facts, regime: RegimeId, rulebooks: Rulebooks, held: tuple[Held, ...], *, state: str
) -> tuple[Interval[State], ...]:
    """The days from the first edition's first day on, without gap or end, by what holds.

    Intervals of `held` that overlap, or follow one another without a gap, are one tile of `state`
    with all their reasons; on the other days the state is `clear`, `no-edition` or
    `does-not-apply`.
    """
    joint = tuple(_joint(held, regime, rulebooks, state))
    days = {day for tile in joint for day in (tile.from_, tile.until)}
    for _, from_, until in rulebooks.spans(rulebook_of(regime)):
        days |= {from_, until}
    first = min(day for day in days if day is not None)
    if facts.profile is not None:
        days |= {day for role in facts.profile.roles for day in (role.from_, role.until)}
    ordered = sorted(day for day in days if day is not None and day >= first)
    tiles: list[Interval[State]] = []
    for day, until in zip(ordered, (*ordered[1:], None), strict=True):
        over = holding_on(joint, day)
        if over is None:
            tiles.append(_without(facts, regime, rulebooks, (day, until)))
        elif over.from_ == day:
            tiles.append(over)
    return merged(tiles)


def _without(
    facts: Facts, regime: RegimeId, rulebooks: Rulebooks, days: tuple[date, date | None]
) -> Interval[State]:
    """Days on which nothing is held against the subject, and why not."""
    from_, until = days
    edition = rulebooks.on(rulebook_of(regime), from_)
    found = edition.regime(regime) if edition is not None else None
    if edition is None or found is None:
        value, verified = State(state=GradeState.NO_EDITION.value, edition=None), False
    else:
        applies = applies_on(found.applies_to, facts.profile, from_)
        named = CLEAR if applies else GradeState.DOES_NOT_APPLY.value
        value, verified = State(state=named, edition=edition.id), is_trusted(edition)
    return Interval(from_=from_, until=until, value=value, reasons=(), verified=verified)


def _joint(
    held: tuple[Held, ...], regime: RegimeId, rulebooks: Rulebooks, state: str
) -> Iterator[Interval[State]]:
    together: list[Held] = []
    end: date | None = None
    for interval in sorted(held, key=lambda one: one.from_):
        if together and end is not None and interval.from_ > end:
            yield _as_one(together, end, regime, rulebooks, state)
            together = []
        end = later_end(end, interval.until) if together else interval.until
        together.append(interval)
    if together:
        yield _as_one(together, end, regime, rulebooks, state)


def _as_one(
    together: list[Held], end: date | None, regime: RegimeId, rulebooks: Rulebooks, state: str
) -> Interval[State]:
    return Interval(
        from_=together[0].from_,
        until=end,
        value=State(state=state, edition=together[-1].value.edition),
        reasons=tuple(line for one in together for line in _lines(one, regime, rulebooks)),
        verified=all(_is_sure(one, rulebooks) for one in together),
    )


def _is_sure(interval: Held, rulebooks: Rulebooks) -> bool:
    named = interval.value.edition
    edition = rulebooks.edition(named) if named is not None else None
    return interval.verified and edition is not None and is_trusted(edition)


def _lines(interval: Held, regime: RegimeId, rulebooks: Rulebooks) -> tuple[Reason, ...]:
    """The interval's own reasons; without any, one that names the fact and the period's clause."""
    if interval.reasons:
        return interval.reasons
    value = interval.value
    edition = rulebooks.edition(value.edition) if value.edition is not None else None
    found = edition.regime(regime) if edition is not None else None
    period = found.period if isinstance(found, MeasuresRegime | ListingRegime) else None
    line = Reason(
        event=value.finding if isinstance(value, UnderMeasures) else value.listing,
        position=value.position,
        indicator=None,
        clause=period.mark.clause if period is not None else None,
        points=None,
        from_=interval.from_,
        until=interval.until,
        verified=interval.verified,
    )
    return (line,)
