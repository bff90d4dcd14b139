"""A course that changes along with its facts is the one that all of them make at once."""

from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from ledger.courses import stands, weighing
from ledger.courses.counting import shape_of
from ledger.courses.facts import Facts, FindingFact, differing
from ledger.courses.weighing import Scales
from ledger.events import ConvictionRecorded, DeterminationMade, PenaltyImposed
from ledger.rulebook import DateName, Rulebooks
from tests.ledger.courses.scoring_build import REGIME, START, facts
from tests.ledger.courses.test_matching import CONVICTION, DETERMINATION, PENALTY
from tests.ledger.courses.test_scoring_against_days import DAYS, _facts, _rulebooks

_FINDINGS = (DETERMINATION, PENALTY, CONVICTION)


@given(_facts(), _facts(), _rulebooks())
@settings(max_examples=150, deadline=None)
def test_what_has_changed_leads_to_the_course_that_is_weighed_as_a_whole(
    one: Facts, other: Facts, rulebooks: Rulebooks
) -> None:
    scales = Scales(REGIME, rulebooks)
    other = replace(other, profile=one.profile)
    before = scales.weigh(one)
    after, days = scales.reweigh(before, *differing(one, other))
    assert after == scales.weigh(other)
    touched = (date.max, None) if days is None else days
    for count in range(DAYS + 40):
        day = START + timedelta(days=count)
        if day < touched[0] or (touched[1] is not None and day >= touched[1]):
            assert after.on(day) == before.on(day)


@given(_facts(), _rulebooks())
@settings(max_examples=40, deadline=None)
def test_how_much_is_remembered_does_not_show(on_record: Facts, rulebooks: Rulebooks) -> None:
    said = tuple(Scales(REGIME, rulebooks).weigh(on_record).said())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stands, "_STANDS_KEPT", 1)
        patch.setattr(weighing, "_SHAPES_KEPT", 1)
        again = Rulebooks(tuple(replace(edition) for edition in rulebooks.editions))
        scales = Scales(REGIME, again)
        course = scales.weigh(facts(who=on_record.profile))
        course, _ = scales.reweigh(course, *differing(facts(who=on_record.profile), on_record))
        assert tuple(course.said()) == said


@given(_facts(), _rulebooks())
@settings(max_examples=60, deadline=None)
def test_some_days_of_a_course_are_those_of_the_whole(
    on_record: Facts, rulebooks: Rulebooks
) -> None:
    course = Scales(REGIME, rulebooks).weigh(on_record)
    within = START + timedelta(days=7), START + timedelta(days=30)
    tiles = list(course.said(within))
    assert (tiles[0][0], tiles[-1][1]) == within
    for from_, until, said in tiles:
        day = from_
        while until is not None and day < until:
            assert course.on(day) == said
            day += timedelta(days=1)


@pytest.mark.parametrize("content", _FINDINGS, ids=lambda one: type(one).__name__)
def test_every_day_from_which_a_clock_may_run_is_part_of_the_shape(
    content: DeterminationMade | PenaltyImposed | ConvictionRecorded,
) -> None:
    finding = FindingFact(position=1, event=content.finding, content=content)
    named = {field.name for field in fields(content)} & {start.value for start in DateName}
    assert {"decided_on", "effective_on"} <= named
    for name in named:
        changed: Any = {name: date(1999, 9, 9)}
        moved = replace(finding, content=replace(content, **changed))
        assert shape_of(moved) != shape_of(finding), name
    assert shape_of(replace(finding, annulled_at=7)) != shape_of(finding)
    assert shape_of(replace(finding, position=7)) == shape_of(finding)


def test_a_day_before_the_first_edition_says_nothing() -> None:
    course = Scales(REGIME, Rulebooks()).weigh(facts())
    assert course.on(START) is None
    assert list(course.said()) == []
