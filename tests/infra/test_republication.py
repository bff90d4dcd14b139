"""A lost topic is made anew from PostgreSQL: the same bytes, the same root, pinned when proven."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from secrets import token_hex

import pytest
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from infra import clock, failpoints
from infra.connections import connect
from infra.failpoints import Broken
from infra.kafka_sender import KafkaSender
from infra.local import Kafka
from infra.log_source import kafka_source
from infra.migrations import migrate
from infra.proof import NotProven
from infra.reader import Reader
from infra.recovery import recover, take_over
from infra.relay import RelaySession
from infra.republication import How, NotRepublishable, republish
from infra.sequenced import SequencedRecords
from infra.signer import Signer
from infra.topic import administer, create_topic, find_topic_id, topics_of
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
    """A ledger whose records are all entered."""
    ledger = KafkaLedger.begun(database_url, kafka.address, name)
    ledger.record(30)
    ledger.record(12)
    ledger.relay()
    return ledger


def end_at(monkeypatch: pytest.MonkeyPatch, point: str, nth: int = 1) -> None:
    """Let what passes this point for the nth time end there."""
    monkeypatch.setitem(failpoints._ARMED, point, failpoints._Armed("raise", nth))


def delete(ledger: KafkaLedger, topic: str | None = None) -> None:
    """Delete a topic, by default the pinned one, and wait until it is gone."""
    gone = topic or ledger.pinned()
    with administer(ledger.address) as admin:
        admin.delete_topics([gone])
        wait_until(lambda: gone not in admin.list_topics(), 10)


def cut(ledger: KafkaLedger, before: int) -> None:
    with administer(ledger.address) as admin:
        admin.delete_records({TopicPartition(ledger.pinned(), 0): before})


def raise_partitions(ledger: KafkaLedger) -> None:
    with administer(ledger.address) as admin:
        admin.create_partitions({ledger.pinned(): 3})


def stopped(ledger: KafkaLedger) -> None:
    """The gate has seen that the topic is not as it was pinned."""
    decision = ledger.gate()
    assert isinstance(decision, Stop)
    assert decision.halt is Halt.NOT_AS_PINNED
    assert "credit-ledger republish" in decision.message


def topic_id(ledger: KafkaLedger, topic: str) -> str:
    with administer(ledger.address) as admin:
        return find_topic_id(admin, topic)


def goes_on(ledger: KafkaLedger) -> None:
    """The ledger is written again, and both stores hold the same."""
    assert ledger.gate() == Serve()
    assert ledger.state() == ("open", None)
    ledger.record(3)
    ledger.relay()
    assert raw_records(ledger.address, ledger.pinned()) == ledger.signed()
    assert ledger.gate() == Serve()


# What may be lost ---------------------------------------------------------------------------------


def test_a_deleted_topic_is_made_anew_under_its_name_with_the_same_root(
    ledger: KafkaLedger,
) -> None:
    root, first = ledger.proof_of_topic(ledger.pinned()), topic_id(ledger, ledger.pinned())
    before = raw_records(ledger.address, ledger.pinned())
    delete(ledger)
    stopped(ledger)
    done = republish(ledger.site)
    assert (done.how, done.sent) == (How.SENT_AGAIN, ledger.position())
    assert done.topic.name == ledger.pinned() == f"{ledger.name}.log"
    assert done.proof == root == ledger.proof_of_topic(ledger.pinned())
    assert raw_records(ledger.address, ledger.pinned()) == before == ledger.signed()
    assert done.topic.topic_id == topic_id(ledger, ledger.pinned()) != first
    rows = ledger.rows(
        "SELECT topic_id, until IS NULL, reason FROM ledger_topic ORDER BY until IS NULL"
    )
    assert rows == [(first, False, "first"), (done.topic.topic_id, True, "sent-again")]
    goes_on(ledger)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda ledger: cut(ledger, 3), "begins at offset 3, must begin at 0"),
        (raise_partitions, "has 3 partitions, must have 1"),
    ],
)
def test_beside_a_topic_that_still_bears_the_name_the_next_one_is_made(
    ledger: KafkaLedger, spoil: object, why: str
) -> None:
    assert callable(spoil)
    spoil(ledger)
    stopped(ledger)
    done = republish(ledger.site)
    assert done.topic.name == ledger.pinned() == f"{ledger.name}.log.2"
    assert done.former is not None
    assert done.former.name == f"{ledger.name}.log"
    assert why in done.why[0]
    assert done.proof == ledger.proof()
    assert raw_records(ledger.address, ledger.pinned()) == ledger.signed()
    goes_on(ledger)


def test_a_topic_may_be_lost_a_second_time(ledger: KafkaLedger) -> None:
    raise_partitions(ledger)
    republish(ledger.site)
    assert ledger.gate() == Serve()
    raise_partitions(ledger)
    assert republish(ledger.site).topic.name == f"{ledger.name}.log.3"
    goes_on(ledger)
    delete(ledger)
    assert republish(ledger.site).topic.name == f"{ledger.name}.log.3"
    goes_on(ledger)


def test_a_topic_that_was_given_up_is_not_lived_on_again(ledger: KafkaLedger) -> None:
    first = ledger.pinned()
    alter(ledger, first, {"retention.ms": "604800000"})
    assert republish(ledger.site).topic.name == f"{ledger.name}.log.2"
    goes_on(ledger)
    alter(ledger, first, {"retention.ms": "-1"})
    delete(ledger)
    assert republish(ledger.site).topic.name == f"{ledger.name}.log.2"
    goes_on(ledger)


def test_a_topic_that_somebody_made_anew_is_not_taken_for_the_ledgers(ledger: KafkaLedger) -> None:
    delete(ledger)
    with administer(ledger.address) as admin:
        create_topic(admin, f"{ledger.name}.log", single_broker=True)
    send_raw(ledger.address, f"{ledger.name}.log", [(b"a stranger's record", None)])
    stopped(ledger)
    assert republish(ledger.site).topic.name == f"{ledger.name}.log.2"
    goes_on(ledger)


def test_what_was_not_entered_yet_is_sent_as_well(ledger: KafkaLedger) -> None:
    ledger.record(5)
    delete(ledger)
    done = republish(ledger.site)
    assert done.proof is not None
    assert done.proof.head.position == ledger.position()
    assert raw_records(ledger.address, ledger.pinned()) == ledger.signed()


def test_a_topic_that_cannot_be_read_from_its_beginning_is_lost_though_its_settings_are_good(
    ledger: KafkaLedger,
) -> None:
    """The same records but for one: as where a byte of a segment was turned with its checksum."""
    records = raw_records(ledger.address, ledger.pinned())
    value, signature = records[9]
    records[9] = (value.replace(b'"actor":"test"', b'"actor":"tEst"'), signature)
    assert records[9][0] != value
    move_to_copy(ledger, records)
    assert ledger.gate() == Serve()  # which reads from the newest place on
    done = republish(ledger.site)
    assert "cannot be read behind position" in done.why[0]
    assert done.topic.name == f"{ledger.name}.log.3"
    goes_on(ledger)


def move_to_copy(ledger: KafkaLedger, records: list[tuple[bytes, bytes | None]]) -> None:
    """Let the ledger live on a topic that holds these records, with a place at its end."""
    delete(ledger)
    with administer(ledger.address) as admin:
        made = create_topic(admin, f"{ledger.name}.log.2", single_broker=True)
    send_raw(ledger.address, f"{ledger.name}.log.2", records)
    with connect(ledger.url) as connection:
        connection.execute("UPDATE ledger_topic SET topic_id = %s, name = name || '.2'", (made,))
        connection.execute("UPDATE ledger_place SET topic_id = %s", (made,))


def test_a_topic_that_is_as_it_was_pinned_is_left_as_it_is(ledger: KafkaLedger) -> None:
    before = ledger.rows("SELECT * FROM ledger_topic")
    done = republish(ledger.site)
    assert (done.how, done.former, done.why, done.sent) == (How.NOT_LOST, None, (), 0)
    assert ledger.rows("SELECT * FROM ledger_topic") == before
    assert ledger.state() == ("open", None)
    with administer(ledger.address) as admin:
        assert topics_of(admin, ledger.name) == (f"{ledger.name}.log",)


def test_a_lost_tail_is_not_a_lost_topic(ledger: KafkaLedger) -> None:
    records = raw_records(ledger.address, ledger.pinned())
    move_to_copy(ledger, records[:31])
    assert republish(ledger.site).how is How.NOT_LOST
    ledger.relay()
    assert raw_records(ledger.address, ledger.pinned()) == ledger.signed()


# Whoever reads ------------------------------------------------------------------------------------


def test_readers_and_relays_go_on_at_the_places_of_the_new_topic(ledger: KafkaLedger) -> None:
    raise_partitions(ledger)
    done = republish(ledger.site)
    with closing(kafka_source(ledger.url, ledger.address)()) as log:
        assert log.topic_id == done.topic.topic_id
        fresh = Reader(log, ledger.verifier())
        while fresh.poll():
            pass
        with closing(SequencedRecords(lambda: connect(ledger.url))) as sequenced:
            places = sequenced.places(log.topic_id)
            begun = Reader.from_places(log, ledger.verifier(), places)
            assert begun.place == fresh.place == places[0]
            sender = KafkaSender(ledger.address, done.topic.name)
            session = RelaySession(
                sequenced=sequenced,
                log=log,
                sender=sender,
                verify=ledger.verifier(),
                elapsed=clock.elapsed,
            )
            assert session.reader.place == fresh.place
            assert session.step() == 0
            session.close()
    assert fresh.place.head == ledger.head()


def test_of_a_long_log_a_place_is_kept_to_fall_back_on(ledger: KafkaLedger) -> None:
    ledger.record(10_500)
    ledger.relay()
    delete(ledger)
    done = republish(ledger.site)
    with closing(SequencedRecords(lambda: connect(ledger.url))) as sequenced:
        newest, first = sequenced.places(done.topic.topic_id)
    assert newest.head == ledger.head()
    assert first.position == 1


# Cut off, and run again ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "point",
    [
        "republish_before_topic",
        "republish_between_batches",
        "republish_before_pin",
        "republish_after_pin",
    ],
)
@pytest.mark.parametrize("is_gone", [True, False])
def test_one_that_was_cut_off_is_run_again_and_goes_on_with_its_topic(
    ledger: KafkaLedger,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    is_gone: bool,  # noqa: FBT001  # parametrized
) -> None:
    ledger.record(2_500)
    ledger.relay()
    delete(ledger) if is_gone else raise_partitions(ledger)
    end_at(monkeypatch, point)
    with pytest.raises(Broken):
        republish(ledger.site)
    topics = [f"{ledger.name}.log"] if is_gone else [f"{ledger.name}.log", f"{ledger.name}.log.2"]
    if point == "republish_after_pin":
        assert republish(ledger.site).how is How.NOT_LOST
    else:
        # Before it is proven nobody takes it for the ledger's topic, nor what it has for entered.
        stopped(ledger)
        assert ledger.rows("SELECT count(DISTINCT topic_id) FROM ledger_place") == [(1,)]
        done = republish(ledger.site)
        assert done.how is How.SENT_AGAIN
        left = {"republish_before_topic": ledger.position(), "republish_before_pin": 0}
        assert done.sent == left.get(point, done.sent)
        assert (done.sent < ledger.position()) == (point != "republish_before_topic")
    with administer(ledger.address) as admin:
        assert list(topics_of(admin, ledger.name)) == topics
    assert raw_records(ledger.address, ledger.pinned()) == ledger.signed()
    goes_on(ledger)


def test_an_empty_topic_that_was_made_and_not_begun_is_used(ledger: KafkaLedger) -> None:
    raise_partitions(ledger)
    with administer(ledger.address) as admin:
        made = create_topic(admin, f"{ledger.name}.log.2", single_broker=True)
    assert republish(ledger.site).topic.topic_id == made


def test_a_topic_of_the_next_name_that_holds_another_ledger_is_left_as_it_is(
    ledger: KafkaLedger, empty_database_url: str
) -> None:
    """Another ledger of the same name, even with the same key."""
    migrate(empty_database_url)
    other = KafkaLedger.begun(
        empty_database_url, ledger.address, f"{ledger.name}", ledger.signer, number=2
    )
    other.record(3)
    other.relay()
    before = raw_records(ledger.address, f"{ledger.name}.log.2")
    raise_partitions(ledger)
    assert republish(ledger.site).topic.name == f"{ledger.name}.log.3"
    assert raw_records(ledger.address, f"{ledger.name}.log.2") == before
    goes_on(ledger)


def test_a_topic_of_the_next_name_that_is_signed_by_another_is_left_as_it_is(
    ledger: KafkaLedger, empty_database_url: str
) -> None:
    migrate(empty_database_url)
    stranger = Signer.generate(ledger.name)
    KafkaLedger.begun(empty_database_url, ledger.address, ledger.name, stranger, number=2)
    raise_partitions(ledger)
    assert republish(ledger.site).topic.name == f"{ledger.name}.log.3"


def test_a_topic_of_the_next_name_with_other_settings_is_left_as_it_is(ledger: KafkaLedger) -> None:
    with administer(ledger.address) as admin:
        asked = {f"{ledger.name}.log.2": {"num_partitions": 1, "replication_factor": 1}}
        admin.create_topics(asked, wait_for_metadata=True)
    raise_partitions(ledger)
    assert republish(ledger.site).topic.name == f"{ledger.name}.log.3"


# A database from a backup -------------------------------------------------------------------------


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_database_from_before_a_republication_finds_the_later_topic_again(
    ledger: KafkaLedger,
    is_gone: bool,  # noqa: FBT001  # parametrized
) -> None:
    backup, topics = ledger.position(), ledger.rows("SELECT topic_id, name FROM ledger_topic")
    (first, name), *_ = topics
    delete(ledger) if is_gone else raise_partitions(ledger)
    later = republish(ledger.site).topic
    assert ledger.gate() == Serve()
    ledger.record(7)
    ledger.relay()
    history = ledger.signed()
    restore(ledger, backup, str(first))
    stopped(ledger)
    done = republish(ledger.site)
    assert (done.how, done.topic, done.sent) == (How.FOUND_AGAIN, later, 0)
    with administer(ledger.address) as admin:
        assert list(topics_of(admin, ledger.name)) == sorted({str(name), later.name})
    ledger.as_another_instance()
    assert ledger.gate() == Serve()
    assert ledger.signed()[:-1] == history
    goes_on(replace(ledger, count=1_000))


def test_a_database_from_before_with_commands_of_its_own_finds_the_later_topic_again(
    ledger: KafkaLedger,
) -> None:
    backup, ((first, _),) = (
        ledger.position(),
        ledger.rows("SELECT topic_id, name FROM ledger_topic"),
    )
    raise_partitions(ledger)
    later = republish(ledger.site).topic
    assert ledger.gate() == Serve()
    ledger.record(7)
    ledger.relay()
    history = ledger.signed()
    restore(ledger, backup, str(first))
    other = replace(ledger, count=500)
    other.record(2)  # as where the topic was not looked at before they were sequenced
    assert republish(ledger.site).topic == later
    ledger.as_another_instance()
    assert ledger.gate() == Serve()
    assert ledger.signed()[: len(history)] == history
    goes_on(replace(ledger, count=1_000))


def restore(ledger: KafkaLedger, position: int, topic: str) -> None:
    """The database as it was at a position, when the ledger lived on another topic."""
    ledger.lose_behind(position)
    with connect(ledger.url) as connection:
        connection.execute("DELETE FROM ledger_place WHERE topic_id <> %s", (topic,))
        connection.execute("DELETE FROM ledger_topic WHERE topic_id <> %s", (topic,))
        connection.execute("UPDATE ledger_topic SET until = NULL")


def test_a_later_topic_that_is_not_as_it_must_be_is_to_be_mended_first(
    ledger: KafkaLedger,
) -> None:
    backup, ((first, _),) = (
        ledger.position(),
        ledger.rows("SELECT topic_id, name FROM ledger_topic"),
    )
    raise_partitions(ledger)
    later = republish(ledger.site).topic
    assert ledger.gate() == Serve()
    ledger.record(7)
    ledger.relay()
    restore(ledger, backup, str(first))
    alter(ledger, later.name, {"retention.ms": "604800000"})
    with pytest.raises(NotRepublishable, match=r"mend it, and run this again: .*retention\.ms"):
        republish(ledger.site)
    alter(ledger, later.name, {"retention.ms": "-1"})
    assert republish(ledger.site).topic == later


def alter(ledger: KafkaLedger, topic: str, settings: dict[str, str]) -> None:
    with administer(ledger.address) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, settings)])


# What is refused ----------------------------------------------------------------------------------


def test_records_that_kafka_has_and_postgresql_has_not_are_not_left_behind(
    ledger: KafkaLedger, empty_database_url: str
) -> None:
    ledger.record(7)
    ledger.relay()
    whole = ledger.signed()
    ledger.lose_behind(ledger.position() - 7)
    raise_partitions(ledger)
    with pytest.raises(NotRepublishable, match="credit-ledger recover` into an empty database"):
        republish(ledger.site)
    with administer(ledger.address) as admin:
        assert topics_of(admin, ledger.name) == (f"{ledger.name}.log",)
    # What the message says to do.
    migrate(empty_database_url)
    bare = ledger.at(empty_database_url)
    recover(bare.site, keys=ledger.keys)
    done = republish(bare.site)
    assert done.topic.name == f"{ledger.name}.log.2"
    assert isinstance(bare.gate(), Fence)
    take_over(bare.site)
    assert bare.signed()[:-1] == whole
    goes_on(replace(bare, count=1_000))


def test_a_later_topic_that_parts_from_what_was_entered_here_is_left_to_humans(
    ledger: KafkaLedger, empty_database_url: str
) -> None:
    """A second copy of the ledger went on by itself, with the same key."""
    migrate(empty_database_url)
    copy = ledger.at(empty_database_url)
    recover(copy.site, keys=ledger.keys)
    copy.lose_behind(31)
    with administer(ledger.address) as admin:
        made = create_topic(admin, f"{ledger.name}.log.2", single_broker=True)
    with connect(copy.url) as connection:
        connection.execute("UPDATE ledger_topic SET topic_id = %s, name = name || '.2'", (made,))
        connection.execute("UPDATE ledger_head SET state = 'open'")
    copy.count = 500
    copy.record(2)
    copy.relay()
    raise_partitions(ledger)
    with pytest.raises(NotRepublishable, match="not those which were entered here"):
        republish(ledger.site)


def test_a_fenced_ledger_stays_fenced(ledger: KafkaLedger) -> None:
    with connect(ledger.url) as connection:
        connection.execute("UPDATE ledger_head SET state = 'fenced', reason = 'superseded'")
    delete(ledger)
    assert republish(ledger.site).how is How.SENT_AGAIN
    assert ledger.state() == ("fenced", "superseded")


def test_what_was_entered_and_postgresql_has_not_is_a_loss_that_humans_look_at(
    ledger: KafkaLedger,
) -> None:
    with connect(ledger.url) as connection:
        connection.execute(
            "INSERT INTO witnessed VALUES (4711, decode(repeat('00', 32), 'hex'),"
            " decode(repeat('ff', 32), 'hex'), now())"
        )
    delete(ledger)
    with pytest.raises(NotRepublishable, match="position 4711 was entered"):
        republish(ledger.site)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_record SET bytes = set_byte(bytes, 40, 0) WHERE position = 7",
        "UPDATE ledger_record SET sig = set_byte(sig, 1, 0) WHERE position = 31",
        "UPDATE ledger_record SET sig = NULL WHERE position = (SELECT position FROM ledger_head)",
        "DELETE FROM ledger_record WHERE position = 9",
    ],
)
def test_records_that_were_changed_are_not_sent(ledger: KafkaLedger, change: str) -> None:
    with connect(ledger.url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(change).rowcount == 1
    delete(ledger)
    with pytest.raises(NotProven, match="missing or was changed"):
        republish(ledger.site)
    with administer(ledger.address) as admin:
        assert topics_of(admin, ledger.name) == ()


def test_a_ledger_that_never_lived_on_kafka_has_lost_nothing(ledger: KafkaLedger) -> None:
    with connect(ledger.url) as connection:
        connection.execute("DELETE FROM ledger_topic")
    with pytest.raises(NotRepublishable, match="never lived on a topic"):
        republish(ledger.site)


def test_a_database_that_was_not_recovered_to_its_end_is_not_sent(
    ledger: KafkaLedger, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(empty_database_url)
    bare = ledger.at(empty_database_url)
    end_at(monkeypatch, "recover_before_end")
    with pytest.raises(Broken):
        recover(bare.site, keys=ledger.keys)
    delete(ledger)
    with pytest.raises(NotRepublishable, match="not recovered to its end"):
        republish(bare.site)


def test_how_far_it_is_is_told_of_each_round(ledger: KafkaLedger) -> None:
    ledger.record(2_500)
    ledger.relay()
    delete(ledger)
    told: list[tuple[int, int]] = []
    republish(ledger.site, lambda here, end: told.append((here, end)))
    assert all(0 < here <= end for here, end in told)
    assert {end for _, end in told} == {ledger.position()}
    assert sum(here == ledger.position() for here, _ in told) >= 2


def test_nobody_sequences_meanwhile(ledger: KafkaLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    delete(ledger)
    end_at(monkeypatch, "republish_before_pin")
    with pytest.raises(Broken):
        republish(ledger.site)
    state, reason = ledger.state()
    assert state == "stopped"
    assert "credit-ledger republish" in str(reason)
