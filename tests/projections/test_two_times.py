"""Rows in two times: one row a key, day and position, the course as it was known there."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.courses.facts import facts_of
from ledger.courses.scoring import scoring_tiles
from ledger.edition import read_edition
from ledger.events import PenaltyKind
from ledger.rulebook import Rulebooks
from ledger.rulebooks import shipped
from projections import grades
from projections.fold import NOTHING_OPEN, difference
from projections.grades import changed
from projections.ground import ground_of
from projections.state import UNKNOWN, SubjectState, advance, swept
from projections.tables import Row

from .history import SCORE, History, Written, penalty, subject
from .recorded import recorded

pytestmark = pytest.mark.unit
_DAYS = [date(2020, 1, day) for day in range(1, 8)]
_RULEBOOKS = Rulebooks(tuple(read_edition(text) for text in shipped()))
_GROUND = ground_of(_RULEBOOKS)


def _tiles(values: list[int]) -> tuple[Row, ...]:
    """A course of a regime: a value a day, neighbours that are equal merged."""
    rows: list[Row] = []
    for day, value in zip(_DAYS, values, strict=True):
        if rows and rows[-1][3] == value:
            continue
        rows.append(("r", day, None, value))
    ends = [row[1] for row in rows[1:]]
    return tuple((*row[:2], end, *row[3:]) for row, end in zip(rows, (*ends, None), strict=True))


_COURSES = st.lists(
    st.one_of(
        st.just(()),
        st.lists(st.integers(0, 2), min_size=len(_DAYS), max_size=len(_DAYS)).map(_tiles),
    ),
    max_size=8,
)


@given(_COURSES)
def test_at_each_position_the_rows_are_the_course_that_was_known_there(
    courses: list[tuple[Row, ...]],
) -> None:
    kept = NOTHING_OPEN
    stored: list[tuple[Row, int, int | None]] = []
    for position, course in enumerate(courses, start=1):
        found = difference(kept, course, position)
        stored += [(row, known_from, position) for row, known_from in found.closed]
        kept = found.open
    stored += [(*one, None) for one in zip(kept.rows, kept.known_from, strict=True)]
    for position, course in enumerate(courses, start=1):
        known = {
            row for row, since, until in stored if since <= position < (until or len(courses) + 1)
        }
        assert known == set(course)
    # Not a row more than differed: none is closed and opened again as it was.
    assert not [
        row
        for row, _, until in stored
        for other, since, _ in stored
        if row == other and until == since
    ]


@given(*(st.lists(st.integers(0, 2), min_size=len(_DAYS), max_size=len(_DAYS)) for _ in range(2)))
def test_the_days_that_changed_are_those_on_which_the_courses_differ(
    before: list[int], after: list[int]
) -> None:
    found = difference(difference(NOTHING_OPEN, _tiles(before), 1).open, _tiles(after), 2)
    differing = [at for at in range(len(_DAYS)) if before[at] != after[at]]
    first, until = changed(found.gone, found.come)
    if not differing:
        assert (first, until) == (None, None)
        return
    assert first == _DAYS[differing[0]]
    last = differing[-1]
    same_to_the_end = last + 1 < len(_DAYS)
    assert until == (_DAYS[last + 1] if same_to_the_end else None)


def test_the_open_rows_after_each_event_are_those_of_the_course_computed_anew() -> None:
    history = History(seed=11, subjects=1)
    history.go_on(60)
    state = UNKNOWN
    seen: list[Written] = []
    for position, written in enumerate(history.events, start=1):
        state = advance(state, recorded(position, written), _GROUND).state
        seen.append(written)
        facts = facts_of((at, one.id, one.event) for at, one in enumerate(seen, start=1))
        assert state.facts == facts
        anew = {regime: course for regime, course, _ in grades.begun(facts, _GROUND, {}, 1)}
        assert state.grades[SCORE].open.rows == anew[SCORE].open.rows
        tiles = scoring_tiles(facts, SCORE, _RULEBOOKS)
        assert [row[1] for row in state.grades[SCORE].open.rows] == [tile.from_ for tile in tiles]


def test_a_regime_that_never_applies_has_no_rows() -> None:
    history = History(seed=11, subjects=1)
    history.go_on(1)
    state = advance(UNKNOWN, recorded(1, history.events[0]), _GROUND).state
    assert set(state.grades) == {SCORE}


def test_rulebooks_that_change_nothing_change_no_row() -> None:
    history = History(seed=2, subjects=1)
    history.go_on(30)
    state = _after(history)
    step = swept(state, 31, _GROUND)
    assert not step.closed
    assert not step.added
    assert step.state == state


def test_the_timeline_says_the_grade_before_and_after_and_when_it_changed() -> None:
    history = History(seed=2, subjects=1)
    history.go_on(1)
    state = _after(history)

    event_id = history.fresh()
    fine = penalty(event_id, date(2024, 3, 1), PenaltyKind.FINE)
    step = advance(state, recorded(2, Written(subject(0), event_id, fine)), _GROUND)
    rows = [row for table, row in step.added if table.name == "timeline_change"]
    assert rows == [
        (
            subject(0),
            2,
            SCORE,
            "A",
            Decimal(100),
            "B",
            Decimal(84),
            date(2024, 3, 1),
            date(2026, 3, 2),
        )
    ]


def _after(history: History) -> SubjectState:
    state = UNKNOWN
    for position, written in enumerate(history.events, start=1):
        state = advance(state, recorded(position, written), _GROUND).state
    return state
