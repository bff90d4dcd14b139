"""Reading the former generation again: level when it is read, whatever ends it, whoever reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from infra import switching
from infra.connections import connect, open_pool
from infra.generations import alone, digests, live
from infra.log_source import table_source
from infra.rebuild import rebuild, verify_views
from infra.switching import NotSwitchable, planned_switch, switch_back
from infra.views import Views
from ledger.rulebooks import shipped

from .history import ROLES, History, Ledger
from .killed import killed

pytestmark = pytest.mark.pg


@pytest.fixture
def history(ledger: Ledger) -> History:
    """A ledger whose second generation is read, and has come further than the first."""
    history = History(seed=7, subjects=8)
    history.publish(*shipped(), ROLES)
    history.go_on(60)
    ledger.append(history.events, each=10)
    project(ledger)
    rebuild(ledger.url, ledger.log, ledger.verifier)
    go_on(ledger, history, 60)
    project(ledger)
    return history


def project(ledger: Ledger) -> None:
    projector = ledger.projector()
    while projector.step(40):
        pass


def go_on(ledger: Ledger, history: History, count: int) -> None:
    history.events.clear()
    history.go_on(count)
    ledger.append(history.events, each=7)


def switch(ledger: Ledger) -> switching.Switch:
    """As a process of its own does it."""
    return switch_back(ledger.url, table_source(ledger.url), ledger.verifier)


def shown(ledger: Ledger) -> dict[str, str]:
    with connect(ledger.url) as connection:
        return dict(digests(connection, live(connection)))


def read(ledger: Ledger) -> int:
    with connect(ledger.url) as connection:
        return live(connection).number


def test_the_former_generation_is_level_in_the_moment_when_it_is_read(
    ledger: Ledger, history: History
) -> None:
    before = planned_switch(ledger.url)
    assert (before.read.number, before.former.number) == (2, 1)
    assert before.behind == before.read.position - before.former.position > 50
    views = shown(ledger)
    told: list[tuple[int, int]] = []
    after = switch_back(
        ledger.url, ledger.log, ledger.verifier, lambda here, end: told.append((here, end))
    )
    assert shown(ledger) == views
    assert (after.read.number, after.former.number) == (1, 2)
    assert after.read.position == after.former.position == before.read.position
    assert told[-1] == (ledger.position(), ledger.position())
    go_on(ledger, history, 20)
    project(ledger)
    assert verify_views(ledger.url, ledger.log, ledger.verifier).ok


@pytest.mark.usefixtures("history")
def test_what_came_since_it_was_close_is_folded_before_it_is_read(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = shown(ledger)
    monkeypatch.setattr(switching, "_approach", lambda *_: None)  # all of it came since
    assert switch(ledger).read.position == ledger.position()
    assert shown(ledger) == views


def test_switched_back_twice_the_first_one_is_read_again(ledger: Ledger, history: History) -> None:
    switch(ledger)
    go_on(ledger, history, 20)
    project(ledger)
    views = shown(ledger)
    assert switch(ledger).read.number == 2
    assert shown(ledger) == views


@pytest.mark.usefixtures("history")
def test_nobody_ever_sees_the_ledger_go_back(ledger: Ledger) -> None:
    stop, seen = Event(), list[int]()
    pool = open_pool(ledger.url, 2)
    views = Views(pool)

    def look() -> None:
        while not stop.is_set():
            seen.append(views.position())

    reader = Thread(target=look)
    reader.start()
    try:
        for number in (1, 2, 1):
            assert switch(ledger).read.number == number
    finally:
        stop.set()
        reader.join()
        pool.close()
    assert seen == sorted(seen)
    assert set(seen) == {ledger.position()}


def test_records_that_keep_coming_are_all_shown_and_a_running_projector_follows(
    ledger: Ledger, history: History
) -> None:
    stop, seen = Event(), list[int]()
    projector = ledger.projector()
    pool = open_pool(ledger.url, 2)
    views = Views(pool)

    def follow() -> None:
        while not stop.is_set():
            projector.step(10)
            seen.append(views.position())

    def record() -> None:
        for _ in range(15):
            go_on(ledger, history, 8)

    threads = [Thread(target=follow), Thread(target=record)]
    for thread in threads:
        thread.start()
    try:
        for number in (1, 2, 1):
            assert switch(ledger).read.number == number
    finally:
        threads[1].join()
        stop.set()
        threads[0].join()
        pool.close()
    assert seen == sorted(seen), "a position that was shown is shown ever after"
    project(ledger)
    assert read(ledger) == 1
    assert verify_views(ledger.url, ledger.log, ledger.verifier).ok


_MOMENTS = {
    "before it folds": ((switching, "_approach"), False),
    "when it has folded": ((switching, "_approach"), True),
    "before it holds the place": ((switching, "_switch_level"), False),
    "before it switches": ((switching, "switch_to"), False),
    "when it has switched and not committed": ((switching, "switch_to"), True),
}


@pytest.mark.parametrize("moment", _MOMENTS)
@pytest.mark.usefixtures("history")
def test_one_that_is_killed_leaves_what_is_read_as_it_was_and_can_be_run_again(
    ledger: Ledger, moment: str
) -> None:
    views = shown(ledger)
    where, behind = _MOMENTS[moment]
    assert killed(lambda: switch(ledger), where, 0, behind=behind)
    assert (read(ledger), shown(ledger)) == (2, views)
    assert switch(ledger).read.number == 1
    assert shown(ledger) == views


@contextmanager
def refused(ledger: Ledger, *said: str) -> Iterator[None]:
    """It is refused in the block, in these words, and what is read stays."""
    before = read(ledger)
    with pytest.raises(NotSwitchable) as raised:
        yield
    assert read(ledger) == before
    for one in said:
        assert one in str(raised.value)


def test_without_a_former_generation_it_is_refused(ledger: Ledger) -> None:
    project(ledger)
    with refused(ledger, "generation 1 is read", "no former one is kept"):
        switch(ledger)
    with refused(ledger, "no former one is kept"):
        planned_switch(ledger.url)


@pytest.mark.usefixtures("history")
def test_one_whose_schema_is_gone_is_refused(ledger: Ledger) -> None:
    with connect(ledger.url) as connection:
        connection.execute("DROP SCHEMA views_1 CASCADE")
    with refused(ledger, "generation 1 is not there any more", "rebuild"):
        switch(ledger)


@pytest.mark.usefixtures("history")
def test_one_that_another_version_made_is_refused(ledger: Ledger) -> None:
    with connect(ledger.url) as connection:
        connection.execute("ALTER TABLE views_1.timeline RENAME COLUMN major TO minor")
    with refused(ledger, "another version", "timeline.major", "rebuild"):
        switch(ledger)


@pytest.mark.usefixtures("history")
def test_one_that_was_made_from_another_history_is_refused(ledger: Ledger) -> None:
    with connect(ledger.url) as connection:
        connection.execute(
            "UPDATE projection_place SET chain_hash = sha256('another') WHERE generation = 1"
        )
    with refused(ledger, "cannot be brought level with generation 2", "another history"):
        switch(ledger)


@pytest.mark.usefixtures("history")
def test_while_the_views_are_made_anew_it_is_refused(ledger: Ledger) -> None:
    with connect(ledger.url) as connection, alone(connection), refused(ledger, "being made anew"):
        switch(ledger)
    assert switch(ledger).read.number == 1
