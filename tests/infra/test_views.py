"""Every question, against answers worked out from the whole history by the pure courses."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from threading import Thread
from typing import Any

import pytest
from psycopg import sql

from infra import clock
from infra.connections import Pool, connect, open_pool
from infra.generations import (
    Generation,
    NoGeneration,
    ensure_live,
    make_indexes,
    make_keys,
    make_tables,
    switch_to,
)
from infra.views import Views
from infra.views.waiting import Waiting
from ledger.courses.interval import holding_on
from ledger.courses.listing import listings_of
from ledger.courses.measures import measures_course
from ledger.courses.scoring import scoring_tiles
from ledger.edition import read_edition
from ledger.events import SubjectRenamed
from ledger.folding import fold_name
from ledger.identifiers import (
    Identifier,
    IdentifierKind,
    index_keys,
    organisation_code,
    organisation_code_of,
)
from ledger.rulebook import Rulebooks, ScoringRegime
from ledger.rulebooks import shipped
from ledger.values import ListId, Name, RegimeId
from projections.answers import At, GradeRow, ListingRow, MeasureRow, Page, SubjectSummary
from projections.fold import effective_on
from tests.projections.history import (
    MEASURES,
    ROLES,
    SCORE,
    History,
    Ledger,
    Written,
    registered,
    subject,
)

from .told import Told

pytestmark = pytest.mark.pg
_SUBJECTS = 8
_LISTS = ("cnipa-serious", "demo-serious", "x")
_AGES_AGO = date(1990, 1, 1)


@dataclass(frozen=True, slots=True)
class Shown:
    """A ledger whose whole history is shown."""

    url: str
    pool: Pool
    views: Views
    told: Told


@pytest.fixture(scope="module")
def shown(module_database_url: str) -> Iterator[Shown]:
    ledger = Ledger(module_database_url)
    history = History(seed=7, subjects=_SUBJECTS)
    first, *others = shipped()
    history.publish(first)
    history.go_on(90)
    history.publish(*others, ROLES)
    history.go_on(170)
    with ExitStack() as closing:
        closing.callback(ledger.close)
        ledger.append(history.events)
        projector = ledger.projector()
        while projector.step():
            pass
        pool = closing.enter_context(open_pool(module_database_url, 4))
        yield Shown(module_database_url, pool, Views(pool), Told(module_database_url))


@pytest.fixture(scope="module")
def moments(shown: Shown) -> list[At]:
    """Days and positions by chance, most on the bounds of what holds, both sides of each."""
    random, told = Random(3), shown.told  # noqa: S311  # moments to ask about
    days = {_AGES_AGO, date(9999, 12, 31)}
    for one in told.subjects:
        facts = told.facts(one, told.head)
        for tile in told.tiles(one, SCORE, told.head):
            days |= {tile.from_, tile.from_ - timedelta(days=1)}
        for interval in listings_of(facts, told.rulebooks(told.head)):
            days |= {interval.from_, interval.until or interval.from_}
        for runs in measures_course(facts, MEASURES, told.rulebooks(told.head)):
            days |= {runs.from_, runs.until or runs.from_}
    chosen = sorted(days)
    moments = [
        At(as_of=random.choice(chosen), known_at=random.randint(0, told.head)) for _ in range(60)
    ]
    return [*moments, *(At(as_of=random.choice(chosen), known_at=told.head) for _ in range(20))]


def _all(ask: Any, keys: Any, limit: int) -> list[Any]:
    """The rows of all pages of a list."""
    rows: list[Any] = []
    after: tuple[str, ...] = ()
    while True:
        page: Page = ask(after=after, limit=limit)
        assert len(page.rows) <= limit
        rows += page.rows
        if not page.has_more:
            return rows
        assert len(page.rows) == limit
        after = keys(page.rows[-1])


def test_the_facts_and_rulebooks_at_each_position_are_those_recorded_up_to_it(
    shown: Shown,
) -> None:
    views, told = shown.views, shown.told
    backwards = Views(shown.pool)
    for known_at in range(told.head + 2):
        one = told.subjects[known_at % _SUBJECTS]
        assert views.facts(one, known_at) == told.facts(one, known_at)
        assert backwards.facts(one, told.head - known_at) == told.facts(one, told.head - known_at)
        assert views.rulebooks(known_at) == told.rulebooks(known_at)
    assert backwards.rulebooks(0) == Rulebooks()


def test_a_subject_is_shown_as_it_was_known(shown: Shown) -> None:
    views, told = shown.views, shown.told
    for known_at in range(0, told.head + 1, 3):
        for one in told.subjects:
            records = told.of(one, known_at)
            found = views.subject(one, known_at)
            if not records:
                assert found is None
                continue
            profile = told.facts(one, known_at).profile
            assert found is not None
            assert profile is not None
            assert (found.name, *found.former_names) == profile.names
            assert found.identifiers == profile.identifiers
            assert (found.kind, found.region, found.roles) == (
                profile.kind,
                profile.region,
                profile.roles,
            )
            assert (found.version, found.last_position, found.registered_at) == (
                records[-1].version,
                records[-1].position,
                records[0].position,
            )
    assert views.subject(subject(99), told.head) is None


def test_a_code_leads_to_its_subject_from_the_position_on_at_which_it_was_recorded(
    shown: Shown,
) -> None:
    views, told = shown.views, shown.told
    for one in told.subjects:
        registration = told.of(one, told.head)[0]
        for held in registration.event.identifiers:  # type: ignore[union-attr]  # its first event
            inner = organisation_code(organisation_code_of(held.value))
            for asked in (held, inner):
                assert views.find([asked], registration.position) == {one}
                assert views.find([asked], registration.position - 1) == frozenset()
    everyone = [
        identifier
        for one in told.subjects
        for identifier in told.facts(one, told.head).profile.identifiers  # type: ignore[union-attr]
    ]
    assert views.find(everyone, told.head) == frozenset(told.subjects)
    assert views.find([], told.head) == frozenset()
    unknown = Identifier(kind=IdentifierKind.AGENCY_CODE, value="00000")
    assert views.find([unknown], told.head) == frozenset()
    assert all(len(index_keys(one)) == 2 for one in everyone)


def test_a_course_is_the_one_computed_from_what_was_known(shown: Shown) -> None:
    views, told = shown.views, shown.told
    regimes = told.rulebooks(told.head).regime_ids(ScoringRegime)
    for known_at in range(0, told.head + 2, 2):
        one = told.subjects[known_at % _SUBJECTS]
        for regime in regimes:
            expected = scoring_tiles(told.facts(one, known_at), regime, told.rulebooks(known_at))
            assert views.course(one, regime, known_at) == expected


@pytest.mark.parametrize("limit", [1, 3, 500])
def test_pages_of_grades_hold_whose_grade_it_is_on_the_day_and_no_one_twice(
    shown: Shown, moments: list[At], limit: int
) -> None:
    for at in moments:
        rows: list[GradeRow] = _all(
            lambda at=at, **page: shown.views.grades(SCORE, at, **page),
            lambda row: (row.subject,),
            limit,
        )
        assert [
            (
                *(row.subject, row.name, row.code, row.from_, row.until, row.verified),
                *(row.edition, row.grade, row.score, row.complete),
            )
            for row in rows
        ] == shown.told.grades(at)
        for row in rows:
            first = At(as_of=at.as_of, known_at=row.known_from)
            before = At(as_of=at.as_of, known_at=row.known_from - 1)
            assert _of(shown, first, row.subject) == _said(row)
            assert _of(shown, before, row.subject) != _said(row)


def _of(shown: Shown, at: At, subject: str) -> tuple[object, ...] | None:
    return next((row[3:] for row in shown.told.grades(at) if row[0] == subject), None)


def _said(row: GradeRow) -> tuple[object, ...]:
    days = (row.from_, row.until, row.verified)
    return (*days, row.edition, row.grade, row.score, row.complete)


@pytest.mark.parametrize("regime", ["demo/roles/score", "pa-rating/agency", "none/such"])
def test_pages_of_grades_of_a_role_hold_those_who_have_it_on_the_day(
    shown: Shown, moments: list[At], regime: str
) -> None:
    found = 0
    for at in moments:
        rows: list[GradeRow] = _all(
            lambda at=at, **page: shown.views.grades(RegimeId(regime), at, **page),
            lambda row: (row.subject,),
            2,
        )
        said = [(row.subject, row.from_, row.until, row.grade, row.score) for row in rows]
        expected = shown.told.grades(at, RegimeId(regime))
        assert said == [(row[0], row[3], row[4], row[7], row[8]) for row in expected]
        found += len(said)
    assert (found > 0) == (regime != "none/such")


def test_pages_of_one_grade_hold_that_grade_alone(shown: Shown, moments: list[At]) -> None:
    for at in moments:
        expected = [(row[0], row[7]) for row in shown.told.grades(at)]
        for grade in {"A", "B", "no such grade", *(str(grade) for _, grade in expected)}:
            rows: list[GradeRow] = _all(
                lambda at=at, grade=grade, **page: shown.views.grades(
                    SCORE, at, grade=grade, **page
                ),
                lambda row: (row.subject,),
                2,
            )
            found = [(row.subject, row.grade) for row in rows]
            assert found == [one for one in expected if one[1] == grade]


@pytest.mark.parametrize("regime", [None, MEASURES, RegimeId("none/such")])
def test_measures_are_those_of_the_courses_for_all_and_for_each_subject(
    shown: Shown, moments: list[At], regime: RegimeId | None
) -> None:
    for at in moments:
        rows: list[MeasureRow] = _all(
            lambda at=at, **page: shown.views.measures(regime, at, **page),
            lambda row: (row.subject, row.regime, row.from_.isoformat(), row.finding),
            1,
        )
        found = [
            (row.subject, row.name, row.code, row.regime, row.from_, row.finding) for row in rows
        ]
        assert found == shown.told.measures(at, regime)
        for one in shown.told.subjects if regime is None else ():
            mine = shown.views.subject_measures(one, at)
            assert list(mine) == [row for row in rows if row.subject == one]


def test_listings_are_those_of_the_courses_for_all_and_for_each_subject(
    shown: Shown, moments: list[At]
) -> None:
    for at in moments:
        everywhere: list[ListingRow] = []
        for list_id in _LISTS:
            rows: list[ListingRow] = _all(
                lambda at=at, list_id=list_id, **page: shown.views.listings(
                    ListId(list_id), at, **page
                ),
                lambda row: (row.subject, row.listing),
                1,
            )
            found = [(row.subject, row.listing, row.from_, row.until) for row in rows]
            assert found == shown.told.listings(at, list_id)
            everywhere += rows
        for one in shown.told.subjects:
            mine = shown.views.subject_listings(one, at)
            assert list(mine) == [row for row in everywhere if row.subject == one]


def test_lists_count_the_subjects_that_are_on_them(shown: Shown, moments: list[At]) -> None:
    for at in moments:
        found = {one.list: one.on_it for one in shown.views.lists(at)}
        counts = {name: {row[0] for row in shown.told.listings(at, name)} for name in _LISTS}
        assert {name: found.get(ListId(name), 0) for name in _LISTS} == {
            name: len(on_it) for name, on_it in counts.items()
        }
        assert all(one.name == "演示名单" for one in shown.views.lists(at))
        assert all(shown.views.has_list(ListId(one), at.known_at) for one in found)
        assert not shown.views.has_list(ListId("nobody-was-put-on-it"), at.known_at)


def test_what_stands_against_a_subject_is_what_was_not_set_aside(
    shown: Shown, moments: list[At]
) -> None:
    for at in moments:
        for one in shown.told.subjects:
            rows = shown.views.standing(one, at)
            assert {row.fact for row in rows} == shown.told.standing(one, at)
            assert all(earlier.position < later.position for earlier, later in pairwise(rows))
            assert all(row.from_ <= at.as_of < (row.until or date.max) for row in rows) or (
                at.as_of == date.max
            )


@pytest.mark.parametrize(
    "text", ["示例", "示", "新名3", "-0.", "限公司1", "没有", "%", "_", "\\", " "]
)
def test_a_search_finds_each_name_that_holds_the_text_and_nothing_else(
    shown: Shown, text: str
) -> None:
    told, folded = shown.told, fold_name(text)
    for known_at in range(0, told.head + 1, 11):
        rows: list[SubjectSummary] = _all(
            lambda known_at=known_at, **page: shown.views.search(text, known_at, **page),
            lambda row: (row.subject,),
            3,
        )
        expected = []
        for one in told.subjects:
            profile = told.facts(one, known_at).profile
            names = [name for name in profile.names if folded in fold_name(name)] if profile else []
            if names and folded:
                expected.append((one, names[0], *told.shown(one, known_at)))
        assert [(row.subject, row.matched, row.name, row.code) for row in rows] == expected


def test_a_search_takes_signs_of_patterns_as_they_stand(database_url: str) -> None:
    ledger = Ledger(database_url)
    names = (
        "一%号公司",
        "一二号公司",
        "甲_乙公司",
        "甲丙乙公司",
        "丁\\戊公司",
        "庚\U00020000辛公司",
    )
    history = History(seed=1, subjects=1)
    for number, name in enumerate(names):
        history.events += [
            Written(subject(number), history.fresh(), registered(number)),
            Written(
                subject(number),
                history.fresh(),
                SubjectRenamed(
                    name=Name(name),
                    effective_on=date(2024, 1, 1),
                    basis=registered(number).basis,
                ),
            ),
        ]
    ledger.append(history.events)
    projector = ledger.projector()
    while projector.step():
        pass
    try:
        with open_pool(database_url, 2) as pool:
            views = Views(pool)
            asked = ("一%号", "%", "甲_乙", "_", "\\", "\\戊", "\U00020000", "％")
            found = {
                text: [
                    row.matched
                    for row in views.search(text, 100, limit=10).rows
                    if isinstance(row, SubjectSummary)
                ]
                for text in asked
            }
    finally:
        ledger.close()
    assert found == {
        "一%号": ["一%号公司"],
        "%": ["一%号公司"],
        "甲_乙": ["甲_乙公司"],
        "_": ["甲_乙公司"],
        "\\": ["丁\\戊公司"],
        "\\戊": ["丁\\戊公司"],
        "\U00020000": ["庚\U00020000辛公司"],
        "％": ["一%号公司"],
    }


def test_the_timeline_tells_each_event_and_the_grade_before_and_after(shown: Shown) -> None:
    views, told = shown.views, shown.told
    for one in told.subjects:
        records = told.of(one, told.head)
        entries = views.timeline(one, told.head, limit=500)
        assert [
            (entry.position, entry.event, entry.type, entry.version, entry.data, entry.effective_on)
            for entry in entries
        ] == [
            (made.position, made.id, made.type, made.version, made.data, effective_on(made.event))
            for made in records
        ]
        middle = records[len(records) // 2].position
        assert views.timeline(one, middle, limit=500) == entries[: len(records) // 2 + 1]
        assert (
            views.timeline(one, told.head, after=middle, limit=2)
            == (entries[len(records) // 2 + 1 :][:2])
        )
        for entry in entries:
            for change in entry.changes:
                for known_at, grade, score in (
                    (entry.position - 1, change.grade_before, change.score_before),
                    (entry.position, change.grade_after, change.score_after),
                ):
                    rulebooks = told.rulebooks(entry.position)
                    tiles = scoring_tiles(told.facts(one, known_at), change.regime, rulebooks)
                    day = entry.effective_on
                    tile = holding_on(tiles, day) if day else None
                    known = tile is not None and told.facts(one, known_at).profile is not None
                    said = (tile.value.grade, tile.value.score) if tile and known else (None, None)
                    assert (grade, score) == said
    assert views.timeline(subject(99), told.head, limit=5) == ()


def test_an_edition_is_shown_with_its_text(shown: Shown) -> None:
    for text in shipped():
        read = read_edition(text)
        found = shown.views.edition(read.id)
        assert found is not None
        assert (found.text, found.rulebook, found.digest) == (text, read.rulebook, read.digest)
    assert shown.views.edition("none-such") is None


def test_a_day_leads_to_the_last_position_before_its_end(shown: Shown) -> None:
    today = clock.today()
    assert shown.views.position_on(today + timedelta(days=1)) == shown.told.head
    assert shown.views.position_on(today) in {shown.told.head, 0}  # 0 if midnight has passed since
    assert shown.views.position_on(_AGES_AGO) == 0


def test_whoever_waits_hears_of_the_position_or_of_the_end_of_the_time(shown: Shown) -> None:
    head = shown.views.position()
    assert head == shown.told.head
    assert shown.views.wait(head, 0)
    begun = clock.elapsed()
    assert not shown.views.wait(head + 1, 0)
    assert not shown.views.wait(head + 1, 0.1)
    assert 0.1 <= clock.elapsed() - begun < 2


def test_many_wait_and_one_of_them_looks() -> None:
    looks, shown_at = [0], clock.elapsed() + 0.15

    def look() -> int:
        looks[0] += 1
        return 5 if clock.elapsed() >= shown_at else 4

    waiting, told = Waiting(look), [False] * 50

    def wait(number: int) -> None:
        told[number] = waiting.until(5, 5.0)

    threads = [Thread(target=wait, args=(number,)) for number in range(len(told))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(told)
    assert clock.elapsed() - shown_at < 1
    assert looks[0] < 300


def test_one_who_cannot_look_leaves_the_turn_to_the_next() -> None:
    answers: list[int | None] = [None, 7]

    def look() -> int:
        found = answers.pop(0)
        if found is None:
            raise ConnectionError
        return found

    waiting = Waiting(look)
    with pytest.raises(ConnectionError):
        waiting.until(7, 1.0)
    assert waiting.until(7, 1.0)


def test_another_generation_is_read_from_the_moment_on_in_which_it_is_switched_to(
    database_url: str,
) -> None:
    with connect(database_url) as connection, open_pool(database_url, 2) as pool:
        views = Views(pool)
        assert views.position() == 0
        with pytest.raises(NoGeneration):
            views.rulebooks(0)
        for known_at, generation in ((10, ensure_live(connection)), (20, Generation(2))):
            if generation.number > 1:
                make_tables(connection, generation)
                make_keys(connection, generation)
                make_indexes(connection, generation)
            query = sql.SQL("INSERT INTO {}.day VALUES ('2026-01-01', {})")
            table = sql.Identifier(generation.schema)
            connection.execute(query.format(table, known_at))
        for _ in range(8):  # also when the statements have been prepared
            assert views.position_on(date(2026, 1, 1)) == 10
            assert views.position_on(date(2025, 12, 31)) == 0
        switch_to(connection, Generation(2))
        assert views.position_on(date(2026, 1, 1)) == 20
