"""What becomes of a tree's total: the regime's limits, the caps of lists, the grade."""

from decimal import Decimal

from ..rulebook import Band, Edition, ScoringRegime, Status
from .interval import Interval
from .listing import Listed
from .tree import Clip, clip

__all__ = ["band_of", "is_trusted", "limited"]


def limited(
    regime: ScoringRegime, total: Decimal, present: tuple[Interval[Listed], ...]
) -> tuple[Decimal, tuple[Clip, ...]]:
    """The score of the tree's total, and what floor, ceiling and the lowest cap moved it by."""
    before = regime.base.points + total
    score, limit = clip(before, regime.floor, regime.ceiling)
    steps: list[Clip] = []
    if limit is not None:
        name = "floor" if limit is regime.floor else "ceiling"
        verified = limit.mark.verified
        steps.append(Clip(name=name, points=score - before, mark=limit.mark, verified=verified))
    if present:
        lists = {on.value.list for on in present}
        caps = [cap for cap in regime.caps if cap.list in lists and cap.points < score]
        if caps:
            cap = min(caps, key=lambda cap: cap.points)
            listed = any(on.verified for on in present if on.value.list == cap.list)
            steps.append(
                Clip(
                    name=f"cap: {cap.list}",
                    points=cap.points - score,
                    mark=cap.mark,
                    verified=cap.mark.verified and listed,
                )
            )
            score = cap.points
    return score, tuple(steps)


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
