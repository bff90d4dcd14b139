"""A trivial view of the log by our projector, beside Kafka Streams that makes the same one.

Ours checks chain and signatures and writes to PostgreSQL, with the place in the same transaction;
it is timed from nothing to the last commit, and its connections are part of it. Kafka Streams
checks nothing and writes to RocksDB and to a topic of its own, exactly once; it is timed from its
first record to its last commit, without the start of the JVM and of its group.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Final

import pytest

from infra import clock
from infra.kafka_log import FAR, KafkaLog
from infra.migrations import migrate
from infra.tabulating import Tabulator
from tests.infra.kafka_ledger import KafkaLedger

from .figures import Figure, rates
from .filling import filled
from .kafka_streams import NoStreams, Streams, compiled
from .province import Province
from .told import say
from .totals import make_table, rows_of, totals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from infra.local import Cluster
    from projections.tables import Row

    from .conftest import NewDatabase
    from .figures import Board

_ROUNDS: Final = 3
_WANTED: Final = int(os.environ.get("BENCH_EVENTS", "1000000"))
_LIVE: Final = sys.maxsize
"""So far away no end is: kafka-python reads it all."""
_AT_LEAST: Final = 100_000
_OF_STREAMS: Final = 1.4
_LIVE_AT_LEAST: Final = 40_000


@dataclass(slots=True)
class Compared:
    """A log, and how fast each way made the view of it: records a second, round by round."""

    ledger: KafkaLedger
    topic: str
    records: int
    streams: Streams | NoStreams
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    live: list[float] = field(default_factory=list)

    def round(self, number: int) -> None:
        """Each way once; all have made the same rows."""
        say(f"our projector, round {number} of {_ROUNDS}")
        rate, rows = self._tabulated(2 * number, FAR)
        self.ours.append(rate)
        if isinstance(self.streams, Streams):
            say(f"Kafka Streams, round {number} of {_ROUNDS}")
            rate, theirs = self.streams.totals(self.ledger.address, self.topic, number)
            self.theirs.append(rate)
            assert theirs == rows, "Kafka Streams has made other rows"
        say(f"our projector by kafka-python, round {number} of {_ROUNDS}")
        rate, live = self._tabulated(2 * number + 1, _LIVE)
        self.live.append(rate)
        assert live == rows, "the rows depend on who read the log"

    def _tabulated(self, generation: int, far: int) -> tuple[float, dict[str, Row]]:
        tabulation, verify = totals(generation), self.ledger.verifier()
        make_table(self.ledger.url, tabulation)
        begun = clock.elapsed()
        tabulator = Tabulator(
            self.ledger.url,
            lambda: KafkaLog(self.ledger.address, self.topic, far=far),
            verify,
            tabulation,
        )
        count = tabulator.catch_up()
        took_s = clock.elapsed() - begun
        tabulator.close()
        assert count == self.records
        return count / took_s, rows_of(self.ledger.url, tabulation)


@pytest.fixture(scope="module")
def compared(broker: Cluster, new_database: NewDatabase, folder: Path, board: Board) -> Compared:
    """All ways by turns, on one log."""
    url, events = new_database("streams"), _WANTED
    migrate(url)
    ledger = KafkaLedger.begun(url, broker.address, "streams")
    say(f"filling a topic with {events} events")
    records = filled(ledger, Province(events))
    found = Compared(ledger, ledger.pinned(), records, _streams(folder / "streams", board))
    for number in range(1, _ROUNDS + 1):
        found.round(number)
    return found


def _streams(folder: Path, board: Board) -> Streams | NoStreams:
    try:
        return compiled(folder)
    except NoStreams as error:
        say(f"KAFKA STREAMS IS LEFT OUT: {error}")
        board.note("KAFKA STREAMS IS LEFT OUT", str(error).partition("\n")[0])
        return error


def test_a_trivial_view_is_made_from_kafka(compared: Compared, board: Board) -> None:
    what = f"trivial view of {compared.records:,} records on Kafka"
    board.hold(_at_least(what, compared.ours, _AT_LEAST))


def test_a_trivial_view_is_made_faster_than_by_kafka_streams(
    compared: Compared, board: Board
) -> None:
    if isinstance(compared.streams, NoStreams):
        pytest.skip(str(compared.streams))
    board.hold(
        board.compare(
            "trivial view on Kafka, ours in PostgreSQL, theirs in RocksDB",
            compared.ours,
            compared.theirs,
            at_least=_OF_STREAMS,
            yardstick="Kafka Streams, exactly once,",
        )
    )


def test_a_trivial_view_is_made_by_kafka_python_alone(compared: Compared, board: Board) -> None:
    board.hold(_at_least("the same by kafka-python alone", compared.live, _LIVE_AT_LEAST))


def _at_least(what: str, found: Sequence[float], least: int) -> Figure:
    is_met = median(found) >= least
    return Figure(what=what, ours=rates(found), demand=f"≥ {least:,}/s", is_met=is_met)
