"""The sweep says on every day what counting each fact anew on that day says."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.courses.facts import Facts, FindingFact
from ledger.courses.interval import holding_on
from ledger.courses.scoring import (
    GradeState,
    scoring_course,
    scoring_reasons,
    scoring_tiles,
)
from ledger.dates import Period
from ledger.events import DeterminationMade
from ledger.rulebook import (
    Edition,
    Indicator,
    Limit,
    Node,
    Rulebooks,
    ScoringRegime,
)
from tests.ledger.courses.scoring_build import (
    REGIME,
    START,
    assessed,
    cap,
    determination,
    edition,
    facts,
    found,
    gives,
    indicator,
    lasts,
    listed,
    node,
    profile,
    restored,
    scoring,
)

DAYS = 60
"""All that happens happens within so many days of START."""
ACTS = "AB"


def _days(low: int = -10) -> st.SearchStrategy[date]:
    return st.integers(low, DAYS).map(lambda count: START + timedelta(days=count))


_numbers = st.decimals(-40, 40, places=2, allow_nan=False).map(str)
_weights = st.none() | st.sampled_from(["0", "0.25", "0.3333", "0.5", "1"])
_optional = st.none() | _numbers


@st.composite
def _indicators(draw: st.DrawFn) -> Indicator:
    points = draw(st.one_of(_numbers.map(gives), st.just(gives(low="-40", high="0"))))
    validity = draw(st.none() | st.integers(1, 30).map(lambda count: lasts(days=count)))
    return indicator(draw(st.sampled_from(ACTS)), points, validity)


@st.composite
def _nodes(draw: st.DrawFn, depth: int = 2) -> Node:
    within = draw(st.lists(_nodes(depth - 1), max_size=2)) if depth else []
    floor, ceiling = draw(_optional), draw(_optional)
    if floor is not None and ceiling is not None and Decimal(floor) > Decimal(ceiling):
        floor, ceiling = ceiling, floor
    return node(
        draw(st.sampled_from(["n1", "n2", "n3"])),
        *within,
        *draw(st.lists(_indicators(), max_size=2)),
        weight=draw(_weights),
        floor=floor,
        ceiling=ceiling,
    )


@st.composite
def _regimes(draw: st.DrawFn) -> ScoringRegime:
    return scoring(
        *draw(st.lists(_nodes(), max_size=2)),
        *draw(st.lists(_indicators(), min_size=1, max_size=2)),
        applies_to=draw(st.sampled_from([(), (), ("patent-agency",), ("enterprise",)])),
        floor=draw(st.none() | st.just("30")),
        ceiling=draw(st.none() | st.just("110")),
        caps=draw(st.sampled_from([(), (cap("bad", "70"), cap("worse", "50"))])),
    )


@st.composite
def _rulebooks(draw: st.DrawFn) -> Rulebooks:
    turn, end = draw(_days(1)), draw(st.none() | _days(5))
    first = edition(draw(_regimes()), until=draw(st.none() | st.none() | _days(1)))
    if draw(st.integers(0, 3)) == 3:
        return Rulebooks((first,))
    counts = draw(st.sampled_from([None, "none", "running-at-start", "all"]))
    until = end if end is not None and end > turn else None
    second = edition(draw(_regimes()), name="test-2", from_=turn, until=until, counts=counts)
    return Rulebooks((first, second))


@st.composite
def _findings(draw: st.DrawFn, position: int) -> FindingFact:
    act = draw(st.sampled_from(ACTS))
    assessments = (assessed(act.lower(), draw(_numbers)),) if draw(st.booleans()) else ()
    content = determination(act, draw(_days()), draw(_days()), assessments)
    ended = draw(st.none() | _days())
    return found(
        content,
        position,
        ended=() if ended is None else (restored(ended),),
        annulled_at=draw(st.sampled_from([None, None, None, 99])),
    )


@st.composite
def _facts(draw: st.DrawFn) -> Facts:
    count = draw(st.integers(0, 6))
    findings = [draw(_findings(place)) for place in range(1, count + 1)]
    listings = []
    for place, name in enumerate(draw(st.lists(st.sampled_from(["bad", "worse"]), max_size=3))):
        first, second = draw(_days()), draw(st.none() | _days())
        if second is None or first < second:
            listings.append(listed(name, first, second, position=50 + 2 * place))
    since, until = draw(_days()), draw(st.none() | _days())
    role = ("patent-agency", since, until if until is not None and until > since else None)
    return facts(*findings, listings=tuple(listings), who=profile(role))


# What follows says the same as the course in the plainest way: day by day, in fractions.


def _in_force(rulebooks: Rulebooks, day: date) -> tuple[Edition, date | None] | None:
    begun = [known for known in rulebooks.editions if known.from_ <= day]
    later = [known.from_ for known in rulebooks.editions if known.from_ > day]
    if not begun or (begun[-1].until is not None and begun[-1].until <= day):
        return None
    ends = [end for end in (begun[-1].until, *later) if end is not None]
    return begun[-1], min(ends, default=None)


def _counts(fact: FindingFact, leaf: Indicator, ruled: tuple[Edition, date | None]) -> set[date]:
    """The days on which the edition in force counts the fact."""
    ruling, until = ruled
    content = fact.content
    assert isinstance(content, DeterminationMade)
    if fact.annulled_at is not None or content.act not in leaf.on.act:
        return set()
    if until is not None and content.decided_on >= until:
        return set()
    start = content.effective_on
    period = leaf.lasts.period if leaf.lasts is not None else None
    reach = (period or Period(days=200)).days or 0
    days = {start + timedelta(days=count) for count in range(reach + 1)}
    days = {day for day in days if not any(end.on <= day for end in fact.ended)}
    if content.decided_on < ruling.from_:
        how = ruling.counts_facts.from_before if ruling.counts_facts is not None else "none"
        if how == "none" or (how == "running-at-start" and ruling.from_ not in days):
            return set()
    return days


def _points(fact: FindingFact, leaf: Indicator) -> Fraction | None:
    if leaf.points.is_ is not None:
        return Fraction(leaf.points.is_)
    for assessment in fact.content.assessments:
        if assessment.indicator == leaf.id:
            return Fraction(assessment.points)
    return None


def _clipped(value: Fraction, floor: Limit | None, ceiling: Limit | None) -> Fraction:
    if floor is not None:
        value = max(value, Fraction(floor.points))
    if ceiling is not None:
        value = min(value, Fraction(ceiling.points))
    return value


class _OneDay:
    def __init__(self, on_record: Facts, ruled: tuple[Edition, date | None], day: date) -> None:
        self.on_record, self.ruled, self.day = on_record, ruled, day
        self.complete = True

    def sum(self, nodes: tuple[Node, ...], leaves: tuple[Indicator, ...]) -> Fraction:
        return sum(map(self.node, nodes), Fraction()) + sum(map(self.leaf, leaves), Fraction())

    def node(self, branch: Node) -> Fraction:
        total = self.sum(branch.nodes, branch.indicators)
        total = _clipped(total, branch.floor, branch.ceiling)
        return total * Fraction(branch.weight.factor if branch.weight is not None else 1)

    def leaf(self, leaf: Indicator) -> Fraction:
        total = Fraction()
        for fact in self.on_record.findings:
            if self.day in _counts(fact, leaf, self.ruled):
                points = _points(fact, leaf)
                if points is None:
                    self.complete = False
                else:
                    total += points
        return total


def _plainly(
    on_record: Facts, rulebooks: Rulebooks, day: date
) -> tuple[GradeState, Fraction | None, bool]:
    ruled = _in_force(rulebooks, day)
    if ruled is None:
        return GradeState.NO_EDITION, None, True
    (regime,) = ruled[0].regimes
    assert isinstance(regime, ScoringRegime)
    who = on_record.profile
    assert who is not None
    if regime.applies_to == ("patent-agency",) and not who.holds_role("patent-agency", day):
        return GradeState.DOES_NOT_APPLY, None, True
    one_day = _OneDay(on_record, ruled, day)
    score = Fraction(regime.base.points) + one_day.sum(regime.nodes, regime.indicators)
    score = _clipped(score, regime.floor, regime.ceiling)
    for capped in regime.caps:
        for listing in on_record.listings:
            assert listing.decided is not None
            since, until = listing.decided.effective_on, listing.ended_on
            if listing.list == capped.list and since <= day and (until is None or day < until):
                score = min(score, Fraction(capped.points))
    return GradeState.GRADED, score, one_day.complete


@given(_facts(), _rulebooks())
@settings(max_examples=80, deadline=None)
def test_each_day_of_the_course_is_as_counted_on_that_day_alone(
    on_record: Facts, rulebooks: Rulebooks
) -> None:
    tiles = scoring_tiles(on_record, REGIME, rulebooks)
    for count in range(DAYS + 40):
        day = START + timedelta(days=count)
        tile = holding_on(tiles, day)
        assert tile is not None
        value = tile.value
        score = None if value.score is None else Fraction(value.score)
        assert (value.state, score, value.complete) == _plainly(on_record, rulebooks, day)


@given(_facts(), _rulebooks())
@settings(max_examples=60, deadline=None)
def test_tiles_cover_the_days_without_gap_and_differ_from_their_neighbours(
    on_record: Facts, rulebooks: Rulebooks
) -> None:
    for course in (
        scoring_tiles(on_record, REGIME, rulebooks),
        scoring_course(on_record, REGIME, rulebooks),
    ):
        assert course[0].from_ == START
        assert course[-1].until is None
        for before, after in pairwise(course):
            assert before.until == after.from_
            assert before.from_ < after.from_
            assert replace(before, from_=after.from_, until=after.until) != after


@given(_facts(), _rulebooks(), _days())
@settings(max_examples=80, deadline=None)
def test_the_points_of_the_reasons_add_up_to_the_score(
    on_record: Facts, rulebooks: Rulebooks, day: date
) -> None:
    reasons = scoring_reasons(on_record, REGIME, rulebooks, day)
    for course in (
        scoring_tiles(on_record, REGIME, rulebooks),
        scoring_course(on_record, REGIME, rulebooks),
    ):
        tile = holding_on(course, day)
        if tile is None or tile.value.score is None:
            assert reasons == ()
            continue
        total = sum(Fraction(line.points) for line in reasons if line.points is not None)
        assert total == Fraction(tile.value.score)
        assert tile.value.complete == all(line.points is not None for line in reasons)
        assert tile.reasons in ((), reasons)
        assert tile.verified <= all(line.verified for line in reasons)
