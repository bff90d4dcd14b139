"""The projector and a rebuild, killed at any moment; two at once; records that keep coming."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from infra import generations, rebuild, view_store
from infra import projector as projecting
from infra.connections import connect
from infra.generations import digests, drop_generations, live, stored
from infra.log_source import table_source
from infra.projector import Projector
from infra.rebuild import verify_views
from ledger.rulebooks import shipped

from .history import ROLES, History, Ledger
from .killed import killed

pytestmark = pytest.mark.pg
_COUNT = 240


def _history(ledger: Ledger, seed: int = 7) -> History:
    """Events among which editions come late, so that all subjects are swept."""
    first, *others = shipped()
    history = History(seed=seed, subjects=12)
    history.publish(first)
    history.go_on(_COUNT // 2)
    history.publish(*others, ROLES)
    history.go_on(_COUNT // 2)
    ledger.append(history.events, each=30)
    return history


def _go_on(ledger: Ledger, history: History, count: int) -> None:
    history.events.clear()
    history.go_on(count)
    ledger.append(history.events, each=7)


def _all(projector: Projector, limit: int = 40) -> None:
    while projector.step(limit):
        pass


def _project(ledger: Ledger) -> None:
    """As a process of its own does it: on a log and connections of its own."""
    projector = Projector(ledger.url, table_source(ledger.url), ledger.verifier)
    _all(projector)


def _rebuild(ledger: Ledger, shares: int) -> None:
    """Likewise."""
    rebuild.rebuild(
        ledger.url,
        table_source(ledger.url),
        ledger.verifier,
        shares=shares,
    )


def _shown(ledger: Ledger) -> dict[str, str]:
    with connect(ledger.url) as connection:
        return dict(digests(connection, live(connection)))


def _is_right(ledger: Ledger) -> None:
    """What is shown is the whole log, and exactly what a new fold of it gives."""
    found = verify_views(ledger.url, ledger.log, ledger.verifier)
    assert (found.ok, found.differences, found.head) == (True, (), ledger.position())


_STORE = view_store.ViewStore
MOMENTS = {
    "before the place is moved": ((_STORE, "move"), False),
    "when the place is moved": ((_STORE, "move"), True),
    "before some rows are added": ((view_store, "copy_rows"), False),
    "when some rows were added": ((view_store, "copy_rows"), True),
    "before some rows are taken out": ((view_store, "delete_rows"), False),
    "when all is written but not committed": ((_STORE, "write"), True),
    "when it is committed": ((projecting.Projector, "_spare"), False),
    "before a sweep": ((projecting.Projector, "_sweep"), False),
    "when it has swept": ((projecting.Projector, "_sweep"), True),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_projector_that_is_killed_leaves_whole_transactions_and_the_next_goes_on(
    ledger: Ledger, moment: str
) -> None:
    _history(ledger)
    where, behind = MOMENTS[moment]
    random = Random(moment)  # noqa: S311  # how often all goes well before
    kills = 0
    while killed(lambda: _project(ledger), where, random.randrange(4), behind=behind):
        kills += 1
        if kills == 3:
            break
    assert kills, "it died at least once"
    _all(ledger.projector())
    _is_right(ledger)


def test_a_connection_that_is_cut_is_made_anew_and_nothing_is_lost(ledger: Ledger) -> None:
    _history(ledger)
    projector = ledger.projector()
    cuts = 0

    @contextmanager
    def cut(store: Any) -> Iterator[None]:
        with connect(ledger.url) as other:
            pid = store._connection.info.backend_pid
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        yield

    random = Random(3)  # noqa: S311  # when it is cut
    while True:
        with pytest.MonkeyPatch.context() as patch:
            if random.random() < 0.4:
                patch.setattr(_STORE, "transaction", cut)
            try:
                if not projector.step(17):
                    break
            except psycopg.OperationalError:
                cuts += 1
    assert cuts
    _is_right(ledger)


def test_two_projectors_at_once_write_every_record_once(ledger: Ledger) -> None:
    _history(ledger)
    moved = [0, 0]
    projectors = [ledger.projector(), ledger.projector()]

    def run(number: int) -> None:
        while projectors[number].position < ledger.position():
            moved[number] += projectors[number].step(5)

    threads = [Thread(target=run, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(moved) == ledger.position()
    _is_right(ledger)


def test_a_rebuild_while_records_keep_coming_ends_and_shows_them_all(ledger: Ledger) -> None:
    history, stop = _history(ledger), Event()
    projector = ledger.projector()
    _all(projector)

    def follow() -> None:
        while not stop.is_set():
            projector.step(10)

    def record() -> None:
        for _ in range(15):
            _go_on(ledger, history, 10)

    threads = [Thread(target=follow), Thread(target=record)]
    for thread in threads:
        thread.start()
    try:
        rebuilt = rebuild.rebuild(ledger.url, ledger.log, ledger.verifier)
    finally:
        threads[1].join()
        stop.set()
        threads[0].join()
    assert (rebuilt.ok, rebuilt.generation) == (True, 2)
    _all(projector)
    assert projector.position == ledger.position()
    _is_right(ledger)


_PHASES = {
    "when it has made tables": ((rebuild, "make_tables"), 0, True),
    "while it folds": ((_STORE, "write"), 1, False),
    "when it has folded": ((rebuild, "_index"), 0, False),
    "while it indexes": ((rebuild, "make_indexes_of"), 3, True),
    "when it has indexed": ((rebuild, "_index"), 0, True),
    "while it compares": ((generations, "_digest"), 5, True),
    "before it switches": ((rebuild, "switch_to"), 0, False),
    "when it has switched": ((rebuild, "switch_to"), 0, True),
    "before it drops what is no longer kept": ((rebuild, "drop_generations"), 2, False),
}


@pytest.mark.parametrize("shares", [1, 2])
@pytest.mark.parametrize("phase", _PHASES)
def test_a_rebuild_that_is_killed_leaves_one_whole_generation_to_read(
    ledger: Ledger, phase: str, shares: int
) -> None:
    history = _history(ledger)
    _all(ledger.projector())
    before = _shown(ledger)
    where, after, behind = _PHASES[phase]

    assert killed(lambda: _rebuild(ledger, shares), where, after, behind=behind)
    assert _shown(ledger) == before
    _go_on(ledger, history, 20)
    _all(ledger.projector())
    _is_right(ledger)
    assert rebuild.rebuild(ledger.url, ledger.log, ledger.verifier).ok
    with connect(ledger.url) as connection:
        drop_generations(connection, keep_former=False)
        assert stored(connection) == (live(connection),)


def test_where_a_process_of_a_rebuild_is_killed_one_alone_does_the_work(ledger: Ledger) -> None:
    _history(ledger)
    _all(ledger.projector())
    shown = _shown(ledger)
    assert not killed(lambda: _rebuild(ledger, 2), (rebuild, "_fold_share"), 0, behind=False)
    with connect(ledger.url) as connection:
        assert live(connection).number == 2
    assert _shown(ledger) == shown


def test_two_rebuilds_at_once_go_one_after_the_other(ledger: Ledger) -> None:
    _history(ledger)
    _all(ledger.projector())
    found: list[rebuild.Rebuilt] = []

    def run() -> None:
        found.append(rebuild.rebuild(ledger.url, ledger.log, ledger.verifier))

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.generation for one in found) == [2, 3]
    assert all(one.ok for one in found)
    _is_right(ledger)
