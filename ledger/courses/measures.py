"""Management measures: which run against a subject, from when until when, by which finding.

Every finding that the regime is about starts one period, under the edition in force on the day of
its decision. A finding made while the measures of an earlier one run is *appended*: its period
begins behind theirs, and together they are a chain; or it runs in *parallel*, as the edition says.
A chain lasts at most its cap.

What the law leaves open is a term of the edition, and each side is carried out here:

- whether a finding on the last day still meets running measures (`last_day_counts`);
- whether each period's end is counted from the chain's first day or from the last day before it
  (`counted_from`); behind a period that ended early, or one of another length, it is counted from
  that period's last day;
- what becomes of what exceeds the cap (`then`): with `new-chain` it is cut off, and nothing is left
  of a finding made when the cap was reached; with `carry-over` a finding whose period would exceed
  the cap opens a chain of its own on the day after;
- whether the others of a chain close up behind one that a restoration ended, or keep their dates.

A restoration ends the periods of its findings in the regimes that it names. A finding that was
annulled never had one. A period that is not published is open, and not verified. What was begun
under an edition goes on when the edition ends; but where a later edition has no measures of that
name the course ends on its first day.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from ..dates import DateOutOfRange, Period, add_days, earlier_end, last_day
from ..rulebook import Edition, MeasuresRegime, Repeat, Rulebooks, rulebook_of
from ..values import EditionId, EventId, RegimeId
from .alike import changes
from .facts import NOTHING_KNOWN, Facts, FindingFact
from .interval import Interval, Reason
from .matching import applies_on, clock_day, matches

__all__ = ["MeasuresMemo", "UnderMeasures", "is_concerned", "measures_course"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderMeasures:
    """The codes of the measures that run, the finding that started them, and its edition."""

    finding: EventId
    position: int
    edition: EditionId
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cause:
    """A finding that starts measures, and the edition's terms for it.

    `over_on` is the first day of a later edition without these measures (null: none is there).
    """

    fact: FindingFact
    edition: Edition
    regime: MeasuresRegime
    start: date
    ended_on: date | None
    over_on: date | None

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

    `first` is its first day; ends are counted as so many times the `period` (`count`) behind
    `anchor`. `planned` is its last day by the dates that its findings were given, `running` the
    last day on which anything of it runs, early ends taken in (null: open; the day before the first
    where nothing does). `over_on` is that of its causes. `sure`: every term that led here is
    verified.
    """

    first: date
    anchor: date
    running: date | None
    over_on: date | None
    sure: bool
    period: Period | None = None
    count: int = 0
    planned: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """The days of one finding's measures: first, last (null: open), and how sure they are."""

    first: date
    last: date | None
    sure: bool
    note: str | None = None


def measures_course(
    facts: Facts, regime: RegimeId, rulebooks: Rulebooks, *, memo: "MeasuresMemo | None" = None
) -> tuple[Interval[UnderMeasures], ...]:
    """The periods of measures, one a finding, past and future, by first day and position.

    They may overlap where repeated measures run in parallel. `reasons` are empty unless a period
    has something to say beyond its own terms. `memo` remembers the walk over the findings, for the
    next call about the same subject, regime and rulebooks.
    """
    walked = MeasuresMemo() if memo is None else memo
    walked.follow(facts, regime, rulebooks)
    found = [one.interval for one in walked.steps if one is not None and one.interval is not None]
    return tuple(sorted(found, key=lambda one: (one.from_, one.value.position)))


def is_concerned(facts: Facts, regime: RegimeId, rulebooks: Rulebooks) -> bool:
    """Whether any of these findings starts measures, so that the course is another without it."""
    return any(True for _ in _causes(facts, regime, rulebooks))


@dataclass(frozen=True, slots=True)
class _Step:
    """What the walk made of a cause: its interval, and whether nothing before it had a say."""

    interval: Interval[UnderMeasures] | None
    is_clear: bool


@dataclass(slots=True)
class MeasuresMemo:
    """The walk over the findings of one subject, in the order of their first days.

    It changes no result. When findings have changed only those are walked over anew that could
    meet something of them: from the last one before them at which nothing ran or was to come, to
    the first one behind them of which that is true again.
    """

    facts: Facts = NOTHING_KNOWN
    causes: list[tuple[date, int, _Cause]] = field(default_factory=list)
    steps: list[_Step | None] = field(default_factory=list)

    def follow(self, facts: Facts, regime: RegimeId, rulebooks: Rulebooks) -> None:
        """Walk over the findings of these facts instead of those of the former ones."""
        if facts.profile is not self.facts.profile:
            self.facts = Facts(profile=facts.profile)
            self.causes, self.steps = [], []
        for was, now in changes(self.facts.findings, facts.findings):
            self._drop(_of(was, facts, regime, rulebooks))
            self._take(_of(now, facts, regime, rulebooks))
        self.facts = facts
        self._walk()

    def _drop(self, causes: Iterable[_Cause]) -> None:
        for cause in causes:
            at = bisect_left(self.causes, (cause.start, cause.fact.position))
            del self.causes[at], self.steps[at]
            if at < len(self.steps):
                self.steps[at] = None  # it met another before

    def _take(self, causes: Iterable[_Cause]) -> None:
        for cause in causes:
            at = bisect_left(self.causes, (cause.start, cause.fact.position))
            self.causes.insert(at, (cause.start, cause.fact.position, cause))
            self.steps.insert(at, None)

    def _walk(self) -> None:
        """Make the steps that are missing, and those that they change."""
        missing = self.steps.count(None)
        if not missing:
            return
        at = self.steps.index(None)
        while at > 0 and not ((step := self.steps[at]) is not None and step.is_clear):
            at -= 1
        course = _Course()
        for place in range(at, len(self.causes)):
            cause, known = self.causes[place][2], self.steps[place]
            is_clear = course.is_clear_of(cause)
            if not missing and known is not None and known.is_clear and is_clear:
                return
            missing -= known is None
            span = course.next(cause)
            interval = None if span is None else _interval(cause, span)
            self.steps[place] = _Step(interval, is_clear)


def _of(
    finding: FindingFact | None, facts: Facts, regime: RegimeId, rulebooks: Rulebooks
) -> Iterator[_Cause]:
    if finding is None:
        return iter(())
    return _causes(Facts(profile=facts.profile, findings=(finding,)), regime, rulebooks)


def _causes(facts: Facts, name: RegimeId, rulebooks: Rulebooks) -> Iterator[_Cause]:
    rulebook = rulebook_of(name)
    for fact in facts.findings:
        if not fact.is_standing:
            continue
        edition = rulebooks.on(rulebook, fact.content.decided_on)
        regime = None if edition is None else edition.regime(name)
        if edition is None or not isinstance(regime, MeasuresRegime):
            continue
        if not matches(regime.on, fact.content):
            continue
        start = clock_day(fact.content, regime.clock) or fact.content.effective_on
        if applies_on(regime.applies_to, facts.profile, start):
            ended = fact.ended_in(name)
            yield _Cause(
                fact=fact,
                edition=edition,
                regime=regime,
                start=start,
                ended_on=None if ended is None else ended.on,
                over_on=_over_on(name, edition, rulebooks),
            )


def _over_on(name: RegimeId, edition: Edition, rulebooks: Rulebooks) -> date | None:
    """The first day of the next edition that has no measures of this name."""
    for later in rulebooks.of(edition.rulebook):
        if later.from_ > edition.from_ and not isinstance(later.regime(name), MeasuresRegime):
            return later.from_
    return None


@dataclass(slots=True)
class _Course:
    """The walk over the findings, in the order of their first days.

    `parallel` is the last day of those that run in parallel, as far as they are known to end.
    """

    chain: _Chain | None = field(default=None)
    parallel: date | None = field(default=None)

    def is_clear_of(self, cause: _Cause) -> bool:
        """Whether nothing before the finding has a say in its measures."""
        chain = self.chain
        return (chain is None or (chain.running is not None and chain.running < cause.start)) and (
            self.parallel is None or self.parallel < cause.start
        )

    def next(self, cause: _Cause) -> _Span | None:
        """The days of the next finding's measures; None for no day."""
        term = cause.regime.period
        if term is None or term.period.working_days is not None:
            note = "period not published" if term is None else "working days are not counted: open"
            return _Span(first=cause.start, last=None, sure=False, note=note)
        repeat = cause.regime.repeat
        if repeat is None or repeat.mode == "parallel":
            return self._beside(cause, term.period, repeat)
        chain, sure = self.chain, repeat.mark.verified
        if chain is None or not _meets(chain, cause, repeat):
            # A term on the last day is asked of a finding on that day alone.
            is_on_last = chain is not None and chain.running == cause.start
            self.chain = _begun(cause)
            return _appended(self.chain, cause, term.period, sure=sure or not is_on_last)
        cap = cause.regime.cap
        if cap is not None and cap.then == "carry-over" and _exceeds(chain, cause, term.period):
            self.chain = _begun(cause, behind=chain, sure=chain.sure and cap.mark.verified)
            return _appended(self.chain, cause, term.period, sure=sure)
        return _appended(chain, cause, term.period, sure=sure)

    def _beside(self, cause: _Cause, period: Period, repeat: Repeat | None) -> _Span | None:
        """The days of a finding whose measures run beside those of others."""
        is_repeated = self.parallel is not None and cause.start <= self.parallel
        sure = not is_repeated or (repeat is not None and repeat.mark.verified)
        alone = _begun(cause)
        span = _appended(alone, cause, period, sure=sure)
        if alone.running is not None:
            self.parallel = max(alone.running, self.parallel or alone.running)
        return span


def _begun(cause: _Cause, *, behind: _Chain | None = None, sure: bool = True) -> _Chain:
    """A chain that the finding opens: on its own day, or on the day after another chain."""
    first = cause.start if behind is None else _day_after(behind.planned)
    before = add_days(first, -1)
    return _Chain(first=first, anchor=first, running=before, over_on=cause.over_on, sure=sure)


def _meets(chain: _Chain, cause: _Cause, repeat: Repeat) -> bool:
    """Whether the finding was made while something of the chain ran or was to come."""
    if chain.over_on is not None and cause.start >= chain.over_on:
        return False
    if chain.running is None:
        return True
    return cause.start < chain.running or (repeat.last_day_counts and cause.start == chain.running)


def _exceeds(chain: _Chain, cause: _Cause, period: Period) -> bool:
    """Whether the finding's period, appended to the chain, would exceed the cap."""
    capped = _capped(chain, cause)
    anchor, count = _counted(chain, cause, period)
    last = _last_of(anchor, period, count)
    return capped is not None and (last is None or last > capped)


def _capped(chain: _Chain, cause: _Cause) -> date | None:
    """The last day that the chain may have; null where it has no cap."""
    cap = cause.regime.cap
    return None if cap is None else _last_of(chain.first, cap.period, 1)


def _counted(chain: _Chain, cause: _Cause, period: Period) -> tuple[date, int]:
    """From which day the end of the next period is counted, and as how many of it."""
    if chain.planned is None:
        return chain.anchor, 1
    repeat = cause.regime.repeat
    is_on = repeat is not None and repeat.counted_from == "chain-start"
    return (
        (chain.anchor, chain.count + 1) if is_on and chain.period == period else (chain.planned, 1)
    )


def _last_of(start: date, period: Period, count: int) -> date | None:
    """The last day of so many periods; null where the calendar has no day behind it."""
    try:
        last = last_day(start, _times(period, count))
        add_days(last, 1)
    except DateOutOfRange:
        return None
    return last


def _appended(chain: _Chain, cause: _Cause, period: Period, *, sure: bool) -> _Span | None:
    """The days of the finding's measures behind the chain, which grows by them; None for no day."""
    regime = cause.regime
    first = chain.first if chain.planned is None else _day_after(chain.planned)
    chain.sure = chain.sure and sure and cause.is_sure_of_start
    chain.sure = chain.sure and regime.period is not None and regime.period.mark.verified
    anchor, count = _counted(chain, cause, period)
    last, capped = _last_of(anchor, period, count), _capped(chain, cause)
    note = None
    if capped is not None and (last is None or last > capped):
        chain.sure = chain.sure and regime.cap is not None and regime.cap.mark.verified
        last, note = capped, "cut at the cap of the chain"
    if last is None:
        chain.running = None
        return _Span(first=first, last=None, sure=False, note="it lasts beyond the year 9999")
    if last < first:
        return None
    chain.anchor, chain.period, chain.count, chain.planned = anchor, period, count, last
    ends = last if cause.ended_on is None else min(last, add_days(cause.ended_on, -1))
    span = None
    if ends >= first:
        chain.running = None if chain.running is None else max(chain.running, ends)
        span = _Span(first=first, last=ends, sure=chain.sure, note=note)
    if ends < last:
        _end_early(chain, cause, ends, first)
    return span


def _end_early(chain: _Chain, cause: _Cause, ends: date, first: date) -> None:
    """Let those behind close up, or keep their dates, as the edition says."""
    others = cause.regime.when_one_ends_early
    chain.sure = chain.sure and others is not None and others.mark.verified
    if others is not None and others.others == "close-up":
        chain.planned = max(ends, add_days(first, -1))
        chain.period = None


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
    until = cause.ended_on if span.last is None else _day_after(span.last)
    until = earlier_end(until, cause.over_on)
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
