"""The topic of a log: judged row by row, and made, read back and spoilt on a real broker."""

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from infra.kafka_clients import KafkaUnreachable, administrator
from infra.local import Cluster, Kafka
from infra.topic import (
    LedgerTopic,
    TooFewBrokers,
    Topic,
    TopicGone,
    TopicTaken,
    administer,
    create_topic,
    describe_topic,
    find_topic_id,
    ledger_topic,
    objections,
    topic_name,
    topics_of,
)
from tests.brokers import wait_until_known

GOOD = Topic(
    name="cn-33.log",
    topic_id="c81b69d4-43e8-41e0-9e3f-457c87ae49e7",
    partitions=1,
    copies=3,
    beginning=0,
    settings={
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "min.insync.replicas": "2",
        "unclean.leader.election.enable": "false",
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": "1048576",
        "segment.bytes": "1073741824",
    },
    brokers={
        number: {"auto.create.topics.enable": "false", "delete.topic.enable": "false"}
        for number in (1, 2, 3)
    },
)
SINGLE = replace(
    GOOD,
    copies=1,
    settings=dict(GOOD.settings) | {"min.insync.replicas": "1"},
    brokers={1: {"auto.create.topics.enable": "true", "delete.topic.enable": "true"}},
)
OF_A_SINGLE_BROKER = (
    "topic cn-33.log has replication factor 1, must have 3",
    "broker 1 has auto.create.topics.enable=true, must have false",
    "broker 1 has delete.topic.enable=true, must have false",
)


def test_the_topic_bears_the_name_of_its_ledger() -> None:
    assert topic_name("cn-33") == "cn-33.log"


@pytest.mark.parametrize("single_broker", [True, False])
def test_a_topic_as_it_must_be_gives_no_objection(single_broker: bool) -> None:  # noqa: FBT001 # parametrized
    said = objections(GOOD, single_broker=single_broker)
    assert (said.complaints, said.warnings) == ((), ())


@pytest.mark.parametrize("single_broker", [True, False])
@pytest.mark.parametrize(
    ("setting", "value", "wanted"),
    [
        ("cleanup.policy", "compact", "delete"),
        ("cleanup.policy", "compact,delete", "delete"),
        ("retention.ms", "604800000", "-1"),
        ("retention.bytes", "0", "-1"),
        ("min.insync.replicas", "1", "2"),
        ("min.insync.replicas", "3", "2"),
        ("unclean.leader.election.enable", "true", "false"),
        ("message.timestamp.type", "CreateTime", "LogAppendTime"),
        ("max.message.bytes", "1048575", "1048576"),
        ("max.message.bytes", "1048577", "1048576"),
        ("max.message.bytes", None, "1048576"),
    ],
)
def test_a_setting_that_differs_forbids_writing(
    setting: str,
    value: str | None,
    wanted: str,
    single_broker: bool,  # noqa: FBT001 # parametrized
) -> None:
    others = {name: each for name, each in GOOD.settings.items() if name != setting}
    found = replace(GOOD, settings=others if value is None else others | {setting: value})
    said = objections(found, single_broker=single_broker)
    assert said.complaints == (
        f"topic cn-33.log has {setting}={value or 'unknown'}, must have {wanted}",
    )
    assert said.warnings == ()


@pytest.mark.parametrize("single_broker", [True, False])
@pytest.mark.parametrize(
    ("differs", "complaint"),
    [
        ({"partitions": 2}, "topic cn-33.log has 2 partitions, must have 1"),
        ({"partitions": 0}, "topic cn-33.log has 0 partitions, must have 1"),
        ({"beginning": 1}, "topic cn-33.log begins at offset 1, must begin at 0"),
    ],
)
def test_a_topic_of_another_shape_forbids_writing(
    differs: dict[str, Any],
    complaint: str,
    single_broker: bool,  # noqa: FBT001 # parametrized
) -> None:
    said = objections(replace(GOOD, **differs), single_broker=single_broker)
    assert (said.complaints, said.warnings) == ((complaint,), ())


@pytest.mark.parametrize("copies", [1, 2])
def test_too_few_copies_forbid_writing(copies: int) -> None:
    settings = dict(GOOD.settings) | {"min.insync.replicas": str(copies)}
    said = objections(replace(GOOD, copies=copies, settings=settings), single_broker=False)
    assert said.complaints == (f"topic cn-33.log has replication factor {copies}, must have 3",)


def test_more_copies_than_three_are_as_good() -> None:
    assert not objections(replace(GOOD, copies=4), single_broker=False).complaints


@pytest.mark.parametrize("setting", ["auto.create.topics.enable", "delete.topic.enable"])
@pytest.mark.parametrize("number", [1, 3])
def test_one_broker_of_three_that_is_set_otherwise_forbids_writing(
    setting: str, number: int
) -> None:
    brokers = dict(GOOD.brokers) | {number: dict(GOOD.brokers[number]) | {setting: "true"}}
    said = objections(replace(GOOD, brokers=brokers), single_broker=False)
    assert said.complaints == (f"broker {number} has {setting}=true, must have false",)


def test_a_single_broker_with_default_settings_is_only_warned_of() -> None:
    said = objections(SINGLE, single_broker=True)
    assert (said.complaints, said.warnings) == ((), OF_A_SINGLE_BROKER)


def test_a_single_broker_that_is_not_said_to_be_one_forbids_writing() -> None:
    said = objections(SINGLE, single_broker=False)
    assert (said.complaints, said.warnings) == (OF_A_SINGLE_BROKER, ())


# On a real broker ---------------------------------------------------------------------------------


@pytest.fixture
def admin(kafka: Kafka) -> Iterator[KafkaAdminClient]:
    with administer(kafka.address) as client:
        yield client


@pytest.fixture
def name(admin: KafkaAdminClient) -> Iterator[str]:
    topic = topic_name(f"test-{secrets.token_hex(6)}")
    create_topic(admin, topic, single_broker=True)
    yield topic
    admin.delete_topics([topic])


@pytest.mark.kafka
def test_a_topic_that_was_made_is_found_as_it_must_be(admin: KafkaAdminClient, name: str) -> None:
    found = describe_topic(admin, name)
    assert found.topic_id == find_topic_id(admin, name)
    assert (found.partitions, found.copies, found.beginning) == (1, 1, 0)
    assert not objections(found, single_broker=True).complaints
    assert f"topic {name} has replication factor 1, must have 3" in (
        objections(found, single_broker=False).complaints
    )


@pytest.mark.kafka
def test_a_topic_is_not_made_over_another(admin: KafkaAdminClient, name: str) -> None:
    before = find_topic_id(admin, name)
    with pytest.raises(TopicTaken, match=f"there is a topic {name} already"):
        create_topic(admin, name, single_broker=True)
    assert find_topic_id(admin, name) == before


@pytest.mark.kafka
def test_a_topic_that_is_not_there_is_gone(admin: KafkaAdminClient) -> None:
    for ask in (find_topic_id, describe_topic):
        with pytest.raises(TopicGone, match=r"there is no topic nowhere\.log"):
            ask(admin, "nowhere.log")
    assert "nowhere.log" not in admin.list_topics()


@pytest.mark.kafka
def test_a_topic_that_was_made_anew_has_another_id(admin: KafkaAdminClient, name: str) -> None:
    before = find_topic_id(admin, name)
    admin.delete_topics([name])
    assert create_topic(admin, name, single_broker=True) != before


@pytest.mark.kafka
def test_a_setting_that_was_altered_is_seen(admin: KafkaAdminClient, name: str) -> None:
    altered = {"retention.ms": "1000", "cleanup.policy": "compact"}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, altered)])
    assert objections(describe_topic(admin, name), single_broker=True).complaints == (
        f"topic {name} has cleanup.policy=compact, must have delete",
        f"topic {name} has retention.ms=1000, must have -1",
    )


@pytest.mark.kafka
def test_a_second_partition_is_seen(admin: KafkaAdminClient, name: str) -> None:
    admin.create_partitions({name: 2})
    assert objections(describe_topic(admin, name), single_broker=True).complaints == (
        f"topic {name} has 2 partitions, must have 1",
    )


@pytest.mark.kafka
def test_records_that_were_deleted_from_the_beginning_are_missed(
    kafka: Kafka, admin: KafkaAdminClient, name: str
) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.address)
    for value in (b"a", b"b", b"c"):
        producer.send(name, value, partition=0)
    producer.close()
    admin.delete_records({TopicPartition(name, 0): 2})
    assert objections(describe_topic(admin, name), single_broker=True).complaints == (
        f"topic {name} begins at offset 2, must begin at 0",
    )


def test_where_nobody_listens_kafka_is_out_of_reach_and_no_thread_is_left() -> None:
    threads = threading.active_count()
    with pytest.raises(KafkaUnreachable, match=r"no Kafka answers at 127\.0\.0\.1:1"):
        administrator("127.0.0.1:1", patience_s=0.5)
    assert threading.active_count() == threads


@pytest.mark.kafka
def test_three_brokers_hold_a_topic_that_needs_no_excuse(three_brokers: Cluster) -> None:
    with administer(three_brokers.address) as admin:
        create_topic(admin, "cn-33.log", single_broker=False)
        wait_until_known(three_brokers.address, "cn-33.log")
        found = describe_topic(admin, "cn-33.log")
    assert (found.copies, sorted(found.brokers)) == (3, [1, 2, 3])
    assert found.settings["min.insync.replicas"] == "2"
    said = objections(found, single_broker=False)
    assert said.complaints == tuple(
        f"broker {number} has {setting}=true, must have false"  # as tests.parts sets them
        for number in (1, 2, 3)
        for setting in ("auto.create.topics.enable", "delete.topic.enable")
    )


# What an operator is shown ------------------------------------------------------------------------


@pytest.fixture
def ledger(admin: KafkaAdminClient) -> Iterator[str]:
    """A ledger that has no topic yet; those that a test makes are taken away."""
    named = f"test-{secrets.token_hex(6)}"
    yield named
    admin.delete_topics(list(topics_of(admin, named)))


@pytest.mark.kafka
def test_a_ledger_without_a_topic_is_shown_as_such_and_none_is_made(
    kafka: Kafka, admin: KafkaAdminClient, ledger: str
) -> None:
    found = ledger_topic(kafka.address, ledger, single_broker=True)
    assert (found.name, found.topic, found.end) == (f"{ledger}.log", None, 0)
    assert found.objections.complaints == (f"there is no topic {ledger}.log",)
    assert topics_of(admin, ledger) == ()


@pytest.mark.kafka
def test_a_topic_is_made_once_and_found_from_then_on(
    kafka: Kafka, admin: KafkaAdminClient, ledger: str
) -> None:
    made = ledger_topic(kafka.address, ledger, single_broker=True, create=True)
    again = ledger_topic(kafka.address, ledger, single_broker=True, create=True)
    assert (made.is_new, again.is_new) == (True, False)
    assert made.topic is not None
    assert again.topic is not None
    assert made.topic.topic_id == again.topic.topic_id == find_topic_id(admin, f"{ledger}.log")
    assert (again.former, again.end) == ((), 0)
    assert not again.objections.complaints


@pytest.mark.kafka
def test_a_topic_that_is_wrong_is_complained_of_and_left_as_it_is(
    kafka: Kafka, admin: KafkaAdminClient, ledger: str
) -> None:
    asked = {f"{ledger}.log": {"num_partitions": 2, "replication_factor": 1}}
    admin.create_topics(asked, wait_for_metadata=True)
    found = ledger_topic(kafka.address, ledger, single_broker=True, create=True)
    assert f"topic {ledger}.log has 2 partitions, must have 1" in found.objections.complaints
    assert describe_topic(admin, f"{ledger}.log").partitions == 2
    assert not found.is_new


@pytest.mark.kafka
def test_the_newest_topic_of_a_ledger_is_shown_and_the_first_is_not_made_beside_it(
    kafka: Kafka, admin: KafkaAdminClient, ledger: str
) -> None:
    for number in (2, 10):
        create_topic(admin, f"{ledger}.log.{number}", single_broker=True)
    create_topic(admin, f"{ledger}.log.of-somebody-else", single_broker=True)
    try:
        found = ledger_topic(kafka.address, ledger, single_broker=True, create=True)
    finally:
        admin.delete_topics([f"{ledger}.log.of-somebody-else"])
    assert (found.name, found.former) == (f"{ledger}.log.10", (f"{ledger}.log.2",))
    assert not found.is_new


@pytest.mark.kafka
def test_its_end_is_shown(kafka: Kafka, admin: KafkaAdminClient, ledger: str) -> None:
    create_topic(admin, f"{ledger}.log", single_broker=True)
    producer = KafkaProducer(bootstrap_servers=kafka.address)
    for value in (b"a", b"b", b"c"):
        producer.send(f"{ledger}.log", value, partition=0)
    producer.close()
    assert ledger_topic(kafka.address, ledger, single_broker=True).end == 3


@pytest.mark.kafka
def test_of_two_that_make_the_topic_at_once_one_makes_it_and_both_find_it(
    kafka: Kafka, ledger: str
) -> None:
    start = threading.Barrier(2)

    def make() -> LedgerTopic:
        start.wait()
        return ledger_topic(kafka.address, ledger, single_broker=True, create=True)

    with ThreadPoolExecutor(2) as both:
        one, other = (each.result() for each in [both.submit(make), both.submit(make)])
    assert one.topic is not None
    assert other.topic is not None
    assert one.topic.topic_id == other.topic.topic_id
    assert one.is_new + other.is_new == 1


@pytest.mark.kafka
def test_a_single_broker_makes_no_topic_of_three_copies_and_the_remedy_is_said(
    kafka: Kafka, admin: KafkaAdminClient, ledger: str
) -> None:
    with pytest.raises(TooFewBrokers, match="LEDGER_SINGLE_BROKER=true"):
        ledger_topic(kafka.address, ledger, single_broker=False, create=True)
    assert topics_of(admin, ledger) == ()
