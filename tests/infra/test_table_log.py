"""The log as a table: topic `table`, leader epoch 0, offset = position - 1."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from infra.connections import connect
from infra.sequencer import PostgresSequencer
from infra.table_log import TABLE_TOPIC, TableLog
from tests.contracts import Store, append
from tests.stores import postgres_store

pytestmark = pytest.mark.pg


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store, sequencer, log = postgres_store(database_url)
    with closing(sequencer), closing(log):
        sequencer.append([append("a", 1, count=5)])
        yield store


@pytest.fixture
def log(store: Store) -> TableLog:
    assert isinstance(store.log, TableLog)
    return store.log


def test_its_topic_is_called_table(log: TableLog) -> None:
    assert (log.topic_id, TABLE_TOPIC) == ("table", "table")


def test_a_record_stands_at_its_position_less_one_in_epoch_0(log: TableLog) -> None:
    for place, arrival in enumerate(log.read(0, 100)):
        assert arrival.fields is not None
        assert (arrival.offset, arrival.fields.position, arrival.leader_epoch) == (
            place,
            place + 1,
            0,
        )


@pytest.mark.parametrize(
    ("offset", "limit", "offsets"),
    [(0, 2, [0, 1]), (2, 2, [2, 3]), (4, 100, [4, 5]), (6, 10, []), (100, 10, []), (0, 0, [])],
)
def test_it_is_read_by_offset_and_limit(
    log: TableLog, offset: int, limit: int, offsets: list[int]
) -> None:
    assert [one.offset for one in log.read(offset, limit)] == offsets


def test_its_end_is_behind_the_last_record(log: TableLog, store: Store) -> None:
    assert log.end() == 6
    store.sequencer.append([append("b", 1)])
    assert log.end() == 7


def test_an_empty_log_ends_where_it_begins(database_url: str) -> None:
    with closing(TableLog(lambda: connect(database_url))) as log:
        assert log.end() == 0
        assert list(log.read(0, 10)) == []


def test_what_is_not_committed_is_not_read(log: TableLog, store: Store, database_url: str) -> None:
    assert isinstance(store.sequencer, PostgresSequencer)
    with psycopg.connect(database_url) as connection:
        connection.execute("BEGIN")
        inner = PostgresSequencer.within(connection, "test", store.signer.sign, store.clock)
        inner.append([append("b", 1)])
        assert log.end() == 6
        assert list(log.read(6, 10)) == []
        connection.commit()
    assert [one.offset for one in log.read(6, 10)] == [6]


def test_a_line_that_was_lost_is_made_anew_at_the_next_call(
    log: TableLog, database_url: str
) -> None:
    log.end()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(psycopg.OperationalError):
        log.end()
    assert log.end() == 6
