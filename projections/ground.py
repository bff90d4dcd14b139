"""What the rules that are in force ask of every subject, worked out once for each edition."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from ledger.courses.counting import Memo
from ledger.identifiers import SubjectKind
from ledger.rulebook import MeasuresRegime, Rulebooks, ScoringRegime
from ledger.values import RegimeId

from .tables import Row

__all__ = ["Ground", "ground_of"]

_MEMOS_KEPT: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The rulebooks and their regimes.

    `scoring` names each scoring regime with the kinds and roles that any edition applies it to
    (empty: all). What is kept besides changes no result: `memos` what the facts of subjects count,
    `blank` the courses of subjects against which nothing is held, by their kind.
    """

    rulebooks: Rulebooks
    scoring: tuple[tuple[RegimeId, frozenset[str]], ...]
    measures: tuple[RegimeId, ...]
    memos: "OrderedDict[tuple[str, str], Memo]" = field(default_factory=OrderedDict)
    blank: dict[tuple[RegimeId, SubjectKind], tuple[Row, ...]] = field(default_factory=dict)

    def memo(self, subject: str, regime: str) -> Memo:
        """What is kept for a subject in a regime."""
        key = (subject, regime)
        memo = self.memos.get(key)
        if memo is None:
            memo = self.memos[key] = Memo()
            if len(self.memos) > _MEMOS_KEPT:
                self.memos.popitem(last=False)
        else:
            self.memos.move_to_end(key)
        return memo


def ground_of(rulebooks: Rulebooks) -> Ground:
    """The regimes of all editions that were published."""
    return Ground(
        rulebooks=rulebooks,
        scoring=tuple(
            (regime, _applies_to(rulebooks, regime))
            for regime in rulebooks.regime_ids(ScoringRegime)
        ),
        measures=rulebooks.regime_ids(MeasuresRegime),
    )


def _applies_to(rulebooks: Rulebooks, regime: RegimeId) -> frozenset[str]:
    named = [
        frozenset(one.applies_to)
        for _, one in rulebooks.editions_with(regime)
        if isinstance(one, ScoringRegime)
    ]
    return frozenset[str]().union(*named) if all(named) else frozenset()
