"""Reading a log that fails: what was given stays given, once, whatever the log does."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import clock
from infra.memory import MemoryStore
from infra.reader import PlaceLost, Reader
from infra.signer import PublicKey, Signer, Verifier
from ledger.log import Place
from ledger.sequencing import Append, Draft
from ledger.values import EventId
from tests.topic import MemoryTopic

LEDGER = "test"


class Written:
    """A history in memory, batch by batch, each with its signature at its end."""

    def __init__(self) -> None:
        signer = Signer.generate(LEDGER)
        key = PublicKey(key=signer.public_key, first_term=1, last_term=None)
        self.verify = Verifier(LEDGER, [key])
        self.store = MemoryStore(LEDGER, signer.sign, clock.now)
        self.store.open_term(self._append("ledger", 1, "term-opened", 1))
        self._versions = 0

    def batch(self, count: int) -> None:
        """One batch of so many records more."""
        first = self._versions + 1
        self._versions += count
        self.store.append([self._append("s-a", first, "note", count)])

    def _append(self, stream: str, first: int, stored_name: str, count: int) -> Append:
        drafts = tuple(
            Draft(
                stream=stream,
                version=version,
                type=stored_name,
                id=EventId(f"{stream}-{version}"),
                data=b"{}",
                critical=False,
            )
            for version in range(first, first + count)
        )
        return Append(drafts=drafts, key_hash=None, command_hash="0" * 64, actor="test")

    def records(self) -> list[tuple[bytes, bytes | None]]:
        return [(one.value, one.signature) for one in self.store.arrivals(0, self.store.position())]

    def topic(self) -> MemoryTopic:
        topic = MemoryTopic()
        for value, signature in self.records():
            topic.put(value, signature)
        return topic


def positions(batches: Sequence[object]) -> list[int]:
    return [
        arrival.fields.position
        for batch in batches
        for arrival in batch.records  # type: ignore[attr-defined]  # batches of a reader
    ]


def read_all(reader: Reader) -> list[int]:
    found: list[int] = []
    for _ in range(50):
        found += positions(reader.poll())
    return found


@pytest.fixture
def written() -> Written:
    written = Written()
    for count in (1, 3, 2, 5, 1):
        written.batch(count)
    return written


def test_it_begins_at_the_newest_place_that_the_log_holds(written: Written) -> None:
    topic = written.topic()
    first = Reader(topic, written.verify)
    assert read_all(first) == list(range(1, 14))
    elsewhere = Place(
        topic_id=topic.topic_id, position=99, chain=bytes(32), term=1, offset=98, leader_epoch=0
    )
    again = Reader.from_places(topic, written.verify, [elsewhere, first.place])
    assert again.place == first.place
    assert Reader.from_places(topic, written.verify, [elsewhere]).place.position == 0


def test_a_topic_that_is_made_anew_is_noticed(written: Written) -> None:
    topic, now = written.topic(), [0.0]
    reader = Reader(topic, written.verify, elapsed=lambda: now[0])
    read_all(reader)
    topic.topic_id = "memory-2"
    now[0] = 61.0
    with pytest.raises(PlaceLost, match="made anew"):
        reader.poll()


def test_a_tail_that_is_lost_and_sent_again_is_given_once(written: Written) -> None:
    topic = written.topic()
    reader = Reader(topic, written.verify)
    assert read_all(reader) == list(range(1, 14))
    topic.lose_tail(4)
    assert read_all(reader) == []
    for value, signature in written.records()[9:]:
        topic.put(value, signature)
    assert read_all(reader) == []
    written.batch(2)
    for value, signature in written.records()[13:]:
        topic.put(value, signature)
    assert read_all(reader) == [14, 15]
    assert reader.moved_back >= 1
    assert reader.place.leader_epoch == 1


def test_a_tail_that_was_lost_and_has_grown_beyond_the_reader_is_noticed_by_its_epoch(
    written: Written,
) -> None:
    topic = written.topic()
    reader = Reader(topic, written.verify)
    read_all(reader)
    topic.lose_tail(4)
    written.batch(3)
    for value, signature in written.records()[9:]:
        topic.put(value, signature)
    assert topic.end() > reader.next_offset
    assert read_all(reader) == [14, 15, 16]


def test_another_history_is_never_given_behind_the_one_that_was(written: Written) -> None:
    topic = written.topic()
    reader = Reader(topic, written.verify)
    read_all(reader)
    other = Written()
    other.batch(13)
    topic.lose_tail(13)
    foreign = other.topic().records
    topic.records = [(value, signature, topic.epoch) for value, signature, _ in foreign]
    assert read_all(reader) == []


def test_nothing_accepted_although_records_come_makes_it_look_again(written: Written) -> None:
    topic, now = written.topic(), [0.0]
    reader = Reader(topic, written.verify, elapsed=lambda: now[0])
    read_all(reader)
    topic.put(b"planted", None)
    now[0] = 0.5
    reader.poll()
    topic.put(b"planted", None)
    now[0] = 1.6
    reader.poll()
    assert reader.refused["unreadable"] == 2
    written.batch(1)
    topic.put(*written.records()[-1])
    assert read_all(reader) == [14]


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), max_size=6),
    st.integers(1, 5),
)
def test_whatever_is_lost_and_sent_again_each_record_is_given_once_and_in_order(
    batches: list[int], losses: list[tuple[int, int]], limit: int
) -> None:
    written = Written()
    for count in batches:
        written.batch(count)
    records = written.records()
    topic = MemoryTopic()
    reader = Reader(topic, written.verify)
    given_positions: list[int] = []
    for lost, polls in losses:
        # The relay goes on from the topic's own tail: all that is missing is sent again.
        for value, signature in records[len(topic.records) :]:
            topic.put(value, signature)
        for _ in range(polls):
            given_positions += positions(reader.poll(limit))
        topic.lose_tail(min(lost, topic.end()))
    for value, signature in records[len(topic.records) :]:
        topic.put(value, signature)
    for _ in range(len(records) + 20):
        given_positions += positions(reader.poll(limit))
    assert given_positions == list(range(1, len(records) + 1))
    assert reader.place.offset == topic.end() - 1
