"""Who waits is told once the record was read back from the log and accepted, and not before."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg
import pytest
from kafka import errors

from infra import follower
from infra.follower import Follower
from infra.kafka_clients import KafkaUnreachable
from infra.kafka_log import TopicMadeAnew
from infra.reader import Reader
from ledger.acceptance import Arrival
from ledger.log import Place, Receipt
from ledger.record import chain_hash, leaf_hash
from tests.contracts import Store, append
from tests.stores import memory_store
from tests.waiting import wait_until

PATIENCE_S: Final = 20


class Gated:
    """The log of a store, of which a reader sees only what the test has let through."""

    topic_id = "memory"

    def __init__(self, store: Store) -> None:
        self._log = store.log
        self.shown = 0
        self.faults: list[Exception] = []
        self.closed = 0
        self.woken = threading.Event()

    def read(self, offset: int, limit: int) -> Sequence[Arrival]:
        if self.faults:
            raise self.faults.pop()
        return self._log.read(offset, max(0, min(limit, self.shown - offset)))

    def end(self) -> int:
        return self.shown

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def store() -> Store:
    """A ledger with three records behind its term, the last two in one batch."""
    store = memory_store()
    store.sequencer.append([append("a", 1)])
    store.sequencer.append([append("a", 2, count=2)])
    return store


@pytest.fixture
def log(store: Store) -> Gated:
    return Gated(store)


def follower_of(store: Store, log: Gated, *places: Place) -> Follower:
    return Follower(
        lambda: log,
        lambda: store.verifier,
        lambda _: places,
        lambda position, _: store.log.read(position - 1, 1)[0],
        wake_gate=log.woken.set,
    )


@contextmanager
def following(store: Store, log: Gated, *places: Place) -> Iterator[Follower]:
    found = follower_of(store, log, *places)
    found.start()
    try:
        yield found
    finally:
        found.stop()


def chain(store: Store, position: int) -> bytes:
    return bytes.fromhex(expected(store, position).chain_hash)


def expected(store: Store, position: int) -> Receipt:
    arrival = store.records()[position - 1]
    assert arrival.fields is not None
    leaf = leaf_hash(arrival.value)
    return Receipt(
        position=position,
        leaf_hash=leaf.hex(),
        chain_hash=chain_hash(arrival.fields.prev, leaf).hex(),
        partition=0,
        offset=position - 1,
    )


def test_a_record_is_entered_when_its_batch_was_read_back(store: Store, log: Gated) -> None:
    told: list[Receipt] = []
    log.shown = 3  # half of the last batch
    with following(store, log) as found:
        found.tell(3, chain(store, 3), told.append)
        found.wait(2, PATIENCE_S)
        wait_until(lambda: found._reader is not None and found._reader.pending == 1, PATIENCE_S)
        assert (found.entered.position, told) == (2, [])
        with pytest.raises(TimeoutError):
            found.wait(3, 0)
        log.shown = 4
        found.hint()
        found.wait(4, PATIENCE_S)
        assert found.receipt(4, chain(store, 4)) == expected(store, 4)
        wait_until(lambda: bool(told), PATIENCE_S)
        assert told == [expected(store, 3)]


def test_everybody_who_waits_is_told_of_their_own_record(store: Store, log: Gated) -> None:
    with following(store, log) as found:
        told: dict[int, list[Receipt]] = {position: [] for position in range(1, 5)}
        for position in (4, 2, 2, 3, 1):
            found.tell(position, chain(store, position), told[position].append)
        log.shown = 4
        found.wait(4, PATIENCE_S)
        wait_until(lambda: sum(map(len, told.values())) == 5, PATIENCE_S)
        assert {place: set(one) for place, one in told.items()} == {
            place: {expected(store, place)} for place in told
        }


def test_what_is_entered_already_is_told_at_once(store: Store, log: Gated) -> None:
    log.shown = 4
    with following(store, log) as found:
        found.wait(4, PATIENCE_S)
        told: list[tuple[Receipt, str]] = []
        found.tell(
            2, chain(store, 2), lambda one: told.append((one, threading.current_thread().name))
        )
        assert told == [(expected(store, 2), threading.current_thread().name)]
        assert found.remembered(3, chain(store, 3)) == expected(store, 3)
        assert found.receipt(1, chain(store, 1)) == expected(store, 1)


def test_what_was_entered_before_it_began_is_looked_up(store: Store, log: Gated) -> None:
    place = Reader(store.log, store.verifier).poll()[1].place
    log.shown = 2
    with following(store, log, place) as found:
        assert found.entered == place
        assert found.remembered(1, chain(store, 1)) is None
        assert found.receipt(1, chain(store, 1)) == expected(store, 1)
        found.wait(2, 0)
        assert found.receipt(2, chain(store, 2)) == expected(store, 2)
        log.shown = 4
        found.wait(4, PATIENCE_S)
        assert found.receipt(4, chain(store, 4)) == expected(store, 4)


def test_one_who_does_not_take_the_receipt_keeps_nobody_from_it(store: Store, log: Gated) -> None:
    """Whatever told raised once ended the thread, and nothing was entered any more."""

    def gone(_: Receipt) -> None:
        raise RuntimeError("Event loop is closed")

    told: list[Receipt] = []
    with following(store, log) as found:
        found.tell(2, chain(store, 2), gone)
        found.tell(2, chain(store, 2), told.append)
        log.shown = 2
        found.wait(2, PATIENCE_S)
        log.shown = 4
        found.wait(4, PATIENCE_S)
        assert found.receipt(4, chain(store, 4)) == expected(store, 4)
        assert told == [expected(store, 2)]


def test_a_wait_that_was_given_up_leaves_the_record_to_be_told_later(
    store: Store, log: Gated
) -> None:
    with following(store, log) as found:
        with pytest.raises(TimeoutError):
            found.wait(2, 0.01)
        log.shown = 4
        found.wait(2, PATIENCE_S)
        assert found.receipt(2, chain(store, 2)) == expected(store, 2)


def test_a_log_that_cannot_be_read_for_a_while_is_read_again(
    store: Store, log: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "_RETRY_S", 0.01)
    log.shown = 4
    log.faults = [psycopg.OperationalError("away")] * 3
    with following(store, log) as found:
        found.wait(4, PATIENCE_S)
        assert found.receipt(4, chain(store, 4)) == expected(store, 4)
        assert log.faults == []


def test_an_error_that_nobody_foresaw_does_not_end_it(
    store: Store, log: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It did: the broker of a leader was not known yet, and nothing was ever entered again."""
    monkeypatch.setattr(follower, "_RETRY_S", 0.01)
    log.shown = 4
    log.faults = [errors.UnknownBrokerIdError(3), RuntimeError("another")]
    with following(store, log) as found:
        found.wait(4, PATIENCE_S)
        assert log.faults == []


def test_planted_records_are_never_entered(store: Store, log: Gated) -> None:
    class Planted(Gated):
        def read(self, offset: int, limit: int) -> Sequence[Arrival]:
            found = list(super().read(offset, limit))
            return [
                Arrival(b"?", None, one.offset, 0, None) if one.offset == 1 else one
                for one in found
            ]

    planted = Planted(store)
    planted.shown = 4
    with following(store, planted) as found:
        found.wait(1, PATIENCE_S)
        wait_until(lambda: found.refused == {"unreadable": 1, "unknown-prev": 2}, PATIENCE_S)
        assert found.entered.position == 1


def test_only_so_many_are_remembered(
    store: Store, log: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "_RECENT_KEPT", 2)
    log.shown = 4
    with following(store, log) as found:
        found.wait(4, PATIENCE_S)
        assert found.remembered(2, chain(store, 2)) is None
        assert found.remembered(3, chain(store, 3)) == expected(store, 3)
        found.wait(1, 0)
        assert found.receipt(1, chain(store, 1)) == expected(store, 1)


def test_it_is_stopped_once_it_was_started_or_not(store: Store, log: Gated) -> None:
    never = follower_of(store, log)
    never.stop()
    with following(store, log) as found:
        pass
    assert not found._thread.is_alive()
    found.stop()


def test_a_record_that_lost_its_position_to_another_one_is_never_told(
    store: Store, log: Gated
) -> None:
    told: list[Receipt] = []
    log.shown = 3
    with following(store, log) as found:
        found.wait(2, PATIENCE_S)
        found.tell(2, bytes(32), told.append)
        found.tell(4, bytes(32), told.append)
        found.tell(4, chain(store, 4), told.append)
        log.shown = 4
        wait_until(lambda: bool(told), PATIENCE_S)
        assert told == [expected(store, 4)]
        assert found.receipt(2, bytes(32)) is None
        assert found.remembered(2, bytes(32)) is None


@pytest.mark.parametrize("error", [KafkaUnreachable("away"), TopicMadeAnew("another one")])
def test_a_log_that_is_not_what_it_was_is_opened_again_and_the_gate_is_told(
    store: Store, log: Gated, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "_RETRY_S", 0.01)
    log.shown = 2
    with following(store, log) as found:
        found.wait(2, PATIENCE_S)
        log.faults = [error]
        wait_until(lambda: log.closed > 0, PATIENCE_S)
        log.shown = 4
        found.wait(4, PATIENCE_S)
        assert found.receipt(4, chain(store, 4)) == expected(store, 4)
        assert log.woken.is_set()


def test_it_begins_at_the_newest_stored_place_and_tells_who_waits_for_what_is_behind(
    store: Store, log: Gated
) -> None:
    place = Reader(store.log, store.verifier).poll()[1].place
    told: list[Receipt] = []
    found = follower_of(store, log, place)
    found.tell(1, chain(store, 1), told.append)
    assert found.entered.position == 0
    log.shown = 2
    found.start()
    try:
        assert found.entered == place
        assert told == [expected(store, 1)]
    finally:
        found.stop()
