"""The gate for real: PostgreSQL on one side, a topic in memory on the other, and what it does."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
import pytest

from infra import clock, failpoints
from infra.codec import EventCodec, read_envelope
from infra.connections import connect
from infra.creation import create_ledger, public_keys
from infra.failpoints import Broken
from infra.gate import Gate, Pinned, instance_of
from infra.gate_store import PostgresGateStore, TermOpener
from infra.ids import fresh_event
from infra.relay import RelaySession
from infra.sequenced import SequencedRecords
from infra.sequencer import PostgresSequencer
from infra.signer import Signer, Verifier
from ledger.acceptance import Arrival
from ledger.events import CommandsVoided, TermOpened
from ledger.gate import (
    Decision,
    Fence,
    Halt,
    Instance,
    Resend,
    Serve,
    Stop,
)
from ledger.identifiers import index_keys
from ledger.log import Log
from ledger.sequencing import Append, Draft
from tests.projections.history import registered, subject
from tests.topic import MemorySender, MemoryTopic

pytestmark = pytest.mark.pg

LEDGER = "test"


@dataclass(slots=True)
class Watched:
    """The topic in memory, as the gate has it described."""

    topic: MemoryTopic
    complaints: tuple[str, ...] = ()
    name: str = f"{LEDGER}.log"
    warnings: tuple[str, ...] = ()

    @property
    def topic_id(self) -> str:
        return self.topic.topic_id

    def objections(self, pinned: Pinned | None) -> tuple[str, ...]:
        if pinned is not None and pinned.topic_id != self.topic_id:
            return (*self.complaints, f"the topic is {self.topic_id}, pinned is {pinned.topic_id}")
        return self.complaints

    @contextmanager
    def open(self) -> Iterator[Log]:
        yield self.topic


class Ledger:
    """A database, a topic, and a gate between them."""

    def __init__(self, url: str, signer: Signer | None = None) -> None:
        self.url = url
        self.signer = signer or Signer.generate(LEDGER)
        self.watched = Watched(MemoryTopic())
        self.count = 0

    @property
    def topic(self) -> MemoryTopic:
        return self.watched.topic

    def verifier(self) -> Verifier:
        with connect(self.url) as connection:
            return Verifier(LEDGER, public_keys(connection))

    def opener(self) -> TermOpener:
        return TermOpener(
            ledger=LEDGER, signer=lambda: self.signer, fresh=fresh_event, now=clock.now
        )

    def gate(self) -> Decision:
        gate = Gate(
            store=lambda: PostgresGateStore.held(lambda: connect(self.url), self.opener()),
            topic=lambda _: self.watched,
            verify=self.verifier,
        )
        return gate.pass_through()

    def record(self, count: int = 1) -> list[str]:
        """Sequence so many subjects, each with a key, whatever is entered; the keys' hashes."""
        keys = []
        for _ in range(count):
            self.count += 1
            event = registered(self.count)
            keys.append(f"{self.count:064x}")
            append = Append(
                drafts=(
                    Draft(
                        stream=subject(self.count),
                        version=1,
                        type="subject-registered",
                        id=fresh_event(),
                        data=EventCodec().data(event),
                    ),
                ),
                key_hash=keys[-1],
                command_hash="11" * 32,
                actor="test",
                claims=tuple(key for one in event.identifiers for key in index_keys(one)),
            )
            with connect(self.url) as connection, connection.transaction():
                PostgresSequencer.within(connection, LEDGER, self.signer.sign, clock.now).append(
                    [append]
                )
        return keys

    def relay(self) -> None:
        sequenced = SequencedRecords(lambda: connect(self.url))
        session = RelaySession(
            sequenced=sequenced,
            log=self.topic,
            sender=MemorySender(self.topic),
            verify=self.verifier(),
            elapsed=clock.elapsed,
        )
        while session.step():
            pass
        sequenced.close()

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with connect(self.url) as connection:
            return connection.execute(query).fetchall()

    def position(self) -> int:
        return int(str(self.rows("SELECT position FROM ledger_head")[0][0]))

    def state(self) -> tuple[object, ...]:
        return self.rows("SELECT state, reason FROM ledger_head")[0]

    def bytes_of_log(self) -> list[bytes]:
        with connect(self.url) as connection:
            rows = connection.execute("SELECT bytes FROM ledger_record ORDER BY position")
            return [bytes(value) for (value,) in rows]

    def as_another_instance(self) -> None:
        """The server was restarted: the instance that opened the term began an hour earlier."""
        with connect(self.url) as connection:
            connection.execute(
                "UPDATE ledger_head SET server_started_at = server_started_at - interval '1 hour'"
            )

    def lose_behind(self, position: int, *, places: bool = True) -> None:
        """The database comes back as it was at a position: an older backup, a lagging standby."""
        with connect(self.url) as connection, connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            for table, column in (
                ("ledger_command", "first_position"),
                ("ledger_identifier", "position"),
                ("ledger_record", "position"),
                *([("ledger_place", "position")] if places else []),
            ):
                connection.execute(
                    psycopg.sql.SQL("DELETE FROM {} WHERE {} > %s").format(
                        psycopg.sql.Identifier(table), psycopg.sql.Identifier(column)
                    ),
                    (position,),
                )
            connection.execute(
                "UPDATE ledger_head SET position = r.position, chain_hash = r.chain_hash,"
                " term = r.term FROM ledger_record r WHERE r.position = %s",
                (position,),
            )


@pytest.fixture
def ledger(database_url: str) -> Ledger:
    """A ledger that lives on its topic: everything is entered."""
    ledger = Ledger(database_url)
    assert ledger.gate() == Serve()
    ledger.record(5)
    ledger.relay()
    return ledger


def entered(ledger: Ledger) -> list[bytes]:
    return [value for value, _, _ in ledger.topic.records]


def test_a_new_ledger_is_created_on_an_empty_topic_which_is_pinned(database_url: str) -> None:
    ledger = Ledger(database_url)
    assert ledger.gate() == Serve()
    assert ledger.rows("SELECT topic_id, name FROM ledger_topic WHERE until IS NULL") == [
        ("memory-1", "test.log")
    ]
    assert ledger.position() == 1
    assert ledger.topic.end() == 0
    ledger.relay()
    assert ledger.topic.end() == 1


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_ledger_that_lived_on_the_table_is_sent_whole_and_opens_its_next_term(
    database_url: str,
    is_restarted: bool,  # noqa: FBT001  # pytest gives it
) -> None:
    ledger = Ledger(database_url)
    with connect(database_url) as connection:
        create_ledger(
            connection,
            ledger=LEDGER,
            signer=lambda: ledger.signer,
            fresh=fresh_event,
            now=clock.now,
        )
    ledger.record(3)
    if is_restarted:
        ledger.as_another_instance()
    before = ledger.bytes_of_log()
    ledger.gate()
    ledger.relay()
    ledger.gate()
    ledger.relay()
    assert entered(ledger)[: len(before)] == before
    terms = [read_envelope(value).event() for value in entered(ledger)[len(before) :]]
    assert [type(one) for one in terms] == [TermOpened]
    assert ledger.gate() == Serve()


def test_where_both_agree_it_serves_and_touches_nothing(ledger: Ledger) -> None:
    before = ledger.bytes_of_log()
    assert ledger.gate() == Serve()
    assert ledger.bytes_of_log() == before
    assert ledger.state() == ("open", None)


def test_a_restarted_server_opens_a_term_of_its_own(ledger: Ledger) -> None:
    ledger.as_another_instance()
    assert ledger.gate() == Serve()
    newest = read_envelope(ledger.bytes_of_log()[-1]).event()
    assert isinstance(newest, TermOpened)
    assert (newest.term, newest.from_position) == (2, ledger.position())
    ledger.relay()
    assert entered(ledger) == ledger.bytes_of_log()


def test_an_older_backup_adopts_what_was_entered_and_opens_a_term(ledger: Ledger) -> None:
    before = ledger.bytes_of_log()
    keys = ledger.rows("SELECT key_hash, first_position, last_position FROM ledger_command")
    codes = ledger.rows("SELECT * FROM ledger_identifier ORDER BY kind, value")
    signed = ledger.rows("SELECT position, sig FROM ledger_record ORDER BY position")
    ledger.lose_behind(2)
    ledger.as_another_instance()
    assert ledger.gate() == Serve()
    assert ledger.bytes_of_log()[: len(before)] == before
    assert ledger.rows("SELECT key_hash, first_position, last_position FROM ledger_command") == keys
    assert ledger.rows("SELECT * FROM ledger_identifier ORDER BY kind, value") == codes
    after = ledger.rows("SELECT position, sig FROM ledger_record ORDER BY position")
    assert after[: len(before)] == signed
    ledger.relay()
    assert entered(ledger) == ledger.bytes_of_log()


def test_what_was_sequenced_and_lost_is_set_aside_and_its_keys_are_voided_on_the_log(
    ledger: Ledger,
) -> None:
    won = ledger.bytes_of_log()
    ledger.lose_behind(3)
    ledger.as_another_instance()
    lost_keys = ledger.record(2)
    lost = ledger.bytes_of_log()[3:]
    assert ledger.gate() == Serve()
    assert ledger.bytes_of_log()[: len(won)] == won
    aside = ledger.rows("SELECT bytes FROM ledger_aside ORDER BY position")
    assert [row[0] for row in aside] == lost
    ledger.relay()
    assert entered(ledger) == ledger.bytes_of_log()
    voided = read_envelope(entered(ledger)[-1]).event()
    assert voided == CommandsVoided(keys=tuple(lost_keys))
    stored = ledger.rows("SELECT encode(key_hash, 'hex'), position FROM ledger_voided ORDER BY 1")
    assert stored == [(key, ledger.position()) for key in sorted(lost_keys)]


def test_a_key_that_the_adopted_history_has_is_not_voided(ledger: Ledger) -> None:
    ledger.lose_behind(3)
    ledger.as_another_instance()
    ledger.count = 2  # the same keys once more, which the other history has used
    ledger.record(2)
    assert ledger.gate() == Serve()
    assert ledger.rows("SELECT * FROM ledger_voided") == []
    types = [read_envelope(value).type for value in ledger.bytes_of_log()]
    assert "commands-voided" not in types


def test_a_tail_that_kafka_lost_is_sent_again_and_then_it_serves(ledger: Ledger) -> None:
    ledger.topic.lose_tail(3)
    assert ledger.gate() == Resend()
    ledger.relay()
    assert entered(ledger) == ledger.bytes_of_log()
    assert ledger.gate() == Serve()


def test_a_superseded_server_is_fenced_and_stays_so(ledger: Ledger) -> None:
    with connect(ledger.url) as connection:
        row = connection.execute("SELECT (pg_control_system()).system_identifier").fetchone()
    assert row is not None
    ledger.as_another_instance()
    assert ledger.gate() == Serve()
    ledger.relay()
    # This server is asked as the one that it was before: an hour earlier.
    later = instance_of(ledger.bytes_of_log()[-1])
    ledger.lose_behind(6, places=True)
    with connect(ledger.url) as connection:
        connection.execute("UPDATE ledger_head SET server_started_at = now() - interval '2 hours'")
    stale = StaleInstance(ledger)
    decision = stale.gate()
    assert decision == Fence(by=later)
    assert ledger.state()[0] == "fenced"
    assert stale.gate() == Fence(by=later)
    assert ledger.position() == 6


class StaleInstance:
    """The same ledger asked by a server that started an hour before the newest term's."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def gate(self) -> Decision:
        gate = Gate(
            store=self.held,
            topic=lambda _: self.ledger.watched,
            verify=self.ledger.verifier,
        )
        return gate.pass_through()

    @contextmanager
    def held(self) -> Iterator[PostgresGateStore]:
        opener = self.ledger.opener()
        with PostgresGateStore.held(lambda: connect(self.ledger.url), opener) as store:
            yield EarlierStore(store, opener)


class EarlierStore(PostgresGateStore):
    """A store whose server says that it started an hour earlier."""

    def __init__(self, store: PostgresGateStore, opener: TermOpener) -> None:
        super().__init__(store._connection, opener)

    def here(self) -> Instance:
        now = super().here()
        earlier = clock.now() - timedelta(days=400)
        return Instance(
            timeline=now.timeline,
            system=now.system,
            started_at=earlier.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        )


def test_a_topic_that_is_not_as_pinned_stops_with_a_word_to_the_operator(ledger: Ledger) -> None:
    ledger.watched.complaints = ("retention.ms: 1000 instead of -1",)
    decision = ledger.gate()
    assert isinstance(decision, Stop)
    assert decision.halt is Halt.NOT_AS_PINNED
    assert ledger.state()[0] == "stopped"
    assert "retention.ms" in str(ledger.state()[1])


def test_a_topic_that_was_made_anew_stops(ledger: Ledger) -> None:
    ledger.watched.topic = MemoryTopic(topic_id="memory-2")
    decision = ledger.gate()
    assert isinstance(decision, Stop)
    assert decision.halt is Halt.NOT_AS_PINNED


def test_an_empty_database_beside_a_log_is_left_to_an_operator(
    ledger: Ledger, empty_database_url: str
) -> None:
    from infra.migrations import migrate  # noqa: PLC0415  # one test alone makes its own

    migrate(empty_database_url)
    other = Ledger(empty_database_url, ledger.signer)
    other.watched = ledger.watched
    decision = other.gate()
    assert isinstance(decision, Stop)
    assert decision.halt is Halt.POSTGRES_LOST


def test_what_both_have_lost_stops(ledger: Ledger) -> None:
    ledger.topic.lose_tail(4)
    ledger.lose_behind(2, places=False)
    decision = ledger.gate()
    assert isinstance(decision, Stop)
    assert decision.halt is Halt.BOTH_LOST


def test_a_record_that_was_entered_is_never_set_aside(ledger: Ledger) -> None:
    with (
        connect(ledger.url) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="never set aside"),
    ):
        connection.execute("SELECT ledger_set_aside(3, now())")


def test_the_first_decision_on_an_empty_pair_is_to_begin(database_url: str) -> None:
    ledger = Ledger(database_url)
    ledger.watched.complaints = ("partitions: 3 instead of 1",)
    with pytest.raises(RuntimeError, match="partitions"):
        ledger.gate()
    ledger.watched.complaints = ()
    assert ledger.gate() == Serve()


# What a simulated history has found ---------------------------------------------------------------


def end_at(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the gate end at this point, once."""
    monkeypatch.setitem(failpoints._ARMED, name, failpoints._Armed("raise", 1))


def test_a_crash_between_pinning_the_topic_and_creating_the_ledger_is_gone_on_from(
    database_url: str,
) -> None:
    ledger = Ledger(database_url)
    with PostgresGateStore.held(lambda: connect(database_url), ledger.opener()) as store:
        store.pin(Pinned(topic_id="memory-1", name="test.log"), "first")
    assert ledger.gate() == Serve()
    assert ledger.position() == 1


def test_keys_that_were_set_aside_are_voided_though_the_gate_ended_in_between(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.lose_behind(3)
    ledger.as_another_instance()
    lost_keys = ledger.record(2)
    end_at(monkeypatch, "gate_after_set_aside")
    with pytest.raises(Broken):
        ledger.gate()
    assert ledger.gate() == Serve()
    ledger.relay()
    assert read_envelope(entered(ledger)[-1]).event() == CommandsVoided(keys=tuple(lost_keys))
    ledger.as_another_instance()
    assert ledger.gate() == Serve()
    assert isinstance(read_envelope(ledger.bytes_of_log()[-1]).event(), TermOpened)


def test_the_term_of_another_is_not_served_though_the_gate_ended_before_it_opened_its_own(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ledger.position()
    with StaleInstance(ledger).held() as store:
        store.open_term("of an earlier server")
    ledger.relay()
    ledger.lose_behind(before)
    with connect(ledger.url) as connection:  # the head names this server, as before
        connection.execute("UPDATE ledger_head SET server_started_at = pg_postmaster_start_time()")
    end_at(monkeypatch, "gate_after_adopt")
    with pytest.raises(Broken):
        ledger.gate()
    assert ledger.position() == before + 1
    assert ledger.gate() == Serve()
    assert ledger.position() == before + 2
    terms = [instance_of(value) for value in ledger.bytes_of_log()[before:]]
    assert terms[0] < terms[1]


def test_a_projector_that_is_ahead_of_postgresql_does_not_keep_it_from_adopting(
    ledger: Ledger,
) -> None:
    won = ledger.bytes_of_log()
    with connect(ledger.url) as connection:
        connection.execute(
            "INSERT INTO projection_place SELECT 'views', 1, 'memory-1', position, chain_hash,"
            " term, position - 1, 0 FROM ledger_record WHERE position = 6"
        )
    ledger.lose_behind(3)
    ledger.as_another_instance()
    ledger.record(2)
    assert ledger.gate() == Serve()
    assert ledger.bytes_of_log()[: len(won)] == won


def test_a_fenced_server_stays_fenced_though_the_log_has_lost_what_it_was_fenced_for(
    ledger: Ledger,
) -> None:
    with connect(ledger.url) as connection:
        connection.execute("UPDATE ledger_head SET state = 'fenced', reason = 'superseded'")
    assert ledger.gate() == Fence(by=None)
    assert ledger.state() == ("fenced", "superseded")


def test_what_was_witnessed_is_not_forgotten_though_a_projector_has_followed_another_history(
    ledger: Ledger,
) -> None:
    with connect(ledger.url) as connection:
        connection.execute(
            "INSERT INTO witnessed VALUES (3, decode(repeat('00', 32), 'hex'),"
            " decode(repeat('ff', 32), 'hex'), now())"
        )
        connection.execute(
            "INSERT INTO projection_place SELECT 'views', 1, 'memory-1', position, chain_hash,"
            " term, position - 1, 0 FROM ledger_record WHERE position = 6"
        )
    decision = ledger.gate()
    assert isinstance(decision, Stop)
    assert decision.halt is Halt.BOTH_LOST


@dataclass(slots=True)
class Growing(MemoryTopic):
    """A topic to which more comes when it is asked for its end a second time."""

    more: list[tuple[bytes, bytes | None, int]] = field(default_factory=list)
    asked: int = 0

    def end(self) -> int:
        self.asked += 1
        if self.asked == 2:
            self.records += self.more
        return len(self.records)


def test_what_comes_while_records_are_adopted_is_not_built_upon(ledger: Ledger) -> None:
    ledger.lose_behind(3)
    ledger.as_another_instance()
    more = [ledger.topic.records.pop()]
    ledger.watched.topic = Growing(records=ledger.topic.records, more=more)
    assert ledger.gate() == Serve()
    # Its own term stood at the position of what came; it lost against that, as it must.
    assert ledger.rows("SELECT position, type FROM ledger_aside") == [(6, "term-opened")]


@dataclass(slots=True)
class Busy(MemoryTopic):
    """A topic on which the relay works while the gate reads."""

    work: Callable[[], None] | None = None

    def read(self, offset: int, limit: int) -> Sequence[Arrival]:
        found, work = MemoryTopic.read(self, offset, limit), self.work
        if work is not None and limit > 1:
            self.work = None
            work()
        return found


def test_a_place_that_is_stored_while_the_gate_reads_is_no_lost_tail(ledger: Ledger) -> None:
    def work() -> None:
        ledger.record(1)
        ledger.relay()

    ledger.watched.topic = Busy(records=ledger.topic.records, work=work)
    assert ledger.gate() == Serve()
    assert ledger.topic.end() == ledger.position() == 7
