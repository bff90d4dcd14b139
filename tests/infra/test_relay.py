"""The relay against a broker that fails: the log stays contiguous, and nothing is lost or stuck."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.reader import Reader
from infra.relay import ACCEPTED_S, Outgoing, RelaySession, SendFailed, TailUnknown
from ledger.log import Place
from tests.infra.test_failing_log import Written, positions
from tests.topic import MemorySender, MemoryTopic


@dataclass(slots=True)
class MemorySequenced:
    """What a store in memory has sequenced, and the places that a relay has kept."""

    written: Written
    kept: list[Place] = field(default_factory=list)

    def chain_at(self, position: int) -> bytes | None:
        rows = self.written.store._rows
        return rows[position - 1].chain if 0 < position <= len(rows) else None

    def records_from(self, first: int, limit: int) -> Sequence[Outgoing]:
        return [
            Outgoing(row.position, row.value, row.signature, row.subject, row.chain)
            for row in self.written.store._rows[first - 1 : first - 1 + limit]
        ]

    def places(self, topic_id: str) -> Sequence[Place]:
        return [place for place in reversed(self.kept) if place.topic_id == topic_id]

    def put_place(self, place: Place) -> None:
        self.kept.append(place)


@dataclass(slots=True)
class Bench:
    """A history, a topic, and sessions of a relay between them."""

    written: Written = field(default_factory=Written)
    topic: MemoryTopic = field(default_factory=MemoryTopic)
    now: float = 0.0
    sequenced: MemorySequenced = field(init=False)

    def __post_init__(self) -> None:
        self.sequenced = MemorySequenced(self.written)

    def session(self, *lands: int | None) -> RelaySession:
        return RelaySession(
            sequenced=self.sequenced,
            log=self.topic,
            sender=MemorySender(self.topic, list(lands)),
            verify=self.written.verify,
            elapsed=lambda: self.now,
        )

    def drain(self, session: RelaySession) -> None:
        while session.step():
            pass

    def entered(self) -> list[int]:
        reader = Reader(self.topic, self.written.verify)
        found: list[int] = []
        while batches := reader.poll():
            found += positions(batches)
        return found

    def all(self) -> list[int]:
        return list(range(1, self.written.store.position() + 1))


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    for count in (1, 3, 2, 5):
        bench.written.batch(count)
    return bench


def test_it_sends_everything_once_and_keeps_its_places(bench: Bench) -> None:
    bench.drain(bench.session())
    assert bench.entered() == bench.all()
    assert bench.topic.end() == len(bench.all())
    assert bench.sequenced.kept[-1].position == len(bench.all())


def test_a_new_session_goes_on_from_the_tail_without_any_place(bench: Bench) -> None:
    bench.drain(bench.session())
    bench.sequenced.kept.clear()
    bench.written.batch(2)
    bench.drain(bench.session())
    assert bench.topic.end() == len(bench.all())
    assert bench.entered() == bench.all()


@pytest.mark.parametrize("landed", range(13))
def test_a_send_that_breaks_off_anywhere_is_gone_on_with(bench: Bench, landed: int) -> None:
    with pytest.raises(SendFailed):
        bench.drain(bench.session(landed))
    bench.drain(bench.session())
    assert bench.entered() == bench.all()


def test_what_landed_without_an_answer_is_not_sent_again(bench: Bench) -> None:
    with pytest.raises(SendFailed):
        bench.drain(bench.session(len(bench.all())))
    bench.drain(bench.session())
    assert bench.topic.end() == len(bench.all())


def test_a_half_batch_that_waits_is_completed_and_not_repeated(bench: Bench) -> None:
    with pytest.raises(SendFailed):
        bench.drain(bench.session(9))
    bench.drain(bench.session())
    assert bench.topic.end() == len(bench.all())


def test_a_stripped_copy_of_a_batch_end_does_not_block(bench: Bench) -> None:
    (value, _) = bench.written.records()[0]
    bench.topic.put(value, None)
    bench.drain(bench.session())
    assert bench.entered() == bench.all()


def test_a_flood_of_planted_records_does_not_block(bench: Bench) -> None:
    session = bench.session()
    for number in range(50):
        bench.topic.put(b"{}", None)
        bench.topic.put(b'{"planted": %d}' % number, b"x" * 64)
    bench.drain(session)
    assert bench.entered() == bench.all()


def test_what_is_acknowledged_read_back_and_not_accepted_is_looked_at_again(bench: Bench) -> None:
    session = bench.session()
    session.step()
    # The broker acknowledged, and what stands there is something else.
    bench.topic.records[:] = [(b"{}", None, 0)] * len(bench.topic.records)
    session.step()
    bench.now = ACCEPTED_S / 2
    session.step()
    assert bench.topic.end() == len(bench.all())
    bench.now = 2 * ACCEPTED_S + 0.1
    while session.step():
        bench.now += 0.1
    session.step()
    bench.drain(session)
    assert bench.entered() == bench.all()


def test_a_broker_that_never_gives_back_what_it_acknowledged_is_given_up(bench: Bench) -> None:
    session = bench.session()
    session.step()
    bench.topic.records.clear()
    bench.now = 29.0
    session.step()
    bench.now = 31.0
    with pytest.raises(SendFailed, match="not read back"):
        session.step()


def test_a_head_that_postgresql_has_not_wakes_the_gate(bench: Bench) -> None:
    bench.drain(bench.session())
    del bench.written.store._rows[5:]
    with pytest.raises(TailUnknown, match="12"):
        bench.drain(bench.session())


def test_a_tail_that_the_broker_lost_is_sent_again(bench: Bench) -> None:
    session = bench.session()
    bench.drain(session)
    bench.topic.lose_tail(4)
    bench.now = 61.0
    for _ in range(5):
        bench.drain(session)
    assert bench.entered() == bench.all()


Event = tuple[str, int]


@given(
    st.lists(
        st.tuples(st.sampled_from(["batch", "land", "lose", "plant", "repeat"]), st.integers(0, 7)),
        max_size=14,
    )
)
def test_whatever_happens_the_log_heals_and_holds_what_was_sequenced(events: list[Event]) -> None:
    bench = Bench()
    for what, number in events:
        match what:
            case "batch":
                bench.written.batch(number + 1)
            case "land":
                with suppress(SendFailed):
                    bench.drain(bench.session(number))
            case "lose":
                bench.topic.lose_tail(min(number, bench.topic.end()))
            case "plant":
                bench.topic.put(b"{}", None)
            case _:
                for value, signature, _ in bench.topic.records[:number]:
                    bench.topic.put(value, signature)
    bench.drain(bench.session())
    assert bench.entered() == bench.all()


# What a simulated history has found ---------------------------------------------------------------


def test_a_place_that_another_sender_got_entered_is_left_to_the_gate(bench: Bench) -> None:
    session = bench.session()
    session.step()
    # PostgreSQL comes back without its last records, while they are on their way, and goes on.
    del bench.written.store._rows[5:]
    with pytest.raises(TailUnknown, match="12"):
        session.step()
    assert bench.sequenced.kept == []


def test_the_reader_of_a_session_goes_by_the_clock_of_the_session(bench: Bench) -> None:
    session = bench.session()
    bench.drain(session)
    # Nothing tells of the loss but a look at the place: no new leader, and no offset is missing.
    bench.topic.records[-4:] = [(b"{}", None, 0)] * 4
    bench.now = 59.0
    bench.drain(session)
    assert bench.entered() != bench.all()
    bench.now = 61.0
    for _ in range(3):
        bench.drain(session)
    assert bench.entered() == bench.all()
