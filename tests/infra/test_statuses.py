"""Single look-ups in the sequencer's tables, from any thread."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from infra.connections import open_pool
from infra.reader import Reader
from infra.statuses import CommandStatus, HeadStatus, Statuses
from ledger.record import Head, chain_hash, leaf_hash
from ledger.values import EventId
from tests.contracts import Store, append
from tests.stores import postgres_store

pytestmark = pytest.mark.pg


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Records 2 and 3 under key 1 on stream `a`, record 4 without a key on `b`."""
    store, sequencer, log = postgres_store(database_url)
    with closing(sequencer), closing(log):
        sequencer.append([append("a", 1, key=1, count=2), append("b", 1)])
        yield store


@pytest.fixture
def statuses(store: Store, database_url: str) -> Iterator[Statuses]:
    with closing(open_pool(database_url, 4)) as pool:
        yield Statuses(pool)


def head_of(store: Store) -> Head:
    reader = Reader(store.log, store.verifier)
    reader.poll()
    return reader.place.head


def test_it_is_told_what_a_key_did(statuses: Statuses, store: Store) -> None:
    third = store.records()[2]
    assert third.fields is not None
    assert statuses.of_key(f"{1:064x}") == CommandStatus(
        command_hash=f"{7:064x}",
        first=2,
        last=3,
        chain=chain_hash(third.fields.prev, leaf_hash(third.value)),
        stream="a",
        version=2,
    )


def test_a_key_that_did_nothing_is_unknown(statuses: Statuses) -> None:
    assert statuses.of_key(f"{2:064x}") is None


def test_what_a_key_did_does_not_change_when_its_stream_goes_on(
    statuses: Statuses, store: Store
) -> None:
    before = statuses.of_key(f"{1:064x}")
    store.sequencer.append([append("a", 3, key=2)])
    assert statuses.of_key(f"{1:064x}") == before


def test_a_record_is_found_by_its_position(statuses: Statuses, store: Store) -> None:
    head = head_of(store)
    for position, arrival in enumerate(store.records(), start=1):
        assert statuses.record(position, head) == arrival
    assert statuses.record(5, head) is None


def test_no_record_is_found_behind_a_head_that_postgresql_has_not(
    statuses: Statuses, store: Store
) -> None:
    head = head_of(store)
    assert statuses.record(1, Head(position=5, chain=head.chain, term=1)) is None
    assert statuses.record(1, Head(position=4, chain=bytes(32), term=1)) is None


def test_records_are_given_from_one_position_to_another(statuses: Statuses, store: Store) -> None:
    values = [one.value for one in store.records()]
    assert statuses.records(2, 3) == [(2, values[1]), (3, values[2])]
    assert statuses.records(4, 9) == [(4, values[3])]
    assert statuses.records(5, 9) == []


def test_an_event_is_found_by_its_id(statuses: Statuses, store: Store) -> None:
    for one in store.sequencer.read_positions(1, 4):
        assert statuses.position_of(one.id) == one.position
    assert statuses.position_of(EventId("0190a3c4-5678-7abc-8def-0123456789ab")) is None


@pytest.mark.parametrize("text", ["", "e1", "x" * 36])
def test_what_is_no_id_is_no_event(statuses: Statuses, text: str) -> None:
    assert statuses.position_of(EventId(text)) is None


def test_the_version_of_a_stream_is_told(statuses: Statuses) -> None:
    assert [statuses.stream_version(name) for name in ("a", "b", "c")] == [2, 1, 0]


def test_the_head_says_whether_the_ledger_may_be_written(
    statuses: Statuses, database_url: str
) -> None:
    expected = HeadStatus(ledger="test", position=4, term=1, state="open", reason=None)
    assert statuses.head() == expected
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE ledger_head SET state = 'stopped', reason = 'looked into'")
    found = statuses.head()
    assert found is not None
    assert (found.state, found.reason) == ("stopped", "looked into")


def test_a_database_without_ledger_has_no_head(database_url: str) -> None:
    with closing(open_pool(database_url, 1)) as pool:
        assert Statuses(pool).head() is None


def test_many_threads_may_ask_at_once(statuses: Statuses) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: statuses.of_key(f"{1:064x}"), range(40)))
    assert len(set(found)) == 1
