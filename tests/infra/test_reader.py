"""Whoever takes records off a log does so in whole batches, from a place on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pytest

from infra.memory import MemoryStore
from infra.reader import PlaceLost, Reader
from ledger.acceptance import Arrival
from ledger.log import Place
from ledger.record import chain_hash, leaf_hash
from tests.contracts import Store, append
from tests.stores import memory_store

SIZES: Final = (3, 1, 2)


class Edited:
    """A log as somebody left it."""

    def __init__(self, records: Sequence[Arrival], topic_id: str = "memory") -> None:
        self.topic_id = topic_id
        self.records = list(records)

    def read(self, offset: int, limit: int) -> Sequence[Arrival]:
        return self.records[offset : offset + limit]

    def end(self) -> int:
        return len(self.records)


@pytest.fixture
def store() -> Store:
    """A ledger with batches of these sizes behind its term."""
    store = memory_store()
    for number, size in enumerate(SIZES):
        store.sequencer.append([append(f"s{number}", 1, count=size)])
    return store


def test_batches_are_given_whole_and_in_order(store: Store) -> None:
    reader = Reader(store.log, store.verifier)
    batches = reader.poll()
    assert [len(batch.records) for batch in batches] == [1, *SIZES]
    assert [batch.place.position for batch in batches] == [1, 4, 5, 7]
    assert reader.place == batches[-1].place
    assert reader.poll() == ()


def test_a_place_says_where_its_record_stands(store: Store) -> None:
    reader = Reader(store.log, store.verifier)
    last = reader.poll()[-1]
    value = last.records[-1].value
    fields = last.records[-1].fields
    assert fields is not None
    assert last.place == Place(
        topic_id="memory",
        position=7,
        chain=chain_hash(fields.prev, leaf_hash(value)),
        term=1,
        offset=6,
        leader_epoch=0,
    )


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_no_limit_cuts_a_batch(store: Store, limit: int) -> None:
    reader = Reader(store.log, store.verifier)
    sizes: list[int] = []
    for _ in range(7):
        sizes += [len(batch.records) for batch in reader.poll(limit)]
    assert sizes == [1, *SIZES]


def test_what_waits_for_its_signature_is_counted(store: Store) -> None:
    reader = Reader(Edited(store.records()[:3]), store.verifier)
    assert [len(batch.records) for batch in reader.poll()] == [1]
    assert (reader.pending, reader.place.position) == (2, 1)


def test_what_is_refused_is_counted(store: Store) -> None:
    records = [*store.records(), store.records()[2], Arrival(b"?", None, 8, 0, None)]
    reader = Reader(Edited(records), store.verifier)
    reader.poll()
    assert reader.refused == {"behind": 1, "unreadable": 1}


def test_it_goes_on_from_any_stored_place_as_if_it_had_never_stopped(store: Store) -> None:
    whole = Reader(store.log, store.verifier).poll()
    for number, batch in enumerate(whole):
        reader = Reader(store.log, store.verifier, batch.place)
        assert reader.poll() == whole[number + 1 :]
        assert reader.refused == {}, "what stands before the place is not read again"


def test_it_goes_on_where_the_log_has_grown(store: Store) -> None:
    reader = Reader(store.log, store.verifier)
    reader.poll()
    store.sequencer.append([append("new", 1, count=2)])
    (batch,) = reader.poll()
    assert [one.offset for one in batch.records] == [7, 8]


class TestLostPlaces:
    @pytest.fixture
    def place(self, store: Store) -> Place:
        return Reader(store.log, store.verifier).poll()[-1].place

    def test_a_place_of_another_topic_goes_on_behind_its_head(
        self, store: Store, place: Place
    ) -> None:
        store.sequencer.append([append("new", 1, count=2)])
        log = Edited(store.records(), "other")
        (batch,) = Reader(log, store.verifier, place).poll()
        assert [one.position for one in batch.records] == [8, 9]
        assert (batch.place.topic_id, batch.place.offset) == ("other", 8)

    def test_it_waits_until_the_other_topic_has_come_to_that_head(
        self, store: Store, place: Place
    ) -> None:
        log = Edited(store.records()[:5], "other")
        reader = Reader(log, store.verifier, place)
        assert reader.poll() == ()
        store.sequencer.append([append("new", 1)])
        log.records = list(store.records())
        (batch,) = reader.poll()
        assert [one.position for one in batch.records] == [8]

    def test_it_reads_the_other_topic_from_an_older_place_that_is_known_there(
        self, store: Store, place: Place
    ) -> None:
        log = Edited(store.records(), "other")
        older = Reader(log, store.verifier).poll()[1].place
        log.records[: older.offset] = [Arrival(b"?", None, 0, 0, None)] * older.offset
        assert Reader(log, store.verifier, place, older=[older]).poll() == ()

    def test_another_history_on_the_other_topic_is_none_of_the_place(
        self, store: Store, place: Place
    ) -> None:
        log = Edited(store.records(), "other")
        reader = Reader(log, store.verifier, replace(place, chain=bytes(32)))
        with pytest.raises(PlaceLost, match="position 7"):
            reader.poll()

    def test_the_beginning_is_held_by_every_log_of_the_topic(self, store: Store) -> None:
        reader = Reader(Edited([]), store.verifier, Place(topic_id="memory"))
        assert reader.poll() == ()

    def test_a_record_changed_behind_the_place_is_not_accepted(self, store: Store) -> None:
        records = list(store.records())
        records[2] = records[2]._replace(value=records[2].value.replace(b'"x"', b'"y"'))
        reader = Reader(Edited(records), store.verifier)
        assert [len(batch.records) for batch in reader.poll()] == [1]


def test_a_store_in_memory_is_read_as_a_log(store: Store) -> None:
    assert isinstance(store.sequencer, MemoryStore)
    assert store.sequencer.log.topic_id == "memory"
