"""What `verify` says of a ledger whose log is on a real Kafka."""

from contextlib import closing
from secrets import token_hex

import pytest

from infra.connections import connect
from infra.gate import Pinned
from infra.gate_store import PostgresGateStore
from infra.local import Kafka
from infra.log_source import OpenLog, kafka_source
from infra.projector import Projector
from infra.topic import administer, create_topic, topic_name
from infra.verification import Verified, verify

from .kafka_ledger import KafkaLedger, send_raw

pytestmark = [pytest.mark.pg, pytest.mark.kafka]


@pytest.fixture
def ledger(database_url: str, kafka: Kafka) -> KafkaLedger:
    """A ledger with 20 subjects behind its term, all entered and shown."""
    ledger = KafkaLedger.begun(database_url, kafka.address, f"test-{token_hex(4)}")
    for _ in range(4):
        ledger.record(5)
    ledger.relay()
    with closing(Projector(ledger.url, source(ledger), ledger.verifier())) as projector:
        while projector.step():
            pass
    return ledger


def source(ledger: KafkaLedger) -> OpenLog:
    return kafka_source(ledger.url, ledger.address)


def verified(ledger: KafkaLedger) -> Verified:
    return verify(ledger.url, source(ledger), ledger.verifier())


def pin_empty_topic(ledger: KafkaLedger) -> None:
    name = f"{topic_name(ledger.name)}.2"
    with administer(ledger.address) as admin:
        made = Pinned(topic_id=create_topic(admin, name, single_broker=True), name=name)
    with connect(ledger.url) as connection:
        PostgresGateStore(connection, ledger.site.opener).pin(made, "of a test")


def test_a_ledger_that_nobody_touched_has_one_root_in_both_stores(ledger: KafkaLedger) -> None:
    found = verified(ledger)
    assert (found.ok, found.problems) == (True, ())
    assert found.entered == found.head == ledger.position()
    assert found.root == ledger.proof().root.hex()
    assert found.root == ledger.proof_of_topic(ledger.pinned()).root.hex()


def test_what_was_shown_and_is_no_longer_on_kafka_is_named_until_it_was_sent_again(
    ledger: KafkaLedger,
) -> None:
    """Brokers that fail together may lose the end of the log."""
    pin_empty_topic(ledger)
    send_raw(ledger.address, ledger.pinned(), ledger.signed()[:11])
    found = verified(ledger)
    assert (found.entered, found.head, found.ok) == (11, ledger.position(), False)
    assert [(flaw.position, flaw.code) for flaw in found.problems] == [
        (12, "not-entered"),
        (12, "not-accepted"),
    ]
    assert found.tables == {}
    ledger.relay()
    assert verified(ledger).ok
    assert verified(ledger).entered == ledger.position()
