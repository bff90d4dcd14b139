"""From the log alone: the whole PostgreSQL side comes back, proven, fenced, and is taken over."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import pytest
from kafka import TopicPartition

from infra import failpoints, recovery
from infra.codec import read_envelope
from infra.connections import connect
from infra.creation import KeyMissing, write_keys
from infra.failpoints import Broken
from infra.gate_store import PostgresGateStore
from infra.local import Kafka
from infra.migrations import migrate
from infra.recovery import (
    KeysUnknown,
    NotRecoverable,
    NotTakenOver,
    read_keys,
    recover,
    take_over,
)
from infra.signer import PublicKey, Signer
from infra.topic import administer, create_topic, topics_of
from ledger.events import TermOpened
from ledger.gate import Fence, Halt, Serve, Stop
from tests.infra.kafka_ledger import KafkaLedger, raw_records, send_raw
from tests.waiting import wait_until

pytestmark = [pytest.mark.pg, pytest.mark.kafka]


@pytest.fixture
def name(kafka: Kafka) -> Iterator[str]:
    """The name of a ledger of one test, whose topics are taken away behind it."""
    named = f"test-{token_hex(4)}"
    yield named
    with administer(kafka.address) as admin:
        admin.delete_topics(list(topics_of(admin, named)))


@pytest.fixture
def ledger(database_url: str, kafka: Kafka, name: str) -> KafkaLedger:
    """A ledger with all sorts of records, all of them entered."""
    ledger = KafkaLedger.begun(database_url, kafka.address, name)
    ledger.record(30)
    ledger.void(["ab" * 32, "cd" * 32])
    ledger.record(12)
    ledger.relay()
    return ledger


@pytest.fixture
def bare(ledger: KafkaLedger, empty_database_url: str) -> KafkaLedger:
    """The same ledger where PostgreSQL has nothing of it."""
    migrate(empty_database_url)
    return ledger.at(empty_database_url)


def end_at(monkeypatch: pytest.MonkeyPatch, point: str, nth: int = 1) -> None:
    """Let what passes this point for the nth time end there."""
    monkeypatch.setitem(failpoints._ARMED, point, failpoints._Armed("raise", nth))


def test_everything_comes_back_from_the_log_alone_and_is_fenced(
    ledger: KafkaLedger, bare: KafkaLedger
) -> None:
    done = recover(bare.site, keys=ledger.keys)
    assert bare.all_rows() == ledger.all_rows()
    assert bare.state()[0] == "fenced"
    assert "recover --take-over" in str(bare.state()[1])
    assert done.proof == ledger.proof() == bare.proof()
    assert done.topic.name == bare.pinned() == ledger.pinned()
    assert (done.resumed_at, done.is_key_from_log) == (0, False)
    assert done.counts == {
        "records": ledger.position(),
        "commands": 42,
        "identifiers": 84,
        "voided": 2,
        "keys": 1,
    }
    both = (
        "SELECT position, chain_hash, term, recorded_at, incarnation, system_identifier,"
        " server_timeline, server_started_at FROM ledger_head"
    )
    assert bare.rows(both) == ledger.rows(both)
    last = "SELECT * FROM ledger_place ORDER BY position DESC LIMIT 1"
    assert bare.rows(last)[0][:-1] == ledger.rows(last)[0][:-1]
    # What was recovered is read, and nobody writes.
    assert isinstance(bare.gate(), Fence)
    assert bare.state()[0] == "fenced"


def test_a_database_that_holds_a_ledger_is_left_as_it_is(ledger: KafkaLedger) -> None:
    before = ledger.all_rows()
    with pytest.raises(NotRecoverable, match="recover into an empty database"):
        recover(ledger.site, keys=ledger.keys)
    assert (ledger.all_rows(), ledger.state()[0]) == (before, "open")


def test_what_was_recovered_is_not_recovered_again_and_the_next_act_is_said(
    ledger: KafkaLedger, bare: KafkaLedger
) -> None:
    recover(bare.site, keys=ledger.keys)
    with pytest.raises(NotRecoverable, match="recover --take-over"):
        recover(bare.site, keys=ledger.keys)


@pytest.mark.parametrize("way", ["keys", "log"])
def test_a_recovery_that_was_cut_off_goes_on_at_the_end_of_a_batch(
    ledger: KafkaLedger, bare: KafkaLedger, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    ledger.record(4_500)
    ledger.relay()
    keys = ledger.keys if way == "keys" else None
    end_at(monkeypatch, "recover_between_batches", 2)
    with pytest.raises(Broken):
        recover(bare.site, keys=keys)
    here = bare.position()
    assert 2_000 < here < ledger.position()
    # Meanwhile nobody takes it for a whole ledger.
    assert isinstance(bare.gate(), Fence)
    assert bare.state() == (
        "fenced",
        "a recovery was begun and is not finished: run `credit-ledger recover` again",
    )
    with pytest.raises(NotTakenOver, match="not finished"):
        take_over(bare.site)
    done = recover(bare.site, keys=keys)
    assert done.resumed_at == here
    assert bare.all_rows() == ledger.all_rows()
    assert done.proof == ledger.proof()


@pytest.mark.parametrize("point", ["recover_before_begin", "recover_before_end"])
def test_a_recovery_that_ended_at_its_edges_is_run_again(
    ledger: KafkaLedger, bare: KafkaLedger, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    end_at(monkeypatch, point)
    with pytest.raises(Broken):
        recover(bare.site, keys=ledger.keys)
    recover(bare.site, keys=ledger.keys)
    assert bare.all_rows() == ledger.all_rows()


def test_the_log_may_grow_while_a_recovery_is_cut_off(
    ledger: KafkaLedger, bare: KafkaLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_at(monkeypatch, "recover_before_end")
    with pytest.raises(Broken):
        recover(bare.site, keys=ledger.keys)
    ledger.record(3)
    ledger.relay()
    done = recover(bare.site, keys=ledger.keys)
    assert done.proof.head.position == ledger.position()
    assert bare.all_rows() == ledger.all_rows()


@pytest.mark.parametrize("lock", ["credit-ledger gate", "credit-ledger relay"])
def test_nothing_is_recovered_while_another_process_works_on_the_database(
    bare: KafkaLedger, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(recovery, "_LOCK_WAIT", "200ms")
    number = 4713 if lock.endswith("gate") else 4712
    with connect(bare.url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", (number, lock))
        with pytest.raises(NotRecoverable, match="stop the service"):
            recover(bare.site, keys=bare.keys)
    assert recover(bare.site, keys=bare.keys).proof == bare.proof()


# Keys ---------------------------------------------------------------------------------------------


def test_the_key_may_be_taken_from_the_log_itself_and_that_is_told(
    ledger: KafkaLedger, bare: KafkaLedger
) -> None:
    done = recover(bare.site, keys=None)
    assert done.is_key_from_log
    assert done.keys == ledger.keys
    assert bare.all_rows() == ledger.all_rows()


def test_the_logs_own_key_is_that_of_its_first_record_and_no_later_one(
    ledger: KafkaLedger, bare: KafkaLedger
) -> None:
    stranger = replace(ledger, signer=Signer.generate(ledger.name))
    with connect(ledger.url) as connection:
        connection.execute("UPDATE ledger_key SET last_term = 1")
        connection.execute(
            "INSERT INTO ledger_key VALUES (%s, 2, NULL)", (stranger.signer.public_key,)
        )
    before = ledger.position()
    with PostgresGateStore.held(lambda: connect(ledger.url), stranger.site.opener) as store:
        store.open_term("a stranger who can write to the topic")
    stranger.relay()
    done = recover(bare.site, keys=None)
    assert done.proof.head.position == before
    assert done.refused["unsigned"] == 1


def test_with_other_keys_nothing_is_recovered_and_nothing_is_written(bare: KafkaLedger) -> None:
    other = PublicKey(key=Signer.generate("x").public_key, first_term=1, last_term=None)
    with pytest.raises(NotRecoverable, match="LEDGER_KEYS"):
        recover(bare.site, keys=[other])
    assert bare.rows("SELECT * FROM ledger_head") == []
    assert bare.rows("SELECT * FROM ledger_topic") == []


def test_keys_that_know_of_a_term_beyond_the_log_show_that_its_tail_is_lost(
    ledger: KafkaLedger, bare: KafkaLedger
) -> None:
    known = [replace(ledger.keys[0], last_term=6)]
    known.append(PublicKey(key=Signer.generate("x").public_key, first_term=7, last_term=None))
    with pytest.raises(NotRecoverable, match=r"term 7.*ends in term 1"):
        recover(bare.site, keys=known)
    with pytest.raises(NotTakenOver, match="not finished"):
        take_over(bare.site)


def test_keys_are_read_as_they_were_written(tmp_path: Path, ledger: KafkaLedger) -> None:
    file = tmp_path / "keys.json"
    keys = (replace(ledger.keys[0], last_term=3), replace(ledger.keys[0], first_term=4))
    write_keys(file, ledger.name, keys)
    assert read_keys(file, ledger.name) == keys
    with pytest.raises(KeysUnknown, match="not of other"):
        read_keys(file, "other")
    with pytest.raises(KeysUnknown, match="--trust-log"):
        read_keys(tmp_path / "none.json", ledger.name)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"ledger": "x", "keys": [{}]}', '{"ledger": "x", "keys": 3}'],
)
def test_a_file_that_holds_no_keys_is_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    with pytest.raises(KeysUnknown, match="no file of public keys"):
        read_keys(file, "x")


def test_a_key_of_another_length_is_none(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    key = {"public_key": "abcd", "first_term": 1, "last_term": None}
    file.write_text(json.dumps({"ledger": "x", "keys": [key]}))
    with pytest.raises(KeysUnknown, match="no file of public keys"):
        read_keys(file, "x")


# What is known beside the log ---------------------------------------------------------------------


def test_a_checkpoint_beyond_the_log_keeps_it_from_being_recovered(
    ledger: KafkaLedger, bare: KafkaLedger
) -> None:
    with connect(bare.url) as connection:
        connection.execute(
            "INSERT INTO witnessed VALUES (4711, decode(repeat('00', 32), 'hex'),"
            " decode(repeat('ff', 32), 'hex'), now())"
        )
    with pytest.raises(NotRecoverable, match="position 4711 was entered"):
        recover(bare.site, keys=ledger.keys)
    assert bare.rows("SELECT * FROM ledger_head") == []


def test_views_that_show_what_the_log_has_do_not(ledger: KafkaLedger, bare: KafkaLedger) -> None:
    (place,) = ledger.rows("SELECT position, chain_hash FROM ledger_record WHERE position = 7")
    with connect(bare.url) as connection:
        connection.execute(
            "INSERT INTO projection_place VALUES ('views', 1, 'a-former-topic', %s, %s, 1, 9, 0)",
            place,
        )
    assert recover(bare.site, keys=ledger.keys).proof == ledger.proof()


# Which topic --------------------------------------------------------------------------------------


def test_where_there_is_no_topic_that_is_told(
    empty_database_url: str, kafka: Kafka, name: str
) -> None:
    migrate(empty_database_url)
    nobody = KafkaLedger(empty_database_url, kafka.address, name, Signer.generate(name))
    with pytest.raises(NotRecoverable, match=f"there is no topic {name}.log"):
        recover(nobody.site, keys=nobody.keys)


def test_an_empty_topic_brings_nothing_back(
    empty_database_url: str, kafka: Kafka, name: str
) -> None:
    migrate(empty_database_url)
    nobody = KafkaLedger(empty_database_url, kafka.address, name, Signer.generate(name))
    with administer(kafka.address) as admin:
        create_topic(admin, f"{name}.log", single_broker=True)
    with pytest.raises(NotRecoverable, match="is empty"):
        recover(nobody.site, keys=nobody.keys)


def test_a_topic_that_was_cut_brings_nothing_back(bare: KafkaLedger) -> None:
    with administer(bare.address) as admin:
        admin.delete_records({TopicPartition(f"{bare.name}.log", 0): 5})
    with pytest.raises(NotRecoverable, match="begins at offset 5"):
        recover(bare.site, keys=bare.keys)
    assert bare.rows("SELECT * FROM ledger_head") == []


def test_of_several_topics_the_longest_history_is_recovered(
    ledger: KafkaLedger, bare: KafkaLedger
) -> None:
    copy_topic(ledger, f"{ledger.name}.log.2")
    ledger.record(3)
    with administer(ledger.address) as admin:
        create_topic(admin, f"{ledger.name}.log.3", single_broker=True)
    ledger.relay()
    assert recover(bare.site, keys=ledger.keys).topic.name == f"{ledger.name}.log"


def test_of_equal_topics_the_newest_is_recovered(ledger: KafkaLedger, bare: KafkaLedger) -> None:
    copy_topic(ledger, f"{ledger.name}.log.2")
    assert recover(bare.site, keys=ledger.keys).topic.name == f"{ledger.name}.log.2"


def test_topics_that_differ_are_left_to_a_human_who_may_name_one(
    ledger: KafkaLedger, bare: KafkaLedger
) -> None:
    copy_topic(ledger, f"{ledger.name}.log.2")
    before = ledger.position()
    ledger.record(2)
    ledger.relay()
    ledger.lose_behind(before)
    with connect(ledger.url) as connection:
        connection.execute("UPDATE ledger_topic SET name = name || '.2'")
    other = replace(ledger, count=1_000)
    other.record(1)
    other.relay()
    with pytest.raises(NotRecoverable, match="--topic"):
        recover(bare.site, keys=ledger.keys)
    done = recover(bare.site, keys=ledger.keys, topic=f"{ledger.name}.log.2")
    assert done.proof == other.proof()


def copy_topic(ledger: KafkaLedger, name: str) -> None:
    """Another topic with the same records."""
    with administer(ledger.address) as admin:
        create_topic(admin, name, single_broker=True)
    send_raw(ledger.address, name, raw_records(ledger.address, f"{ledger.name}.log"))


def test_records_that_are_not_the_ledgers_are_passed_over_and_counted(
    ledger: KafkaLedger, bare: KafkaLedger
) -> None:
    records = raw_records(ledger.address, f"{ledger.name}.log")
    planted = [(b"not a record", None), records[3]]
    send_raw(ledger.address, f"{ledger.name}.log", planted)
    done = recover(bare.site, keys=ledger.keys)
    assert (done.refused["unreadable"], done.refused["behind"]) == (1, 1)
    assert bare.all_rows() == ledger.all_rows()


def test_a_service_without_its_database_begins_no_ledger_beside_a_later_topic(
    ledger: KafkaLedger, bare: KafkaLedger
) -> None:
    """The first topic was given up and deleted; of a third one nothing was sent yet."""
    copy_topic(ledger, f"{ledger.name}.log.2")
    with administer(ledger.address) as admin:
        create_topic(admin, f"{ledger.name}.log.3", single_broker=True)
        admin.delete_topics([f"{ledger.name}.log"])
    bare.site.make_topic()
    decision = bare.gate()
    assert isinstance(decision, Stop)
    assert decision.halt is Halt.POSTGRES_LOST
    with administer(ledger.address) as admin:
        assert topics_of(admin, ledger.name) == tuple(f"{ledger.name}.log.{n}" for n in (2, 3))
    assert bare.rows("SELECT * FROM ledger_head") == []
    assert recover(bare.site, keys=ledger.keys).topic.name == f"{ledger.name}.log.2"


# Taking over --------------------------------------------------------------------------------------


def test_taking_over_opens_the_next_term_and_the_ledger_is_written_again(
    ledger: KafkaLedger, bare: KafkaLedger
) -> None:
    recover(bare.site, keys=ledger.keys)
    before = bare.signed()
    done = take_over(bare.site)
    assert (done.is_done, done.state, done.head.term) == (True, "open", 2)
    assert bare.state() == ("open", None)
    assert bare.signed()[:-1] == before
    opened = read_envelope(bare.signed()[-1][0]).event()
    assert isinstance(opened, TermOpened)
    assert "an operator" in opened.reason
    # Else the log would still name the other server, and this one give way after its next start.
    assert raw_records(bare.address, bare.pinned()) == bare.signed()
    bare.count = 1_000
    bare.record(2)
    bare.relay()
    assert bare.gate() == Serve()
    assert raw_records(bare.address, bare.pinned()) == bare.signed()


def test_the_ledger_that_was_taken_over_takes_in_what_was_entered_meanwhile(
    ledger: KafkaLedger, bare: KafkaLedger
) -> None:
    recover(bare.site, keys=ledger.keys)
    ledger.record(3)
    ledger.relay()
    done = take_over(bare.site)
    assert done.head.position == ledger.position() + 1
    assert bare.signed()[:-1] == ledger.signed()


def test_what_a_fenced_server_had_not_sent_stays_in_order_before_its_term(
    ledger: KafkaLedger,
) -> None:
    ledger.record(5)
    fence(ledger)
    before = ledger.signed()
    take_over(ledger.site)
    ledger.relay()
    assert ledger.signed()[:-1] == before
    assert raw_records(ledger.address, ledger.pinned()) == ledger.signed()
    assert ledger.gate() == Serve()


def test_where_a_service_relays_its_relay_sends_the_term(ledger: KafkaLedger) -> None:
    ledger.record(2)
    fence(ledger)
    stop = threading.Event()
    relay = ledger.site.relay(lambda: None)
    with ThreadPoolExecutor(1) as service:
        running = service.submit(relay.run, stop)
        wait_until(lambda: is_locked(ledger), 10)
        try:
            take_over(ledger.site)
        finally:
            stop.set()
        running.result(10)
    assert raw_records(ledger.address, ledger.pinned()) == ledger.signed()


def is_locked(ledger: KafkaLedger) -> bool:
    """Whether a relay works."""
    return bool(ledger.rows("SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 4712"))


def test_a_term_that_does_not_come_to_be_entered_is_told(
    ledger: KafkaLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_ENTERED_S", 1.0)
    fence(ledger)
    with connect(ledger.url) as connection:
        connection.execute("SELECT pg_advisory_lock(4712, hashtext('credit-ledger relay'))")
        with pytest.raises(NotTakenOver, match="not entered on Kafka yet"):
            take_over(ledger.site)
    assert ledger.state() == ("open", None)


def test_a_ledger_that_is_not_fenced_is_not_taken_over(ledger: KafkaLedger) -> None:
    before = ledger.signed()
    done = take_over(ledger.site)
    assert (done.is_done, done.state) == (False, "open")
    assert ledger.signed() == before


def test_a_ledger_that_is_stopped_is_not_taken_over(ledger: KafkaLedger) -> None:
    with connect(ledger.url) as connection:
        connection.execute("UPDATE ledger_head SET state = 'stopped', reason = 'a fork'")
    with pytest.raises(NotTakenOver, match="it is stopped: a fork"):
        take_over(ledger.site)


def test_a_database_without_a_ledger_is_not_taken_over(bare: KafkaLedger) -> None:
    with pytest.raises(NotTakenOver, match="credit-ledger recover"):
        take_over(bare.site)


def test_without_the_private_key_nothing_is_touched(ledger: KafkaLedger) -> None:
    ledger.lose_behind(31)  # so that there is something to take in first
    fence(ledger)
    before = ledger.signed()

    def missing() -> Signer:
        raise KeyMissing("the private key is not here")

    opener = replace(ledger.site.opener, signer=missing)
    with pytest.raises(KeyMissing):
        take_over(replace(ledger.site, opener=opener))
    assert (ledger.signed(), ledger.state()[0]) == (before, "fenced")


def test_a_topic_that_is_not_as_pinned_is_not_taken_over_and_the_fence_stays(
    ledger: KafkaLedger,
) -> None:
    fence(ledger)
    with administer(ledger.address) as admin:
        admin.create_partitions({ledger.pinned(): 2})
    with pytest.raises(NotTakenOver, match="has 2 partitions"):
        take_over(ledger.site)
    assert ledger.state() == ("fenced", "superseded")


def test_a_ledger_of_which_both_stores_have_lost_something_is_not_taken_over(
    ledger: KafkaLedger,
) -> None:
    with connect(ledger.url) as connection:
        connection.execute(
            "INSERT INTO witnessed VALUES (4711, decode(repeat('00', 32), 'hex'),"
            " decode(repeat('ff', 32), 'hex'), now())"
        )
    fence(ledger)
    with pytest.raises(NotTakenOver, match="position 4711 was entered"):
        take_over(ledger.site)
    assert ledger.state() == ("fenced", "superseded")


def test_a_take_over_that_ended_before_its_term_is_run_again(
    ledger: KafkaLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    fence(ledger)
    end_at(monkeypatch, "take_over_before_term")
    with pytest.raises(Broken):
        take_over(ledger.site)
    assert ledger.state()[0] == "fenced"
    assert take_over(ledger.site).is_done
    assert ledger.state() == ("open", None)


def test_a_tail_that_kafka_lost_is_sent_before_the_term(ledger: KafkaLedger) -> None:
    """The topic is one that lacks the last records, as after a lost tail."""
    with administer(ledger.address) as admin:
        made = create_topic(admin, f"{ledger.name}.log.2", single_broker=True)
    records = raw_records(ledger.address, f"{ledger.name}.log")
    send_raw(ledger.address, f"{ledger.name}.log.2", records[:1])
    with connect(ledger.url) as connection:
        connection.execute("UPDATE ledger_topic SET name = name || '.2', topic_id = %s", (made,))
    fence(ledger)
    before = ledger.signed()
    take_over(ledger.site)
    ledger.relay()
    assert raw_records(ledger.address, ledger.pinned())[:-1] == before
    assert ledger.gate() == Serve()


def fence(ledger: KafkaLedger) -> None:
    with connect(ledger.url) as connection:
        connection.execute("UPDATE ledger_head SET state = 'fenced', reason = 'superseded'")
