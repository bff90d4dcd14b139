"""Management measures: which run against a subject, from when until when, by which finding.

Every finding that the regime is about starts one period, under the edition in force on the day of
its decision. A finding made while the measures of an earlier one run is *appended*: its period
begins behind theirs, and together they are a chain; or it runs in *parallel*, as the edition says.
A chain lasts at most its cap.

What the law leaves open is a term of the edition, and each side is carried out here:

- whether a finding on the last day still meets running measures (`last_day_counts`);
- whether each period's end is counted from the chain's first day or from the last day before it
  (`counted_from`); behind a period that ended early it is counted from that period's last day;
- what becomes of what exceeds the cap (`then`): with `new-chain` it is cut off, and nothing is left
  of a finding made when the cap was reached; with `carry-over` a finding whose period would exceed
  the cap opens a chain of its own on the day after;
- whether the others of a chain close up behind one that a restoration ended, or keep their dates.

A restoration ends the periods of its findings in the regimes that it names. A finding that was
annulled never had one. A period that is not published is open, and not verified.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from ..dates import DateOutOfRange, Period, add_days, last_day
from ..rulebook import ChainCap, Edition, MeasuresRegime, Rulebooks, rulebook_of
from ..values import EditionId, EventId, RegimeId
from .facts import Facts, FindingFact
from .interval import Interval, Reason
from .matching import applies_on, clock_day, matches

__all__ = ["UnderMeasures", "is_concerned", "measures_course"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderMeasures:
    """The codes of the measures that run, the finding that started them, and its edition."""

    finding: EventId
    position: int
    edition: EditionId
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cause:
    """A finding that starts measures, and the edition's terms for it."""

    fact: FindingFact
    edition: Edition
    regime: MeasuresRegime
    start: date
    ended_on: date | None

    @property
    def is_sure_of_start(self) -> bool:
        clock = self.regime.clock
        return (
            clock is not None
            and clock.mark.verified
            and clock_day(self.fact.content, clock) is not None
        )


@dataclass(slots=True)
class _Chain:
    """Periods that follow one another.

    `first` is its first day; ends are counted as so many periods (`count`) behind `anchor`.
    `planned` is its last day by the dates that its findings were given, `running` the last day on
    which anything of it runs, early ends taken in (null: open). `sure`: every term that led here is
    verified.
    """

    first: date
    anchor: date
    count: int = 0
    planned: date | None = None
    running: date | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """The days of one finding's measures: first, last (null: open), and how sure they are."""

    first: date
    last: date | None
    sure: bool
    note: str | None = None


def measures_course(
    facts: Facts, regime: RegimeId, rulebooks: Rulebooks
) -> tuple[Interval[UnderMeasures], ...]:
    """The periods of measures, one a finding, past and future, by first day and position.

    They may overlap where repeated measures run in parallel. `reasons` are empty unless a period
    has something to say beyond its own terms.
    """
    causes = sorted(
        _causes(facts, regime, rulebooks), key=lambda cause: (cause.start, cause.fact.position)
    )
    found = [
        interval for cause, span in _Course().spans(causes) if (interval := _interval(cause, span))
    ]
    return tuple(sorted(found, key=lambda one: (one.from_, one.value.position)))


def is_concerned(facts: Facts, regime: RegimeId, rulebooks: Rulebooks) -> bool:
    """Whether any of these findings starts measures, so that the course is another without it."""
    return any(True for _ in _causes(facts, regime, rulebooks))


def _causes(facts: Facts, name: RegimeId, rulebooks: Rulebooks) -> Iterator[_Cause]:
    for fact in facts.findings:
        if not fact.is_standing:
            continue
        edition = rulebooks.on(rulebook_of(name), fact.content.decided_on)
        regime = None if edition is None else edition.regime(name)
        if edition is None or not isinstance(regime, MeasuresRegime):
            continue
        start = clock_day(fact.content, regime.clock) or fact.content.effective_on
        if matches(regime.on, fact.content) and applies_on(regime.applies_to, facts.profile, start):
            ended = fact.ended_in(name)
            yield _Cause(
                fact=fact,
                edition=edition,
                regime=regime,
                start=start,
                ended_on=None if ended is None else ended.on,
            )


@dataclass(slots=True)
class _Course:
    """The walk over the findings, in the order of their first days."""

    chain: _Chain | None = field(default=None)

    def spans(self, causes: list[_Cause]) -> Iterator[tuple[_Cause, _Span]]:
        for cause in causes:
            span = self._next(cause)
            if span is not None:
                yield cause, span

    def _next(self, cause: _Cause) -> _Span | None:
        repeat, term = cause.regime.repeat, cause.regime.period
        if term is None or term.period.working_days is not None:
            note = "period not published" if term is None else "working days are not counted: open"
            return _Span(first=cause.start, last=None, sure=False, note=note)
        if repeat is None or repeat.mode == "parallel":
            alone = _Chain(first=cause.start, anchor=cause.start)
            sure = repeat is not None and repeat.mark.verified
            return _appended(alone, cause, term.period, sure=sure)
        chain = self.chain
        if chain is None or not _meets(chain, cause):
            self.chain = _Chain(first=cause.start, anchor=cause.start)
            return _appended(self.chain, cause, term.period, sure=True)
        cap = cause.regime.cap
        if cap is not None and cap.then == "carry-over" and _exceeds(chain, cap, cause):
            chain.sure = chain.sure and cap.mark.verified
            behind = _day_after(chain.planned)
            self.chain = _Chain(first=behind, anchor=behind, sure=chain.sure)
            return _appended(self.chain, cause, term.period, sure=repeat.mark.verified)
        return _appended(chain, cause, term.period, sure=repeat.mark.verified)


def _meets(chain: _Chain, cause: _Cause) -> bool:
    """Whether the finding was made while something of the chain ran or was to come."""
    repeat = cause.regime.repeat
    if chain.running is None or repeat is None:
        return True
    if repeat.last_day_counts:
        return cause.start <= chain.running
    return cause.start < chain.running


def _exceeds(chain: _Chain, cap: ChainCap, cause: _Cause) -> bool:
    period = cause.regime.period
    if period is None or chain.planned is None:
        return False
    ends = last_day(chain.anchor, _times(period.period, chain.count + 1))
    return ends > last_day(chain.first, cap.period)


def _appended(chain: _Chain, cause: _Cause, period: Period, *, sure: bool) -> _Span | None:
    """The days of the finding's measures behind the chain, which grows by them; None for no day."""
    regime = cause.regime
    begins = max(chain.first, cause.start)
    first = begins if chain.planned is None else _day_after(chain.planned)
    repeat = regime.repeat
    if repeat is not None and repeat.counted_from == "last-day" and chain.planned is not None:
        chain.anchor, chain.count = chain.planned, 0
    chain.sure = chain.sure and sure and cause.is_sure_of_start
    chain.sure = chain.sure and regime.period is not None and regime.period.mark.verified
    try:
        last = last_day(chain.anchor, _times(period, chain.count + 1))
        capped = None if regime.cap is None else last_day(chain.first, regime.cap.period)
        add_days(last, 1)
    except DateOutOfRange:
        chain.running = None
        return _Span(first=first, last=None, sure=False, note="it lasts beyond the year 9999")
    note = None
    if regime.cap is not None and capped is not None and last > capped:
        chain.sure = chain.sure and regime.cap.mark.verified
        last, note = capped, "cut at the cap of the chain"
    if last < first:
        return None
    chain.count += 1
    chain.planned = last
    ends = _last_by(cause, last)
    if ends < last:
        _end_early(chain, cause, ends, first)
    chain.running = ends if chain.running is None else max(chain.running, ends)
    return None if ends < first else _Span(first=first, last=ends, sure=chain.sure, note=note)


def _end_early(chain: _Chain, cause: _Cause, ends: date, first: date) -> None:
    """Let those behind close up, or keep their dates, as the edition says."""
    others = cause.regime.when_one_ends_early
    chain.sure = chain.sure and others is not None and others.mark.verified
    if others is not None and others.others == "close-up":
        chain.planned = max(ends, add_days(first, -1))
        chain.anchor, chain.count = chain.planned, 0


def _last_by(cause: _Cause, last: date) -> date:
    """The last day of the period, or the one before a restoration that came first."""
    if cause.ended_on is None:
        return last
    return min(last, add_days(cause.ended_on, -1))


def _times(period: Period, count: int) -> Period:
    """So many of a period, as one."""
    if period.years is not None:
        return Period(years=period.years * count)
    if period.months is not None:
        return Period(months=period.months * count)
    return Period(days=(period.days or 1) * count)


def _day_after(day: date | None) -> date:
    assert day is not None, "a chain that has begun has a last day"
    return add_days(day, 1)


def _interval(cause: _Cause, span: _Span) -> Interval[UnderMeasures] | None:
    until = None if span.last is None else _day_after(span.last)
    if span.last is None:
        until = cause.ended_on
        if until is not None and until <= span.first:
            return None
    value = UnderMeasures(
        finding=cause.fact.event,
        position=cause.fact.position,
        edition=cause.edition.id,
        measures=tuple(measure.code for measure in cause.regime.measures),
    )
    return Interval(
        from_=span.first,
        until=until,
        value=value,
        reasons=() if span.note is None else (_reason(cause, span, until),),
        verified=span.sure,
    )


def _reason(cause: _Cause, span: _Span, until: date | None) -> Reason:
    period = cause.regime.period
    return Reason(
        event=cause.fact.event,
        position=cause.fact.position,
        indicator=None,
        clause=None if period is None else period.mark.clause,
        points=None,
        from_=span.first,
        until=until,
        verified=span.sure,
        note=span.note,
    )
