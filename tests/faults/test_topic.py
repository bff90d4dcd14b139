"""The topic deleted, cut, reconfigured, damaged: writing stops, and it is made anew."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions

from .segments import flip_byte
from .servers import Broker
from .site import Site

pytestmark = pytest.mark.kafka

LOOK_S = 75
"""The gate looks once a minute."""


@contextmanager
def operator(site: Site) -> Iterator[KafkaAdminClient]:
    admin = KafkaAdminClient(bootstrap_servers=site.broker.address)
    try:
        yield admin
    finally:
        admin.close()


def topic_id(site: Site) -> str:
    return str(site.query("SELECT topic_id FROM ledger_topic WHERE until IS NULL")[0][0])


def stopped(site: Site) -> str:
    """Wait until writing has stopped; why."""
    site.wait(lambda: site.state() == "stopped", "the gate did not stop", LOOK_S)
    return str(site.query("SELECT reason FROM ledger_head")[0][0])


def nothing_is_written_and_views_are_read(site: Site) -> None:
    line = site.clients.record(site.clients.registrations(1)[0])
    assert line["answer"]["status"] == 503
    assert site.clients.probe()["answer"]["status"] in {200, 404}


def republish(site: Site) -> None:
    ran = site.command("republish", "--yes", "--json", "--no-progress")
    assert ran.returncode == 0, ran.stderr


def test_f20_a_deleted_topic_is_made_anew_with_the_same_root_and_another_id(running: Site) -> None:
    clients = running.clients
    clients.run(40)
    running.quiesce()
    running.take_dump()
    before = topic_id(running)
    with operator(running) as admin:
        admin.delete_topics([running.topic])
    assert "topic" in stopped(running)
    nothing_is_written_and_views_are_read(running)
    republish(running)
    assert topic_id(running) != before
    running.wait_until_ready()
    clients.run(20)
    running.finish(repeats=True)


def test_f21_a_retention_set_by_mistake_stops_writing_until_it_is_set_back(running: Site) -> None:
    clients = running.clients
    clients.run(20)
    running.quiesce()

    def set_retention(value: str) -> None:
        with operator(running) as admin:
            topic = ConfigResource(
                ConfigResourceType.TOPIC, running.topic, configs={"retention.ms": value}
            )
            admin.alter_configs([topic])

    set_retention("604800000")
    assert "retention.ms" in stopped(running)
    nothing_is_written_and_views_are_read(running)
    set_retention("-1")
    running.wait_until_ready(patience_s=LOOK_S)
    clients.run(20)
    running.finish(repeats=True)


def test_f21_a_log_whose_beginning_was_deleted_is_made_anew(running: Site) -> None:
    clients = running.clients
    clients.run(40)
    running.quiesce()
    running.take_dump()
    with operator(running) as admin:
        admin.delete_records({TopicPartition(running.topic, 0): 10})
    assert "offset" in stopped(running)
    nothing_is_written_and_views_are_read(running)
    republish(running)
    running.wait_until_ready()
    assert running.topic == f"{running.ledger}.log.2"
    clients.run(20)
    running.finish(repeats=True)


def test_f22_a_raised_number_of_partitions_stops_writing_until_the_topic_is_made_anew(
    running: Site,
) -> None:
    clients = running.clients
    clients.run(20)
    running.quiesce()
    running.take_dump()
    with operator(running) as admin:
        admin.create_partitions({running.topic: NewPartitions(3)})
    assert "partitions" in stopped(running)
    nothing_is_written_and_views_are_read(running)
    republish(running)
    running.wait_until_ready()
    clients.run(20)
    running.finish(repeats=True)


def test_f23_a_damaged_byte_in_a_segment_is_named_and_healed_from_postgresql(
    running: Site, broker: Broker
) -> None:
    clients = running.clients
    for _ in range(3):
        clients.run(15)
        running.quiesce()
    running.take_dump()
    topic = running.topic
    broker.cluster.stop(1)
    flip_byte(broker.data, topic, 4)
    broker.cluster.start(1)
    ran = running.command("verify", "--json", "--no-progress")
    assert ran.returncode == 4, ran.stderr
    problems = json.loads(ran.stdout)["problems"]
    assert any(flaw["position"] is not None for flaw in problems), problems
    republish(running)
    running.wait_until_ready()
    clients.run(10)
    running.finish(repeats=True)
