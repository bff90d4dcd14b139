"""A rebuild that was killed goes on where it was, if the same version of the fold does so."""

from typing import Any

import pytest

from infra import rebuild
from infra.connections import connect
from infra.generations import Generation, digests, live, place_of, stored, unfinished
from infra.view_store import ViewStore
from ledger.rulebooks import shipped

from .history import History, Ledger
from .killed import killed

pytestmark = pytest.mark.pg
_COUNT = 400
_NEXT = Generation(2)


@pytest.fixture
def shown(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What is shown of a ledger, of which a rebuild folds 50 records at a time."""
    monkeypatch.setattr(rebuild, "_BATCH", 50)
    history = History(seed=7, subjects=25)
    history.publish(*shipped())
    history.go_on(_COUNT)
    ledger.append(history.events, each=10)
    projector = ledger.projector()
    while projector.step():
        pass
    with connect(ledger.url) as connection:
        return dict(digests(connection, live(connection)))


def _rebuild(ledger: Ledger, shares: int) -> rebuild.Rebuilt:
    return rebuild.rebuild(
        ledger.url, ledger.log, ledger.verifier, lambda _here, _end: None, shares=shares
    )


def _kill(ledger: Ledger, shares: int, where: tuple[Any, str], after: int) -> int:
    """Kill a rebuild, and give the identity of a table that it leaves behind."""
    assert killed(lambda: _rebuild(ledger, shares), where, after, behind=False)
    return _table(ledger)


def _table(ledger: Ledger) -> int:
    with connect(ledger.url) as connection:
        row = connection.execute("SELECT to_regclass('views_2.timeline')::oid").fetchone()
    assert row is not None
    return int(row[0])


def test_one_process_goes_on_where_it_was(ledger: Ledger, shown: dict[str, str]) -> None:
    left = _kill(ledger, 1, (ViewStore, "write"), 4)
    with connect(ledger.url) as connection:
        place = place_of(connection, _NEXT)
        assert place is not None
        assert 0 < place.position < ledger.position()
    rebuilt = _rebuild(ledger, 1)
    assert (rebuilt.ok, rebuilt.generation, rebuilt.tables) == (True, 2, shown)
    assert _table(ledger) == left


def test_several_processes_go_on_each_where_it_was(ledger: Ledger, shown: dict[str, str]) -> None:
    left = _kill(ledger, 2, (rebuild, "shares_shown"), 0)
    rebuilt = _rebuild(ledger, 1)
    assert (rebuilt.ok, rebuilt.generation, rebuilt.tables) == (True, 2, shown)
    assert _table(ledger) == left


def test_one_that_had_some_indexes_makes_the_others(ledger: Ledger, shown: dict[str, str]) -> None:
    left = _kill(ledger, 1, (rebuild, "make_indexes_of"), 4)
    rebuilt = _rebuild(ledger, 1)
    assert (rebuilt.ok, rebuilt.tables) == (True, shown)
    assert _table(ledger) == left
    with connect(ledger.url) as connection:
        indexes = {
            schema: {name for _, name in rows}
            for schema in ("views_1", "views_2")
            if (
                rows := connection.execute(
                    "SELECT tablename, indexname FROM pg_indexes WHERE schemaname = %s", (schema,)
                ).fetchall()
            )
        }
    assert indexes["views_1"] == indexes["views_2"]


def test_what_another_version_has_folded_is_dropped(
    ledger: Ledger, shown: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = _kill(ledger, 1, (ViewStore, "write"), 4)
    monkeypatch.setattr(rebuild, "fold_version", lambda: "another")
    rebuilt = _rebuild(ledger, 1)
    assert (rebuilt.ok, rebuilt.tables) == (True, shown)
    assert _table(ledger) != left


def test_one_that_is_read_is_never_taken_for_unfinished(
    ledger: Ledger, shown: dict[str, str]
) -> None:
    for number in (2, 3):
        rebuilt = _rebuild(ledger, 1)
        assert (rebuilt.ok, rebuilt.generation, rebuilt.tables) == (True, number, shown)
        with connect(ledger.url) as connection:
            assert unfinished(connection) is None
            assert [one.number for one in stored(connection)] == [number - 1, number]
