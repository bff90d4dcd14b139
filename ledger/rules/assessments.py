"""Points that an authority gives a finding: only where an indicator leaves a range to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from ..events import Assessment
from ..refusals import AssessmentOutOfRange, InvalidValue
from ..rulebook import Indicator, Node, Rulebooks, ScoringRegime, rulebook_of
from .given import Rules, cite

__all__ = ["check_assessments"]


def check_assessments(assessments: tuple[Assessment, ...], rules: Rules) -> None:
    """Refuse points that no published edition of the regime leaves to an assessment.

    Any edition will do: a later one may count the finding too, by its own range.

    Raises:
        AssessmentOutOfRange: no such indicator, none with a range, or points outside of it; no
            points at all are never given.
        InvalidValue: one indicator is assessed twice.
    """
    seen = set[tuple[str, str]]()
    for place, assessment in enumerate(assessments):
        named = (assessment.regime, assessment.indicator)
        if named in seen:
            why = f"{assessment.indicator} of {assessment.regime} is assessed twice; send one"
            raise InvalidValue(field=f"assessments/{place}", why=why)
        seen.add(named)
        _check(assessment, rules.rulebooks, f"assessments/{place}/points")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """The points that an edition leaves to an assessment."""

    rule: str
    low: Decimal
    high: Decimal


def _check(assessment: Assessment, rulebooks: Rulebooks, field: str) -> None:
    points = assessment.points
    ranges = tuple(_ranges(assessment, rulebooks))
    if points and any(one.low <= points <= one.high for one in ranges):
        return
    if not ranges:
        allowed = (
            f"no published edition of {assessment.regime} leaves {assessment.indicator}"
            " to an assessment; leave it out"
        )
        raise AssessmentOutOfRange(points=points, allowed=allowed, field=field, rule=None)
    said = ", ".join(f"{one.rule} leaves {one.low} to {one.high}" for one in ranges)
    raise AssessmentOutOfRange(
        points=points, allowed=f"{said}, and never 0", field=field, rule=ranges[-1].rule
    )


def _ranges(assessment: Assessment, rulebooks: Rulebooks) -> Iterator[_Range]:
    for edition in rulebooks.of(rulebook_of(assessment.regime)):
        regime = edition.regime(assessment.regime)
        if not isinstance(regime, ScoringRegime):
            continue
        for indicator in _indicators(regime):
            one, other = indicator.points.from_, indicator.points.to
            if indicator.id == assessment.indicator and one is not None and other is not None:
                rule = cite(edition.id, indicator.points.mark)
                yield _Range(rule=rule, low=min(one, other), high=max(one, other))


def _indicators(branch: ScoringRegime | Node) -> Iterator[Indicator]:
    yield from branch.indicators
    for node in branch.nodes:
        yield from _indicators(node)
