"""A ledger on real stores: a database, a broker, and what is done with both in tests."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from infra import clock
from infra.codec import EventCodec
from infra.connections import connect
from infra.creation import public_keys
from infra.gate import Pinned
from infra.gate_store import PostgresGateStore, TermOpener
from infra.ids import fresh_event
from infra.kafka_log import KafkaLog
from infra.kafka_sender import KafkaSender
from infra.kafka_site import KafkaSite
from infra.proof import Proof, prove_records, read_history
from infra.relay import RelaySession
from infra.sequenced import SequencedRecords
from infra.sequencer import PostgresSequencer
from infra.signer import PublicKey, Signer, Verifier
from infra.topic import administer, create_topic, topic_name
from ledger.events import CommandsVoided
from ledger.gate import Decision, Serve
from ledger.identifiers import index_keys
from ledger.record import Head
from ledger.sequencing import Append, Draft
from tests.projections.history import registered, subject

__all__ = ["KafkaLedger", "raw_records", "send_raw"]

_TABLES = (
    "ledger_record",
    "ledger_command",
    "ledger_identifier",
    "ledger_notification",
    "ledger_voided",
    "ledger_key",
)


@dataclass(slots=True)
class KafkaLedger:
    """One ledger: what sequences it, what relays it, and what its two stores hold."""

    url: str
    address: str
    name: str
    signer: Signer
    count: int = 0

    @classmethod
    def begun(
        cls,
        url: str,
        address: str,
        name: str,
        signer: Signer | None = None,
        *,
        number: int | None = None,
    ) -> "KafkaLedger":
        """A new ledger on a new topic of its own, its first one unless a number is given."""
        ledger = cls(url, address, name, signer or Signer.generate(name))
        topic = topic_name(name) if number is None else f"{topic_name(name)}.{number}"
        with administer(address) as admin:
            made = Pinned(topic_id=create_topic(admin, topic, single_broker=True), name=topic)
        with connect(url) as connection:
            PostgresGateStore(connection, ledger.site.opener).pin(made, "first")
        assert ledger.site.gate().pass_through() == Serve()
        ledger.relay()
        return ledger

    def at(self, url: str) -> "KafkaLedger":
        """The same ledger with another database."""
        return replace(self, url=url)

    @property
    def site(self) -> KafkaSite:
        opener = TermOpener(
            ledger=self.name, signer=lambda: self.signer, fresh=fresh_event, now=clock.now
        )
        return KafkaSite(
            database_url=self.url,
            address=self.address,
            single_broker=True,
            opener=opener,
            verify=self.verifier,
        )

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        return (PublicKey(key=self.signer.public_key, first_term=1, last_term=None),)

    def verifier(self) -> Verifier:
        with connect(self.url) as connection:
            return Verifier(self.name, public_keys(connection))

    def gate(self) -> Decision:
        return self.site.gate().pass_through()

    def record(self, count: int) -> None:
        """Sequence so many subjects in batches, each with a key and an identifier."""
        numbers = range(self.count + 1, self.count + count + 1)
        self.count += count
        sequencer = PostgresSequencer(lambda: connect(self.url), self.name, self._sign, clock.now)
        # Sequenced as the table log would be: here the follower that a service needs is not run.
        sequencer._lock_name = "lock_head"  # as when a term is opened
        with closing(sequencer):
            sequencer.append([_registration(number) for number in numbers])

    def _sign(self, head: Any) -> bytes:
        return self.signer.sign(head)

    def relay(self) -> None:
        """Send what is sequenced to the pinned topic, until all of it is entered."""
        pinned = self.pinned()
        with (
            closing(SequencedRecords(lambda: connect(self.url))) as sequenced,
            closing(KafkaLog(self.address, pinned)) as log,
            closing(KafkaSender(self.address, pinned)) as sender,
        ):
            session = RelaySession(
                sequenced=sequenced,
                log=log,
                sender=sender,
                verify=self.verifier(),
                elapsed=clock.elapsed,
            )
            while session.reader.place.position < self.position() or session.is_waiting:
                session.step()

    def pinned(self) -> str:
        ((name,),) = self.rows("SELECT name FROM ledger_topic WHERE until IS NULL")
        return str(name)

    def position(self) -> int:
        ((position,),) = self.rows("SELECT position FROM ledger_head")
        return int(str(position))

    def head(self) -> Head:
        with connect(self.url) as connection:
            return PostgresGateStore(connection, self.site.opener).head()

    def as_another_instance(self) -> None:
        """The server was restarted: the instance that opened the term began an hour earlier."""
        with connect(self.url) as connection:
            connection.execute(
                "UPDATE ledger_head SET server_started_at = server_started_at - interval '1 hour'"
            )

    def state(self) -> tuple[object, ...]:
        (found,) = self.rows("SELECT state, reason FROM ledger_head")
        return found

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with connect(self.url) as connection:
            return connection.execute(query).fetchall()

    def all_rows(self) -> dict[str, list[tuple[object, ...]]]:
        """Everything that is rebuilt from the records, in the order of its text."""
        return {table: sorted(self.rows(f"TABLE {table}"), key=str) for table in _TABLES}

    def signed(self) -> list[tuple[bytes, bytes | None]]:
        """The bytes of all records, with their signatures, in order."""
        with connect(self.url) as connection:
            rows = connection.execute("SELECT bytes, sig FROM ledger_record ORDER BY position")
            return [(bytes(value), None if sig is None else bytes(sig)) for value, sig in rows]

    def proof(self) -> Proof:
        with connect(self.url) as connection:
            return prove_records(connection, self.position(), verify=self.verifier())

    def proof_of_topic(self, name: str) -> Proof:
        with closing(KafkaLog(self.address, name)) as log:
            return read_history(log, self.verifier()).proof

    def void(self, keys: Sequence[str]) -> None:
        """Sequence a record that voids keys, as the gate does."""
        with connect(self.url) as connection, connection.transaction():
            store = PostgresGateStore(connection, self.site.opener)
            at = store._sequence(CommandsVoided(keys=tuple(keys)))
            connection.execute(
                "INSERT INTO ledger_voided SELECT decode(key, 'hex'), %s"
                " FROM unnest(%s::text[]) AS key",
                (at, list(keys)),
            )

    def lose_behind(self, position: int) -> None:
        """The database comes back as it was at a position, from an older backup."""
        with connect(self.url) as connection, connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            for table, column in (
                ("ledger_command", "last_position"),
                ("ledger_identifier", "position"),
                ("ledger_voided", "position"),
                ("ledger_notification", "position"),
                ("ledger_record", "position"),
                ("ledger_place", "position"),
            ):
                connection.execute(
                    psycopg.sql.SQL("DELETE FROM {} WHERE {} > %s").format(
                        psycopg.sql.Identifier(table), psycopg.sql.Identifier(column)
                    ),
                    (position,),
                )
            connection.execute(
                "UPDATE ledger_head SET position = r.position, chain_hash = r.chain_hash,"
                " term = r.term, notifications = (SELECT count(*) FROM ledger_notification)"
                " FROM ledger_record r WHERE r.position = %s",
                (position,),
            )


def _registration(number: int) -> Append:
    event = registered(number)
    draft = Draft(
        stream=subject(number),
        version=1,
        type="subject-registered",
        id=fresh_event(),
        data=EventCodec().data(event),
    )
    return Append(
        drafts=(draft,),
        key_hash=f"{number:064x}",
        command_hash="11" * 32,
        actor="test",
        claims=tuple(key for one in event.identifiers for key in index_keys(one)),
    )


def raw_records(address: str, topic: str) -> list[tuple[bytes, bytes | None]]:
    """The bytes and signatures that a topic holds, read by a client of its own."""
    consumer = KafkaConsumer(bootstrap_servers=address, group_id=None)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end = consumer.end_offsets([partition])[partition]
    found: list[tuple[bytes, bytes | None]] = []
    while consumer.position(partition) < end:
        for polled in consumer.poll(1_000).values():
            found += [(one.value, dict(one.headers).get("sig")) for one in polled]
    consumer.close()
    return found


def send_raw(address: str, topic: str, records: Sequence[tuple[bytes, bytes | None]]) -> None:
    """Write records with their signatures to a topic, by a client of its own."""
    producer = KafkaProducer(bootstrap_servers=address)
    for value, signature in records:
        headers = [] if signature is None else [("sig", signature)]
        producer.send(topic, value, partition=0, headers=headers)
    producer.close()
