"""Questions that are asked together are answered from one sight of the views."""

from collections.abc import Iterator
from threading import Thread

import pytest

from infra.connections import Pool, open_pool
from infra.views import Views
from tests.projections.history import History, Ledger

pytestmark = pytest.mark.pg


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    ledger = Ledger(database_url)
    yield ledger
    ledger.close()


@pytest.fixture
def pool(database_url: str) -> Iterator[Pool]:
    # One connection: a question that took a second one would never be answered.
    with open_pool(database_url, 1) as pool:
        yield pool


def test_what_is_shown_meanwhile_is_not_seen_by_questions_asked_together(
    ledger: Ledger, pool: Pool
) -> None:
    views, projector = Views(pool), ledger.projector()
    history = History(seed=7, subjects=3)
    history.go_on(10)
    ledger.append(history.events[:5])
    projector.step()
    before = ledger.position()
    with views.together():
        assert views.position() == before
        ledger.append(history.events[5:])
        projector.step()
        assert views.position() == before
        assert views.rulebooks(before).regime_ids() == ()
    assert views.position() == ledger.position() > before


def test_a_thread_never_sees_the_sight_of_another(ledger: Ledger, database_url: str) -> None:
    projector = ledger.projector()
    history = History(seed=7, subjects=3)
    history.go_on(10)
    ledger.append(history.events[:5])
    projector.step()
    with open_pool(database_url, 2) as pool:
        views, seen = Views(pool), list[int]()
        with views.together():
            ledger.append(history.events[5:])
            projector.step()
            asking = Thread(target=lambda: seen.append(views.position()))
            asking.start()
            asking.join()
        assert seen == [ledger.position()]


def test_a_sight_ends_with_its_block_even_by_an_error(ledger: Ledger, pool: Pool) -> None:
    views, projector = Views(pool), ledger.projector()
    history = History(seed=7, subjects=3)
    history.go_on(5)
    projector.step()
    with pytest.raises(ZeroDivisionError), views.together():
        raise ZeroDivisionError
    ledger.append(history.events)
    projector.step()
    assert views.position() == ledger.position()
