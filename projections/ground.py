"""What the rules that are in force ask of every subject, worked out once for each edition."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from ledger.courses.facts import Profile
from ledger.courses.measures import MeasuresMemo
from ledger.courses.weighing import Scales, Weighed
from ledger.events import STORED_NAMES
from ledger.identifiers import SubjectKind
from ledger.rulebook import MeasuresRegime, Rulebooks, ScoringRegime
from ledger.values import RegimeId

__all__ = ["Ground", "Memos", "Scoring", "ground_of"]

_MEMOS_KEPT: Final = 50_000


class Memos:
    """The walks over the measures of subjects; of the many, those asked for last."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._kept: OrderedDict[tuple[str, str], MeasuresMemo] = OrderedDict()

    def of(self, subject: str, regime: str) -> MeasuresMemo:
        """What is remembered of the subject in the regime."""
        key = (subject, regime)
        memo = self._kept.get(key)
        if memo is None:
            memo = self._kept[key] = MeasuresMemo()
            if len(self._kept) > _MEMOS_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return memo


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scoring:
    """A scoring regime, with the kinds and roles that any edition applies it to (empty: all).

    `blank` keeps the courses of subjects against which nothing is held, by their kind.
    """

    regime: RegimeId
    applies_to: frozenset[str]
    scales: Scales
    blank: dict[SubjectKind, Weighed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The rulebooks and their regimes.

    `measured` names the findings that some regime of measures is about. What is kept besides
    changes no result: `walked` the measures of subjects, `by_kind` the scoring regimes that concern
    those who act in no role.
    """

    rulebooks: Rulebooks
    scoring: tuple[Scoring, ...]
    measures: tuple[RegimeId, ...]
    measured: frozenset[type]
    walked: Memos = field(default_factory=Memos)
    by_kind: dict[SubjectKind, tuple[Scoring, ...]] = field(default_factory=dict)

    def scoring_of(self, profile: Profile | None) -> tuple[Scoring, ...]:
        """The scoring regimes that concern the subject on any day, in their order."""
        if profile is None:
            return ()
        if profile.roles:
            named = {profile.kind.value, *(held.role for held in profile.roles)}
            return tuple(
                one for one in self.scoring if not one.applies_to or named & one.applies_to
            )
        found = self.by_kind.get(profile.kind)
        if found is None:
            found = self.by_kind[profile.kind] = tuple(
                one
                for one in self.scoring
                if not one.applies_to or profile.kind.value in one.applies_to
            )
        return found


def ground_of(rulebooks: Rulebooks) -> Ground:
    """The regimes of all editions that were published."""
    return Ground(
        rulebooks=rulebooks,
        scoring=tuple(
            Scoring(
                regime=regime,
                applies_to=_applies_to(rulebooks, regime),
                scales=Scales(regime, rulebooks),
            )
            for regime in rulebooks.regime_ids(ScoringRegime)
        ),
        measures=rulebooks.regime_ids(MeasuresRegime),
        measured=frozenset(
            STORED_NAMES[event]
            for edition in rulebooks.editions
            for regime in edition.regimes
            if isinstance(regime, MeasuresRegime)
            for event in regime.on.event
        ),
    )


def _applies_to(rulebooks: Rulebooks, regime: RegimeId) -> frozenset[str]:
    named = [
        frozenset(one.applies_to)
        for _, one in rulebooks.editions_with(regime)
        if isinstance(one, ScoringRegime)
    ]
    return frozenset[str]().union(*named) if all(named) else frozenset()
