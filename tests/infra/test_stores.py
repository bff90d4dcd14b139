"""Both stores of a ledger, held against each other on a real Kafka: what differs is named."""

from secrets import token_hex

import psycopg
import pytest

from infra.local import Kafka
from infra.log_source import kafka_source
from infra.stores import Compared, compare_stores
from infra.verification import verify

from .kafka_ledger import KafkaLedger, send_raw

pytestmark = [pytest.mark.pg, pytest.mark.kafka]


@pytest.fixture
def ledger(database_url: str, kafka: Kafka) -> KafkaLedger:
    """A ledger with 20 subjects behind its term, in two batches, all entered."""
    ledger = KafkaLedger.begun(database_url, kafka.address, f"test-{token_hex(4)}")
    for _ in range(2):
        ledger.record(10)
        ledger.relay()
    return ledger


def compared(ledger: KafkaLedger) -> Compared:
    source = kafka_source(ledger.url, ledger.address)
    return compare_stores(ledger.url, source, ledger.verifier())


def edit(ledger: KafkaLedger, statement: str) -> None:
    """As a superuser does who has switched off whatever forbids it."""
    with psycopg.connect(ledger.url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement.encode())


def codes(found: Compared) -> list[tuple[int, str]]:
    return [(one.position, one.code) for one in found.differences]


def test_stores_that_hold_the_same_have_one_root(ledger: KafkaLedger) -> None:
    found = compared(ledger)
    assert (codes(found), found.is_whole) == ([], True)
    assert found.entered == ledger.head()
    assert found.root == ledger.proof().root


def test_what_is_not_entered_yet_is_no_difference(ledger: KafkaLedger) -> None:
    before = ledger.position()
    ledger.record(5)
    found = compared(ledger)
    assert (codes(found), found.is_whole, found.entered.position) == ([], True, before)
    verified = verify(ledger.url, kafka_source(ledger.url, ledger.address), ledger.verifier())
    assert (verified.ok, verified.head, verified.entered) == (True, before + 5, before)


def test_a_record_that_was_changed_in_postgresql_with_its_hashes_is_named(
    ledger: KafkaLedger,
) -> None:
    edit(
        ledger,
        "UPDATE ledger_record SET chain_hash = sha256(chain_hash) WHERE position IN (5, 9)",
    )
    assert codes(compared(ledger)) == [(5, "stores-differ"), (9, "stores-differ")]


def test_records_that_are_missing_in_postgresql_are_named(ledger: KafkaLedger) -> None:
    edit(ledger, "DELETE FROM ledger_record WHERE position = 4 OR position > 20")
    assert codes(compared(ledger)) == [(4, "not-in-postgresql"), (21, "not-in-postgresql")]


def test_strangers_records_are_no_difference_wherever_they_stand(ledger: KafkaLedger) -> None:
    noise = [(b"noise", None)] * 3
    send_raw(ledger.address, ledger.pinned(), noise)
    ledger.record(3)
    found = compared(ledger)
    assert (codes(found), found.is_whole) == ([], True), "the relay goes on behind them"
    ledger.relay()
    send_raw(ledger.address, ledger.pinned(), noise)
    assert codes(compared(ledger)) == []
    assert compared(ledger).entered == ledger.head()


def test_a_batch_of_which_a_part_is_sent_is_no_difference(ledger: KafkaLedger) -> None:
    before = ledger.position()
    ledger.record(3)
    send_raw(ledger.address, ledger.pinned(), ledger.signed()[before : before + 2])
    found = compared(ledger)
    assert (codes(found), found.is_whole, found.entered.position) == ([], True, before)


def test_repeats_of_what_is_entered_are_no_difference(ledger: KafkaLedger) -> None:
    send_raw(ledger.address, ledger.pinned(), ledger.signed()[-10:])
    ledger.record(3)
    found = compared(ledger)
    assert (codes(found), found.is_whole) == ([], True)


def test_a_record_that_was_changed_on_kafka_stops_what_is_accepted_and_is_named(
    ledger: KafkaLedger,
) -> None:
    """It was written anew with a right checksum: only chain and signature can tell."""
    before = ledger.position()
    ledger.record(3)
    first, *others = ledger.signed()[before:]
    changed = (first[0].replace("示例".encode(), "例示".encode()), first[1])
    assert changed != first
    send_raw(ledger.address, ledger.pinned(), [changed, *others])
    found = compared(ledger)
    assert (codes(found), found.is_whole) == ([(before + 1, "not-entered")], False)
    verified = verify(ledger.url, kafka_source(ledger.url, ledger.address), ledger.verifier())
    assert not verified.ok
    assert {flaw.code for flaw in verified.problems} == {"not-entered", "not-accepted"}
    assert verified.tables == {}
