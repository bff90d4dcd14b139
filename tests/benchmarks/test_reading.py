"""Reading the log in bulk: bare, accepted and verified, by both clients in the same run."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
from confluent_kafka import Consumer, TopicPartition

from infra import clock
from infra.connections import connect
from infra.kafka_log import FAR, KafkaLog
from infra.migrations import migrate
from infra.reader import Reader
from infra.stores import compare_stores
from infra.verification import verify_log
from tests.infra.kafka_ledger import KafkaLedger

from .bare import consumed
from .figures import Figure
from .told import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local import Cluster

    from .conftest import NewDatabase
    from .figures import Board

_ROUNDS: Final = 3
_RECORDED_AT_ONCE: Final = 10_000
_PAGE: Final = 5_000
_LIVE: Final = sys.maxsize
"""So far away no end is: kafka-python reads it all."""
_YARDSTICK: Final = "kafka-python"
_ACCEPTED_AT_LEAST: Final = 125_000
"""8 µs a record."""
_VERIFIED_AT_LEAST: Final = 16_667
"""10⁶ events in a minute."""
_PATIENCE_S: Final = 30


@dataclass(frozen=True, slots=True)
class Filled:
    """A ledger that is entered on Kafka whole."""

    ledger: KafkaLedger
    topic: str
    events: int

    def log(self, far: int) -> KafkaLog:
        return KafkaLog(self.ledger.address, self.topic, far=far)

    def rate(self, read: Callable[[], int]) -> float:
        """Records a second, of a way to read them all that gives how many it were."""
        begun = clock.elapsed()
        count = read()
        took_s = clock.elapsed() - begun
        assert count == self.events
        return count / took_s


@pytest.fixture(scope="module")
def filled(broker: Cluster, new_database: NewDatabase, events: int) -> Filled:
    """Registrations, one of them for each event, in batches as large as an import's."""
    url = new_database("reading")
    migrate(url)
    ledger = KafkaLedger.begun(url, broker.address, "reading")
    say(f"filling a topic with {events} events")
    while (left := events - ledger.position()) > 0:
        ledger.record(min(left, _RECORDED_AT_ONCE))
        ledger.relay()
    return Filled(ledger, ledger.pinned(), ledger.position())


def test_the_log_is_read_in_bulk(filled: Filled, board: Board) -> None:
    bulk, live, rounds = [], [], range(_ROUNDS)
    for number in rounds:
        say(f"bare consumers, round {number + 1} of {_ROUNDS}")
        bulk.append(filled.rate(lambda: _consumed(filled)))
        live.append(filled.rate(lambda: consumed(filled.ledger.address, filled.topic)[0]))
    what = "bare consumer by confluent-kafka"
    board.hold(board.compare(what, bulk, live, at_least=1, yardstick=_YARDSTICK))
    bulk, live = [], []
    for number in rounds:
        say(f"reading, round {number + 1} of {_ROUNDS}")
        bulk.append(filled.rate(lambda: _read(filled, FAR)))
        live.append(filled.rate(lambda: _read(filled, _LIVE)))
    what = "log read, not accepted"
    board.hold(board.compare(what, bulk, live, at_least=1, yardstick=_YARDSTICK))


def test_what_is_read_in_bulk_is_accepted(filled: Filled, board: Board) -> None:
    bulk, live = [], []
    for number in range(_ROUNDS):
        say(f"reading and accepting, round {number + 1} of {_ROUNDS}")
        bulk.append(filled.rate(lambda: _accepted(filled, FAR)))
        live.append(filled.rate(lambda: _accepted(filled, _LIVE)))
    what = "log read and accepted: leaves, chain, signatures"
    board.hold(board.compare(what, bulk, live, at_least=1, yardstick=_YARDSTICK))
    board.hold(_at_least("the same, best round", max(bulk), _ACCEPTED_AT_LEAST))


def test_both_stores_are_verified(filled: Filled, board: Board) -> None:
    """Chain, leaves, signatures and what stands beside them; the views are another matter."""
    say("verifying PostgreSQL")
    postgres = filled.rate(lambda: _verified(filled))
    say("holding Kafka against PostgreSQL")
    bulk = filled.rate(lambda: _compared(filled, FAR))
    live = filled.rate(lambda: _compared(filled, _LIVE))
    board.note("PostgreSQL verified", f"{postgres:,.0f}/s")
    what = "Kafka held against PostgreSQL"
    board.hold(board.compare(what, [bulk], [live], at_least=1, yardstick=_YARDSTICK))
    both = 1 / (1 / postgres + 1 / bulk)
    board.hold(_at_least("both stores verified", both, _VERIFIED_AT_LEAST))


def _at_least(what: str, rate: float, least: int) -> Figure:
    return Figure(what=what, ours=f"{rate:,.0f}/s", demand=f"≥ {least:,}/s", is_met=rate >= least)


def _consumed(filled: Filled) -> int:
    """Nothing but taken, with the settings that matter to how fast that is."""
    consumer = Consumer(
        {
            "bootstrap.servers": filled.ledger.address,
            "group.id": filled.topic,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "fetch.queue.backoff.ms": 5,
        }
    )
    with closing(consumer):
        consumer.assign([TopicPartition(filled.topic, 0, 0)])
        count = 0
        while count < filled.events:
            # It waits for as many as are wanted.
            messages = consumer.consume(min(_PAGE, filled.events - count), _PATIENCE_S)
            assert messages, "no record came"
            count += len(messages)
    return count


def _read(filled: Filled, far: int) -> int:
    with closing(filled.log(far)) as log:
        count = offset = 0
        while arrivals := log.read(offset, _PAGE):
            offset = arrivals[-1].offset + 1
            count += len(arrivals)
    return count


def _accepted(filled: Filled, far: int) -> int:
    with closing(filled.log(far)) as log:
        reader = Reader(log, filled.ledger.verifier())
        while reader.poll_records(_PAGE):
            pass
        return reader.place.position


def _verified(filled: Filled) -> int:
    with connect(filled.ledger.url) as connection:
        checked = verify_log(connection, filled.ledger.verifier())
    assert not checked.flaw_count, checked.flaws
    return checked.events


def _compared(filled: Filled, far: int) -> int:
    compared = compare_stores(filled.ledger.url, lambda: filled.log(far), filled.ledger.verifier())
    assert not compared.differences
    return compared.entered.position
