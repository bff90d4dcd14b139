"""No question goes through a whole table: what it costs grows with its answer."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, LiteralString

import pytest

from infra.connections import connect, open_pool
from infra.generations import ensure_live
from infra.sql import queries
from infra.views.snapshots import Snapshot, Snapshots

pytestmark = pytest.mark.pg
_FILLED: Final = Path(__file__).with_name("views_filled.sql")
_SUBJECTS: Final = 20_000
"""How many that file makes."""
_SUBJECT: Final = f"s-{_SUBJECTS // 2:026}"
_AT: Final[Mapping[str, object]] = {"as_of": date(2025, 6, 1), "limit": 101}
_ONE: Final = {"subject": _SUBJECT, "regime": "r/s", "after": 0, "first": 1, "last": 90_000}
_MANY: Final[Mapping[str, Mapping[str, object]]] = {
    "grades": {"regime": "r/s", "grade": None, "after": _SUBJECT},
    "measures": {
        "regime": "r/m",
        "after": _SUBJECT,
        "after_regime": "r/m",
        "after_from": date(2024, 1, 1),
        "after_finding": "f",
    },
    "listings": {"list": "list", "after": _SUBJECT, "after_listing": "l"},
    "search": {"grams": ["公司", "司1", "12", "23"], "pattern": "%公司123%", "after": ""},
}


@pytest.fixture(scope="module")
def snapshot(module_database_url: str) -> Iterator[Snapshot]:
    """A sight of views that hold many subjects."""
    with connect(module_database_url) as connection:
        schema = ensure_live(connection).schema
        connection.execute("SELECT set_config('search_path', %s, false)", [schema])
        for query in queries(_FILLED).values():
            connection.execute(query)
        connection.execute("VACUUM ANALYZE")
    with open_pool(module_database_url, 1) as pool, Snapshots(pool).take() as snapshot:
        yield snapshot


def _plan(
    snapshot: Snapshot, query: LiteralString, asked: Mapping[str, object]
) -> Iterator[dict[str, Any]]:
    """The steps of its plan, as it was carried out."""
    ((found,),) = snapshot.rows(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}", asked)
    steps = [found[0]["Plan"]]
    while steps:
        step = steps.pop()
        steps += step.get("Plans", [])
        yield step


def _looked_at(step: dict[str, Any]) -> int:
    """How many rows a step went through, whether it kept them or not."""
    dropped = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    rows: float = step["Actual Rows"] + sum(step.get(name, 0) for name in dropped)
    loops: float = step["Actual Loops"]
    return round(rows * loops)


def _is_read_by_index(
    snapshot: Snapshot, query: LiteralString, asked: Mapping[str, object], rows_max: int
) -> None:
    for step in _plan(snapshot, query, asked):
        assert step["Node Type"] != "Seq Scan", step
        assert _looked_at(step) <= rows_max, step


@pytest.mark.parametrize("known_at", [100, 10_000, 45_000, 90_000])
@pytest.mark.parametrize("name", sorted(_MANY))
def test_a_page_is_read_by_index_and_goes_through_no_more_than_some_pages(
    snapshot: Snapshot, name: str, known_at: int
) -> None:
    query = queries("infra/views/lists.sql")[name]
    told = {"known_at": known_at, "is_past": known_at < 90_000}
    questions = [_MANY[name]]
    if "grade" in _MANY[name]:
        questions.append({**_MANY[name], "grade": "B"})
    if name == "measures":
        questions.append({**_MANY[name], "regime": None})
    for question in questions:
        _is_read_by_index(snapshot, query, {**_AT, **told, **question}, 30 * 101)


@pytest.mark.parametrize("name", sorted(queries("infra/views/subjects.sql")))
def test_what_concerns_one_subject_is_read_by_index(snapshot: Snapshot, name: str) -> None:
    query = queries("infra/views/subjects.sql")[name]
    asked = {**_AT, **_ONE, "known_at": 10_000, "kinds": ["agency-code"], "values": ["77"]}
    _is_read_by_index(snapshot, query, asked, 20)


@pytest.mark.parametrize("name", ["last", "events"])
def test_the_events_of_one_subject_are_read_by_index(snapshot: Snapshot, name: str) -> None:
    query = queries("infra/views/records.sql")[name]
    _is_read_by_index(snapshot, query, {**_ONE, "known_at": 10_000}, 20)
