"""A scoring course as stands on scales, which changes only on the days that a change touches.

The scales of a regime follow one another, edition after edition. Each fact puts its weights on the
scale that counts it, from one day until another; on each day what lies there is one stand. When a
fact changes, its former weights are taken off and its present ones put on, on their days alone: the
cost grows with what runs beside it, not with the length of the record.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from ..dates import earlier_end
from ..rulebook import Rulebooks, ScoringRegime, rulebook_of
from ..values import RegimeId
from .counting import Days, Shape, counted_facts, shape_of
from .facts import Facts, Profile
from .listing import listings_of
from .same import Same
from .stands import APPLIES, Said, Scale, Stand, Weight, on_list, points, scale_of

__all__ = ["NOWHERE", "Scales", "Stretch", "Weighed", "scales_of", "weighed"]


_SHAPES_KEPT: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Days on which one edition is in force, or none with this regime; and its scale."""

    from_: date
    until: date | None
    scale: Scale


_Line = tuple[date, date, Weight]
"""From a day on, before another (`date.max`: without end), this lies on the scale of the days."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A course: from each of these days on, until the next, this stands on the scale.

    No stand is the one before it, so that equal facts make equal courses, in whatever order they
    came.
    """

    days: tuple[date, ...]
    stands: tuple[Stand, ...]

    def on(self, day: date) -> Said | None:
        """What is said on a day; null before the first one."""
        at = bisect_right(self.days, day)
        return self.stands[at - 1].said if at else None

    def said(self, within: Days | None = None) -> Iterator[tuple[date, date | None, Said]]:
        """What is said from when until when (null: without end), each unlike the one before.

        `within` asks for these days alone, cut at both ends.
        """
        days, stands = self.days, self.stands
        if not days:
            return
        since, until = (days[0], None) if within is None else within
        at = bisect_right(days, since) - 1
        if at < 0:
            at, since = 0, days[0]
        behind = len(days) if until is None else bisect_left(days, until)
        said = stands[at].said
        for place in range(at + 1, behind):
            other = stands[place].said
            if other is not said and other != said:
                yield since, days[place], said
                since, said = days[place], other
        yield since, until, said


NOWHERE = Weighed((), ())
"""A course without any day."""


class Scales:
    """One scoring regime through all editions of its rulebook.

    It remembers what findings of one shape put on the scales: many are alike but for their names.
    """

    def __init__(self, regime: RegimeId, rulebooks: Rulebooks) -> None:
        """The regime as these rulebooks have it."""
        self.regime = regime
        self.rulebooks = rulebooks
        self.stretches = tuple(_stretches(regime, rulebooks))
        self._known: dict[Shape, tuple[_Line, ...]] = {}

    def weigh(self, facts: Facts) -> Weighed:
        """The course of these facts; without any day if the rulebook has no edition."""
        days: list[date] = []
        stands: list[Stand] = []
        for stretch in self.stretches:
            stand = _empty(stretch, facts.profile)
            put_on: dict[date, list[Weight]] = {stretch.from_: []}
            taken_off: dict[date, list[Weight]] = {}
            end = stretch.until or date.max
            for from_, until, one in (
                *_fact_lines(stretch, facts, self.rulebooks),
                *_role_lines(stretch, facts.profile),
            ):
                put_on.setdefault(from_, []).append(one)
                if until < end:
                    taken_off.setdefault(until, []).append(one)
            for day in sorted({*put_on, *taken_off}):
                for one in taken_off.get(day, ()):
                    stand = stand.take_off(one)
                for one in put_on.get(day, ()):
                    stand = stand.put_on(one)
                if not stands or stand is not stands[-1]:
                    days.append(day)
                    stands.append(stand)
        return Weighed(tuple(days), tuple(stands))

    def reweigh(self, course: Weighed, was: Facts, now: Facts) -> tuple[Weighed, Days | None]:
        """The course once these findings and listings are as they are `now`; and the days touched.

        Outside of these days it is the course that was given; null: everywhere. The subject's kind
        and roles are the same.
        """
        gone, come = self._lines(was), self._lines(now)
        if not gone and not come:
            return course, None
        days, stands = list(course.days), list(course.stands)
        for from_, until, one in come:
            begin, end = _cut(days, stands, from_), _cut(days, stands, until)
            stands[begin:end] = [stand.put_on(one) for stand in stands[begin:end]]
        for from_, until, one in gone:
            begin, end = _cut(days, stands, from_), _cut(days, stands, until)
            stands[begin:end] = [stand.take_off(one) for stand in stands[begin:end]]
        for from_, until, _ in (*gone, *come):
            _mend(days, stands, until)
            _mend(days, stands, from_)
        first = min([line[0] for line in (*gone, *come)])
        last = max([line[1] for line in (*gone, *come)])
        touched = first, None if last == date.max else last
        return Weighed(tuple(days), tuple(stands)), touched

    def _lines(self, facts: Facts) -> list[_Line]:
        """All that these findings and listings put on scales."""
        lines: list[_Line] = []
        for finding in facts.findings:
            shape = shape_of(finding)
            known = self._known.get(shape)
            if known is None:
                if len(self._known) >= _SHAPES_KEPT:
                    self._known.clear()
                alone = Facts(profile=facts.profile, findings=(finding,))
                known = self._known[shape] = tuple(self._fact_lines(alone))
            lines += known
        if facts.listings:
            lines += self._fact_lines(Facts(profile=facts.profile, listings=facts.listings))
        return lines

    def _fact_lines(self, facts: Facts) -> Iterator[_Line]:
        for stretch in self.stretches:
            yield from _fact_lines(stretch, facts, self.rulebooks)


def scales_of(regime: RegimeId, rulebooks: Rulebooks) -> Scales:
    """The scales of the regime, one and the same for the same rulebooks."""
    return _scales(regime, Same(rulebooks))


@lru_cache(maxsize=32)
def _scales(regime: RegimeId, rulebooks: Same[Rulebooks]) -> Scales:
    return Scales(regime, rulebooks.value)


def weighed(facts: Facts, regime: RegimeId, rulebooks: Rulebooks) -> Weighed:
    """The course of these facts, worked out once for the same facts and rulebooks."""
    return _weighed(Same(facts), regime, Same(rulebooks))


@lru_cache(maxsize=512)  # who asks why a subject is graded asks again
def _weighed(facts: Same[Facts], regime: RegimeId, rulebooks: Same[Rulebooks]) -> Weighed:
    return _scales(regime, rulebooks).weigh(facts.value)


def _stretches(regime: RegimeId, rulebooks: Rulebooks) -> Iterator[Stretch]:
    """The days from the first edition's first day on, by the edition that scores them."""
    reached: date | None = None
    for edition, from_, until in rulebooks.spans(rulebook_of(regime)):
        if reached is not None and reached < from_:
            yield Stretch(from_=reached, until=from_, scale=scale_of(None, None))
        if until is None or from_ < until:
            found = edition.regime(regime)
            scoring = found if isinstance(found, ScoringRegime) else None
            scale = scale_of(edition if scoring is not None else None, scoring)
            yield Stretch(from_=from_, until=until, scale=scale)
        reached = until
    if reached is not None:
        yield Stretch(from_=reached, until=None, scale=scale_of(None, None))


def _empty(stretch: Stretch, profile: Profile | None) -> Stand:
    """The stand of a subject of whom no fact counts, and no role is asked for yet."""
    regime = stretch.scale.regime
    is_made_for_all = regime is None or not regime.applies_to
    applies = is_made_for_all or (
        profile is not None and regime is not None and profile.kind.value in regime.applies_to
    )
    return stretch.scale.empty(applies=applies)


def _fact_lines(stretch: Stretch, facts: Facts, rulebooks: Rulebooks) -> Iterator[_Line]:
    """What findings and listings put on the scale of the stretch."""
    edition, regime, tree = stretch.scale.edition, stretch.scale.regime, stretch.scale.tree
    if edition is None or regime is None or tree is None:
        return
    for counted in counted_facts(facts, edition, regime, tree, (stretch.from_, stretch.until)):
        branch = tree.leaves[counted.leaf].branch
        one = points(branch, counted.points, counted.verified)
        yield counted.from_, counted.until or date.max, one
    if stretch.scale.lists and facts.listings:
        for on in listings_of(facts, rulebooks):
            if on.value.list in stretch.scale.lists:
                present = on_list(on.value.list, on.verified)
                yield from _within(stretch, on.from_, on.until, present)


def _role_lines(stretch: Stretch, profile: Profile | None) -> Iterator[_Line]:
    """What roles for which the regime is made put on the scale of the stretch."""
    regime = stretch.scale.regime
    if regime is None or profile is None:
        return
    for held in profile.roles:
        if held.role in regime.applies_to:
            yield from _within(stretch, held.from_, held.until, APPLIES)


def _within(stretch: Stretch, from_: date, until: date | None, one: Weight) -> Iterator[_Line]:
    """The weight on the days that lie within the stretch, if any do."""
    first = max(from_, stretch.from_)
    last = earlier_end(until, stretch.until) or date.max
    if first < last:
        yield first, last, one


def _cut(days: list[date], stands: list[Stand], day: date) -> int:
    """The place of the day, from which on another weight lies on the scale."""
    at = bisect_left(days, day)
    if day != date.max and (at == len(days) or days[at] != day):
        days.insert(at, day)
        stands.insert(at, stands[at - 1])
    return at


def _mend(days: list[date], stands: list[Stand], day: date) -> None:
    """Let the day begin nothing where what stands there is what stood before it."""
    at = bisect_left(days, day)
    if 0 < at < len(days) and days[at] == day and stands[at] is stands[at - 1]:
        del days[at], stands[at]
