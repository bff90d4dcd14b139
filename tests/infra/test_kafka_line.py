"""PostgreSQL to a real Kafka and back: gate, relay and reader over the real parts."""

from contextlib import closing
from secrets import token_hex

import pytest

from infra import clock
from infra.connections import connect
from infra.gate import Gate
from infra.gate_store import PostgresGateStore, TermOpener
from infra.ids import fresh_event
from infra.kafka_log import KafkaLog
from infra.kafka_sender import KafkaSender
from infra.kafka_topic import KafkaTopic
from infra.local import Kafka
from infra.reader import Reader
from infra.relay import RelaySession
from infra.sequenced import SequencedRecords
from infra.topic import administer, create_topic
from ledger.gate import Serve
from tests.infra.test_failing_log import positions
from tests.infra.test_gate import LEDGER, Ledger

pytestmark = [pytest.mark.pg, pytest.mark.kafka]


@pytest.fixture
def topic(kafka: Kafka) -> str:
    name = f"{LEDGER}-{token_hex(4)}.log"
    with administer(kafka.address) as admin:
        create_topic(admin, name, single_broker=True)
    return name


def test_what_is_sequenced_is_entered_byte_for_byte(
    database_url: str, kafka: Kafka, topic: str
) -> None:
    ledger = Ledger(database_url)
    opener = TermOpener(
        ledger=LEDGER, signer=lambda: ledger.signer, fresh=fresh_event, now=clock.now
    )
    gate = Gate(
        store=lambda: PostgresGateStore.held(lambda: connect(database_url), opener),
        topic=lambda _: KafkaTopic(kafka.address, topic, single_broker=True),
        verify=ledger.verifier,
    )
    assert gate.pass_through() == Serve()
    ledger.record(30)
    with (
        closing(SequencedRecords(lambda: connect(database_url))) as sequenced,
        closing(KafkaLog(kafka.address, topic)) as log,
    ):
        session = RelaySession(
            sequenced=sequenced,
            log=log,
            sender=KafkaSender(kafka.address, topic),
            verify=ledger.verifier(),
            elapsed=clock.elapsed,
        )
        while session.reader.place.position < ledger.position():
            session.step()
        session.close()
    with closing(KafkaLog(kafka.address, topic)) as log:
        reader = Reader(log, ledger.verifier())
        batches = list(reader.poll())
        while reader.next_offset < log.end():
            batches += reader.poll()
        assert positions(batches) == list(range(1, ledger.position() + 1))
        assert [one.value for batch in batches for one in batch.records] == ledger.bytes_of_log()
    assert gate.pass_through() == Serve()
    ledger.as_another_instance()
    assert gate.pass_through() == Serve()
