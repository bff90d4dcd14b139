"""Live = rebuilt, bit for bit, whatever the batches and wherever the projector was stopped."""

from random import Random

import pytest

from infra.connections import connect
from infra.generations import digests, live, stored
from infra.projector import Projector
from infra.rebuild import rebuild, verify_views
from ledger.rulebooks import shipped

from .history import History, Ledger

pytestmark = pytest.mark.pg
_COUNT = 400


def _history(ledger: Ledger) -> None:
    """Events among which an edition comes late, so that all subjects are swept."""
    cnipa, agencies, demo = shipped()
    history = History(seed=7, subjects=25)
    history.publish(cnipa)
    history.go_on(_COUNT // 2)
    history.publish(demo)
    history.go_on(_COUNT // 4)
    history.publish(agencies)
    history.go_on(_COUNT // 4)
    ledger.append(history.events, each=40)


def _all(projector: Projector, limit: int) -> None:
    while projector.step(limit):
        pass


def _rebuilt_equals_live(ledger: Ledger, shares: int | None = None) -> None:
    with connect(ledger.url) as connection:
        shown = digests(connection, live(connection))
    rebuilt = rebuild(ledger.url, ledger.log, ledger.verifier, shares=shares)
    assert (rebuilt.ok, rebuilt.differences) == (True, ())
    assert rebuilt.head == ledger.position()
    assert rebuilt.tables == shown


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_the_size_of_a_batch_does_not_show(ledger: Ledger, limit: int) -> None:
    _history(ledger)
    _all(ledger.projector(), limit)
    _rebuilt_equals_live(ledger)


def test_where_the_projector_was_stopped_does_not_show(ledger: Ledger) -> None:
    _history(ledger)
    random = Random(3)  # noqa: S311  # where it stops
    while True:
        projector = ledger.projector(states_kept=random.randrange(1, 30))
        steps = [projector.step(random.randrange(1, 60)) for _ in range(random.randrange(1, 6))]
        projector.close()
        if not any(steps):
            break
    _rebuilt_equals_live(ledger)


def test_how_many_processes_folded_does_not_show(ledger: Ledger) -> None:
    _history(ledger)
    _all(ledger.projector(), 100)
    _rebuilt_equals_live(ledger, shares=3)


def test_a_rebuild_shows_its_progress_and_the_former_generation_stays(ledger: Ledger) -> None:
    _history(ledger)
    told: list[tuple[int, int]] = []
    rebuilt = rebuild(
        ledger.url, ledger.log, ledger.verifier, lambda here, end: told.append((here, end))
    )
    assert told[-1] == (ledger.position(), ledger.position())
    with connect(ledger.url) as connection:
        assert live(connection).number == rebuilt.generation == 2
        assert [one.number for one in stored(connection)] == [1, 2]


def test_a_projector_follows_the_generation_that_is_read(ledger: Ledger) -> None:
    history = History(seed=1, subjects=3)
    history.publish(*shipped())
    ledger.append(history.events)
    projector = ledger.projector()
    _all(projector, 100)
    rebuild(ledger.url, ledger.log, ledger.verifier)
    history.events.clear()
    history.go_on(20)
    ledger.append(history.events)
    _all(projector, 100)
    assert projector.position == ledger.position()
    assert verify_views(ledger.url, ledger.log, ledger.verifier).ok


def test_a_changed_row_is_found_and_a_rebuild_mends_it(ledger: Ledger) -> None:
    _history(ledger)
    _all(ledger.projector(), 1000)
    with connect(ledger.url) as connection:
        changed = "UPDATE views_1.standing_now SET title = 'nothing' WHERE fact = (%s)"
        row = connection.execute("SELECT min(fact) FROM views_1.standing_now").fetchone()
        connection.execute(changed, row)
    found = verify_views(ledger.url, ledger.log, ledger.verifier)
    assert (found.ok, found.differences) == (False, ("standing_now",))
    assert rebuild(ledger.url, ledger.log, ledger.verifier).differences == ("standing_now",)
    assert verify_views(ledger.url, ledger.log, ledger.verifier).ok
