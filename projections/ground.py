"""What the rules that are in force ask of every subject, worked out once for each edition."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from ledger.courses.counting import Memo
from ledger.courses.measures import MeasuresMemo
from ledger.identifiers import SubjectKind
from ledger.rulebook import MeasuresRegime, Rulebooks, ScoringRegime
from ledger.values import RegimeId

from .tables import Row

__all__ = ["Ground", "Memos", "ground_of"]

_MEMOS_KEPT: Final = 50_000


M = TypeVar("M", Memo, MeasuresMemo)


class Memos(Generic[M]):
    """What is remembered of subjects in regimes; of the many, those asked for last."""

    def __init__(self, begin: Callable[[], M]) -> None:
        """Remember nothing yet; `begin` makes what is remembered of one subject."""
        self._begin: Callable[[], M] = begin
        self._kept: OrderedDict[tuple[str, str], M] = OrderedDict()

    def of(self, subject: str, regime: str) -> M:
        """What is remembered of the subject in the regime."""
        key = (subject, regime)
        memo = self._kept.get(key)
        if memo is None:
            memo = self._kept[key] = self._begin()
            if len(self._kept) > _MEMOS_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return memo


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The rulebooks and their regimes.

    `scoring` names each scoring regime with the kinds and roles that any edition applies it to
    (empty: all). What is kept besides changes no result: `counted` what the facts of subjects count
    in scores, `walked` their measures, `blank` the courses of subjects against which nothing is
    held, by their kind.
    """

    rulebooks: Rulebooks
    scoring: tuple[tuple[RegimeId, frozenset[str]], ...]
    measures: tuple[RegimeId, ...]
    counted: Memos[Memo] = field(default_factory=lambda: Memos(Memo))
    walked: Memos[MeasuresMemo] = field(default_factory=lambda: Memos(MeasuresMemo))
    blank: dict[tuple[RegimeId, SubjectKind], tuple[Row, ...]] = field(default_factory=dict)


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
