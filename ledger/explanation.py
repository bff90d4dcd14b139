"""What holds for a subject in a regime on a day, why, until when, what comes next, what may end it.

`explain` answers for every kind of regime:

- scoring: `state` is `graded` with grade and score; the points of the reasons add up to the score;
- measures: `under-measures`, from the first to the last day of measures that follow one another
  without a gap, with a reason for each finding in them, else `clear`;
- listing: `listed`, from entry to exit, else `clear`;
- restoration: such a regime holds nothing against anyone, so that its state is `clear`; what may be
  asked under it stands in `restorations`.

In each of them `no-edition` says that no edition in force has the regime, and `does-not-apply` that
the subject has none of its kinds and roles. Measures and listings that were begun go on all the
same: they are their own edition's, until a later edition has no regime of that name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, assert_never

from .courses.facts import Facts
from .courses.interval import Interval, Reason, holding_on
from .courses.listing import listing_course
from .courses.measures import measures_course
from .courses.restoration import RestorationAnswer, restorations_of
from .courses.scoring import Graded, GradeState, scoring_reasons, scoring_tiles
from .courses.states import CLEAR, Held, State, state_tiles
from .dates import add_days
from .rulebook import (
    ListingRegime,
    MeasuresRegime,
    Regime,
    RestorationRegime,
    Rulebooks,
    ScoringRegime,
    rulebook_of,
)
from .values import EditionId, EventId, RegimeId

__all__ = ["Explanation", "Next", "UnknownRegime", "explain"]

UNDER_MEASURES: Final = "under-measures"
LISTED: Final = "listed"


class UnknownRegime(ValueError):
    """No published edition has the regime; `known` are those that are there."""

    def __init__(self, regime: str, known: tuple[RegimeId, ...]) -> None:
        self.regime = regime
        self.known = known
        super().__init__(
            f"no published edition has the regime {regime!r};"
            f" ask one of: {', '.join(known) or 'none is published'}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What holds from the day `from_` on, when what holds now has ended, and why.

    `events` are the facts that bring the change, `clause` the first clause that it rests on.
    """

    from_: date
    grade: str | None
    score: Decimal | None
    state: str
    because: str
    clause: str | None = None
    events: tuple[EventId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What holds on the day `as_of`.

    `from_` is the first day of what holds (null: it held before the first edition), `until` the
    first day on which it no longer does (null: open). `verified` is false if an unverified or
    missing term touched the answer, `complete` false if an assessment is missing.
    """

    regime: RegimeId
    edition: EditionId | None
    as_of: date
    grade: str | None
    score: Decimal | None
    state: str
    from_: date | None
    until: date | None
    verified: bool
    complete: bool
    reasons: tuple[Reason, ...]
    next: Next | None
    restorations: tuple[RestorationAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cause:
    """One line of what brings a change."""

    text: str
    clause: str | None
    event: EventId | None


def explain(facts: Facts, regime: RegimeId, rulebooks: Rulebooks, as_of: date) -> Explanation:
    """What holds for the subject in the regime on the day, a past or a future one, and why.

    Raises:
        UnknownRegime: no published edition has the regime.
    """
    match _as_it_stands(regime, rulebooks, as_of):
        case None:
            raise UnknownRegime(regime, rulebooks.regime_ids())
        case ScoringRegime():
            return _score_explained(facts, regime, rulebooks, as_of)
        case MeasuresRegime():
            held: tuple[Held, ...] = measures_course(facts, regime, rulebooks)
            return _state_explained(facts, regime, rulebooks, as_of, (UNDER_MEASURES, held))
        case ListingRegime():
            held = listing_course(facts, regime, rulebooks)
            return _state_explained(facts, regime, rulebooks, as_of, (LISTED, held))
        case RestorationRegime():
            return _state_explained(facts, regime, rulebooks, as_of, (CLEAR, ()))
        case never:
            assert_never(never)


def _as_it_stands(regime: str, rulebooks: Rulebooks, day: date) -> Regime | None:
    """The regime in the edition in force on the day, else in the first that has it."""
    in_force = rulebooks.on(rulebook_of(regime), day)
    found = in_force.regime(regime) if in_force is not None else None
    return found or next((there for _, there in rulebooks.editions_with(regime)), None)


def _restorations(
    facts: Facts, regime: str, rulebooks: Rulebooks, reasons: tuple[Reason, ...]
) -> tuple[RestorationAnswer, ...]:
    """What may be restored of the facts that count now; under a restoration regime, of all."""
    counting = {line.event for line in reasons if line.event is not None}
    under = any(
        isinstance(found, RestorationRegime) for _, found in rulebooks.editions_with(regime)
    )
    return tuple(
        answer
        for answer in restorations_of(facts, rulebooks, only=None if under else counting)
        if regime in answer.ends or regime == answer.regime
    )


def _score_explained(
    facts: Facts, regime: RegimeId, rulebooks: Rulebooks, as_of: date
) -> Explanation:
    tiles = scoring_tiles(facts, regime, rulebooks)
    holds = holding_on(tiles, as_of)
    coming = next((tile for tile in tiles if tile.from_ > as_of), None)
    value = holds.value if holds is not None else _BEFORE
    reasons = scoring_reasons(facts, regime, rulebooks, as_of)
    return Explanation(
        regime=regime,
        edition=value.edition,
        as_of=as_of,
        grade=value.grade,
        score=value.score,
        state=value.state.value,
        from_=holds.from_ if holds is not None else None,
        until=coming.from_ if coming is not None else None,
        verified=holds is not None and holds.verified,
        complete=value.complete,
        reasons=reasons,
        next=_next_score(facts, regime, rulebooks, (value, coming)),
        restorations=_restorations(facts, regime, rulebooks, reasons),
    )


_BEFORE = Graded(state=GradeState.NO_EDITION, edition=None, grade=None, score=None, complete=True)


def _next_score(
    facts: Facts,
    regime: RegimeId,
    rulebooks: Rulebooks,
    change: tuple[Graded, Interval[Graded] | None],
) -> Next | None:
    now, coming = change
    if coming is None:
        return None
    causes = [
        *_edition_causes(now.edition, coming.value.edition),
        *_application_causes(now.state.value, coming.value.state.value),
    ]
    if not causes:
        last = add_days(coming.from_, -1)
        before = scoring_reasons(facts, regime, rulebooks, last)
        after = scoring_reasons(facts, regime, rulebooks, coming.from_)
        causes += _reason_causes(before, after, now.edition)
    return _next(
        coming.from_,
        causes,
        state=coming.value.state.value,
        grade=coming.value.grade,
        score=coming.value.score,
    )


def _edition_causes(now: EditionId | None, then: EditionId | None) -> Iterator[_Cause]:
    if now == then:
        return
    if then is not None:
        text = f"edition {then} is in force from this day"
    else:
        text = f"after edition {now} no edition in force has the regime"
    yield _Cause(text=text, clause=None, event=None)


def _application_causes(now: str, then: str) -> Iterator[_Cause]:
    not_applied = GradeState.DOES_NOT_APPLY.value
    if now != then == not_applied:
        text = "the subject no longer has a kind or role of the regime"
        yield _Cause(text=text, clause=None, event=None)
    elif then != now == not_applied:
        text = "the subject takes a role of the regime"
        yield _Cause(text=text, clause=None, event=None)


def _reason_causes(
    before: tuple[Reason, ...], after: tuple[Reason, ...], edition: EditionId | None
) -> Iterator[_Cause]:
    """The lines that end and begin, facts first: a limit mostly follows from them."""
    here = {(line.event, line.indicator): line for line in before}
    there = {(line.event, line.indicator): line for line in after}
    ends = [(line, "no longer counts") for key, line in here.items() if key not in there]
    begins = [(line, "counts from this day") for key, line in there.items() if key not in here]
    for line, what in sorted((*ends, *begins), key=lambda change: change[0].event is None):
        yield _Cause(
            text=f"{_named(line)} {what}: {_cited(edition, line.clause)}",
            clause=line.clause,
            event=line.event,
        )


def _named(line: Reason) -> str:
    return f"{line.indicator}" if line.event is None else f"{line.indicator} [{line.event}]"


def _cited(edition: EditionId | None, clause: str | None) -> str:
    return f"{edition}" if clause is None else f"{edition} art. {clause}"


def _next(  # one argument for each thing that an answer without score leaves out
    day: date,
    causes: list[_Cause],
    *,
    state: str,
    grade: str | None = None,
    score: Decimal | None = None,
) -> Next:
    return Next(
        from_=day,
        grade=grade,
        score=score,
        state=state,
        because="; ".join(cause.text for cause in causes) or "a term of the rulebook changes",
        clause=next((cause.clause for cause in causes if cause.clause is not None), None),
        events=tuple(dict.fromkeys(cause.event for cause in causes if cause.event is not None)),
    )


def _state_explained(
    facts: Facts,
    regime: RegimeId,
    rulebooks: Rulebooks,
    as_of: date,
    holding: tuple[str, tuple[Held, ...]],
) -> Explanation:
    state, held = holding
    tiles = state_tiles(facts, regime, rulebooks, held, state=state)
    now = holding_on(tiles, as_of)
    coming = next((tile for tile in tiles if tile.from_ > as_of), None)
    value = now.value if now is not None else State(state=_BEFORE.state.value, edition=None)
    reasons = now.reasons if now is not None else ()
    return Explanation(
        regime=regime,
        edition=value.edition,
        as_of=as_of,
        grade=None,
        score=None,
        state=value.state,
        from_=now.from_ if now is not None else None,
        until=coming.from_ if coming is not None else None,
        verified=now is not None and now.verified,
        complete=True,
        reasons=reasons,
        next=_next_state(value, coming, reasons),
        restorations=_restorations(facts, regime, rulebooks, reasons),
    )


def _next_state(
    now: State, coming: Interval[State] | None, reasons: tuple[Reason, ...]
) -> Next | None:
    if coming is None:
        return None
    then = coming.value
    causes: list[_Cause] = []
    for lines, what in (
        ([line for line in reasons if line.until == coming.from_], "ends"),
        ([line for line in coming.reasons if line.from_ == coming.from_], "begins"),
    ):
        causes += (
            _Cause(
                text=f"{now.state if what == 'ends' else then.state} by [{line.event}] {what}:"
                f" {_cited(now.edition if what == 'ends' else then.edition, line.clause)}",
                clause=line.clause,
                event=line.event,
            )
            for line in lines
        )
    if not causes:
        causes = [
            *_application_causes(now.state, then.state),
            *_edition_causes(now.edition, then.edition),
        ]
    return _next(coming.from_, causes, state=then.state)
