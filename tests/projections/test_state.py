"""The state of a subject: step by step, made at once, or brought back, it is one and the same."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from random import Random

import pytest

from ledger.courses.facts import facts_of
from ledger.edition import read_edition
from ledger.events import UNKNOWN_BASIS, Event, RoleGiven
from ledger.rulebook import Rulebooks
from ledger.rulebooks import shipped
from ledger.values import RegimeId, Role
from projections.ground import Ground, ground_of
from projections.state import UNKNOWN, Step, SubjectState, advance, restored, swept
from projections.tables import Row, TwoTimeTable

from .history import ROLES, History, Written, listed, registered, subject
from .recorded import recorded

pytestmark = pytest.mark.unit
_COUNT = 80
_EDITIONS = tuple(read_edition(text) for text in (*shipped(), ROLES))
_SEEDS = range(8)


def _grounds() -> Iterator[tuple[int, Ground]]:
    """Rulebooks as they are published: one from the beginning, all from the middle on."""
    yield 0, ground_of(Rulebooks(_EDITIONS[:1]))
    yield _COUNT // 2, ground_of(Rulebooks(_EDITIONS))


def _steps(seed: int) -> Iterator[tuple[int, list[Written], Ground, SubjectState, Step]]:
    """Each record of one subject, with all before it, the ground, and the state before it."""
    history = History(seed=seed, subjects=1)
    history.go_on(_COUNT)
    grounds = dict(_grounds())
    ground, state = grounds[0], UNKNOWN
    for place, written in enumerate(history.events):
        ground = grounds.get(place, ground)
        seen = history.events[: place + 1]
        if place in grounds and place:
            step = swept(state, 2 * place, ground)
            yield place, seen[:-1], ground, state, step
            state = step.state
        step = advance(state, recorded(2 * place + 1, written), ground)
        yield place, seen, ground, state, step
        state = step.state


def _facts(seen: list[Written]) -> Iterator[tuple[int, Written]]:
    return ((2 * at + 1, one) for at, one in enumerate(seen))


def _rows(state: SubjectState) -> list[tuple[TwoTimeTable, tuple[Row, ...]]]:
    return [(table, group.rows) for table, group in state.open()]


def _shown(state: SubjectState) -> Iterator[tuple[TwoTimeTable, Row, int]]:
    for table, group in state.open():
        yield from ((table, *one) for one in zip(group.rows, group.known_from, strict=True))


@pytest.mark.parametrize("seed", _SEEDS)
def test_step_by_step_the_rows_are_those_of_all_facts_at_once(seed: int) -> None:
    for _, seen, ground, _, step in _steps(seed):
        facts = facts_of((at, one.id, one.event) for at, one in _facts(seen))
        fresh = ground_of(ground.rulebooks)
        at_once = swept(UNKNOWN._replace(facts=facts, ended_by=step.state.ended_by), 1, fresh)
        assert step.state.facts == facts
        assert _rows(step.state) == _rows(at_once.state)


@pytest.mark.parametrize("seed", _SEEDS)
def test_what_is_brought_back_is_exactly_what_the_fold_had(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # in which order rows come
    for _, seen, ground, _, step in _steps(seed):
        rows = list(_shown(step.state))
        random.shuffle(rows)
        events = ((at, one.id, one.event) for at, one in _facts(seen))
        assert restored(events, rows, ground) == step.state


@pytest.mark.parametrize("seed", _SEEDS)
def test_a_step_from_what_was_brought_back_is_the_same_step(seed: int) -> None:
    for place, seen, ground, before, step in _steps(seed):
        if step.added:  # not the sweep
            events = ((at, one.id, one.event) for at, one in _facts(seen[:-1]))
            fresh = ground_of(ground.rulebooks)
            back = restored(events, _shown(before), fresh)
            assert advance(back, recorded(2 * place + 1, seen[-1]), fresh) == step


@pytest.mark.parametrize("seed", _SEEDS)
def test_a_step_tells_exactly_the_rows_that_it_opened_and_closed(seed: int) -> None:
    for _, _, _, before, step in _steps(seed):
        was, now = set(_shown(before)), set(_shown(step.state))
        closed = {(table, *one) for table, rows in step.closed for one in rows}
        opened = {(table, row) for table, rows in step.opened for row in rows}
        assert closed == was - now
        assert opened == {(table, row) for table, row, _ in now - was}
        assert sum(len(rows) for _, rows in step.closed) == len(closed)
        assert sum(len(rows) for _, rows in step.opened) == len(opened)


def test_subjects_of_one_kind_whose_roles_differ_have_each_its_own_course() -> None:
    ground, history = ground_of(Rulebooks(_EDITIONS)), History(seed=1, subjects=1)
    for number, since in enumerate((date(2021, 1, 1), date(2022, 1, 1))):
        told: tuple[Event, ...] = (
            registered(number),
            RoleGiven(role=Role("patent-agency"), effective_on=since, basis=UNKNOWN_BASIS),
        )
        state = UNKNOWN
        for at, event in enumerate(told, start=1):
            written = Written(subject(number), history.fresh(), event)
            state = advance(state, recorded(at, written), ground).state
        first, graded = state.grades[RegimeId("demo/roles/score")].open.rows
        assert (first[2], first[3]) == (since, "does-not-apply")
        assert (graded[1], graded[3]) == (since, "graded")


def test_a_role_given_for_an_earlier_day_changes_what_a_list_caps() -> None:
    ground, history = ground_of(Rulebooks(_EDITIONS)), History(seed=1, subjects=1)
    score, listing = RegimeId("demo/roles/score"), history.fresh()

    def role(since: date) -> RoleGiven:
        return RoleGiven(role=Role("patent-agency"), effective_on=since, basis=UNKNOWN_BASIS)

    told: tuple[Event, ...] = (
        registered(0),
        role(date(2023, 1, 1)),
        # No regime takes it yet, so that it lasts; then it is one of the role's, and ends.
        listed(listing, date(2022, 1, 1), "x"),
        role(date(2021, 1, 1)),
    )
    state, ends = UNKNOWN, []
    for at, event in enumerate(told, start=1):
        written = Written(subject(0), listing, event)
        state = advance(state, recorded(at, written), ground).state
        rows = state.grades[score].open.rows if score in state.grades else ()
        last = rows[-1] if rows else None
        ends.append(None if last is None else (last[1], last[6]))
    assert ends == [
        None,
        (date(2023, 1, 1), Decimal(10)),
        (date(2023, 1, 1), Decimal(5)),
        (date(2023, 1, 2), Decimal(10)),
    ]


def test_memory_of_another_history_of_the_subject_does_not_show() -> None:
    """A rebuilt generation, or a projector that lost its place, folds what was folded before."""
    ground = ground_of(Rulebooks(_EDITIONS))
    ends = []
    for seed in (1, 2, 1):
        history = History(seed=seed, subjects=1)
        history.go_on(_COUNT)
        state = UNKNOWN
        for at, one in enumerate(history.events, start=1):
            state = advance(state, recorded(at, one), ground).state
        ends.append(state)
    assert ends[0] == ends[2] != ends[1]
