"""What becomes of a tree's total: the regime's limits, the caps of lists, the grade."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ..rulebook import Band, Cap, Edition, ScoringRegime, Status
from ..values import EditionId
from .tree import Clip, clip

__all__ = ["Capping", "GradeState", "Graded", "band_of", "capping_of", "is_trusted", "limited"]


class GradeState(StrEnum):
    """Whether there is a grade, and if not, why."""

    GRADED = "graded"
    NO_EDITION = "no-edition"
    DOES_NOT_APPLY = "does-not-apply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """What a scoring regime says of a subject.

    `grade` and `score` are null unless the state is graded; `complete` is false where an
    assessment is missing, so that the score goes without the points of a fact.
    """

    state: GradeState
    edition: EditionId | None
    grade: str | None
    score: Decimal | None
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Capping:
    """The cap of a list that the subject is on; `verified`: whether its presence there is."""

    cap: Cap
    verified: bool


def limited(
    regime: ScoringRegime, total: Decimal, capping: Capping | None
) -> tuple[Decimal, tuple[Clip, ...]]:
    """The score of the tree's total, and what floor, ceiling and cap moved it by."""
    before = regime.base.points + total
    score, limit = clip(before, regime.floor, regime.ceiling)
    if limit is None and (capping is None or score <= capping.cap.points):
        return score, ()
    steps: list[Clip] = []
    if limit is not None:
        name = "floor" if limit is regime.floor else "ceiling"
        verified = limit.mark.verified
        steps.append(Clip(name=name, points=score - before, mark=limit.mark, verified=verified))
    if capping is not None and capping.cap.points < score:
        cap = capping.cap
        sure = cap.mark.verified and capping.verified
        points = cap.points - score
        steps.append(Clip(name=f"cap: {cap.list}", points=points, mark=cap.mark, verified=sure))
        score = cap.points
    return score, tuple(steps)


def capping_of(regime: ScoringRegime, present: Iterable[tuple[str, bool]]) -> Capping | None:
    """The lowest cap of the lists that the subject is on; of equal ones the first.

    Each presence is given as the list, and whether it is verified.
    """
    sure: dict[str, bool] = {}
    for name, verified in present:
        sure[name] = verified or sure.get(name, False)
    caps = [cap for cap in regime.caps if cap.list in sure]
    if not caps:
        return None
    lowest = min(caps, key=lambda cap: cap.points)
    return Capping(cap=lowest, verified=sure[lowest.list])


def band_of(bands: tuple[Band, ...], score: Decimal) -> tuple[str | None, bool]:
    """The grade of the score, and whether its own bound and the one above it are verified."""
    above = True
    for band in bands:
        if band.from_ is not None:
            reached = score >= band.from_
        else:
            reached = band.above is None or score > band.above
        if reached:
            return band.grade, above and band.mark.verified
        above = band.mark.verified
    return None, False


def is_trusted(edition: Edition) -> bool:
    """Whether the edition is official, and in force on verified days."""
    return edition.status is Status.OFFICIAL and edition.in_force.verified
