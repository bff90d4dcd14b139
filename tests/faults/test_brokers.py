"""The broker gone, restarted, without its tail; strangers' transactions; one of three lost."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from infra.local import Cluster, NoKafka, start_cluster
from tests.conftest import _go_without
from tests.parts import KAFKA_CACHE, way_to_jars

from .conftest import MakeSite
from .disks import Disk, Ramdisk
from .segments import batches, cut_tail, log_file
from .servers import Broker, Brokers
from .site import Site

pytestmark = pytest.mark.kafka


# One broker ---------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_f10_while_kafka_is_away_commands_wait_and_nothing_of_them_is_shown(running: Site) -> None:
    clients = running.clients
    clients.run(40)
    running.quiesce()
    shown = running.shown()
    clients.wait_s = 0
    running.broker.cluster.kill(1)
    lines = clients.send(clients.registrations(600))
    assert {line["answer"]["status"] for line in lines} == {202}
    for _ in range(5):
        assert clients.probe()["answer"]["shown"] == shown
        running.rest(0.2)
    assert running.shown() == shown
    running.broker.cluster.start(1)
    running.finish(repeats=True)


def test_f10_a_broker_frozen_for_longer_than_every_patience_is_waited_for(
    running: Site, broker: Broker
) -> None:
    clients = running.clients
    clients.wait_s = 0
    clients.run(20)
    running.quiesce()
    broker.freeze()
    try:
        clients.run(60)
        running.rest(15)
    finally:
        broker.thaw()
    running.finish(repeats=True)


@pytest.mark.smoke
def test_f14_a_tail_that_the_broker_lost_is_sent_again_byte_for_byte(
    running: Site, broker: Broker
) -> None:
    clients = running.clients
    for _ in range(4):
        clients.run(15)
        running.quiesce()
    before = running.take_dump()
    topic = running.topic
    broker.cluster.kill(1)
    kept = len(list(batches(log_file(broker.data, topic)))) // 2
    left = cut_tail(broker.data, topic, kept)
    assert left < len(before)
    broker.cluster.start(1)
    running.wait(lambda: running.end_of_topic() >= len(before), "the tail was not sent again", 90)
    clients.run(20)
    running.finish(repeats=True)


def test_f46_a_strangers_transaction_that_hangs_stops_nobody(running: Site) -> None:
    clients = running.clients
    clients.run(10)
    producer = KafkaProducer(
        bootstrap_servers=running.broker.address,
        transactional_id=f"stranger-{running.ledger}",
        transaction_timeout_ms=600_000,
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(running.topic, b"a stranger's", key=b"x", partition=0).get(timeout=30)
    try:
        lines = clients.send(clients.registrations(20))
        assert {line["answer"]["status"] for line in lines} == {201}
        running.quiesce()
    finally:
        producer.abort_transaction()
        producer.close()
    clients.run(10)
    running.finish(gaps=True)


# Disks ------------------------------------------------------------------------------------------


def test_f14_after_a_power_cut_of_the_broker_the_log_is_whole_again(
    make_site: MakeSite, disk: Disk
) -> None:
    with Broker(disk.mounted / "kafka") as broker:
        site = make_site(broker=broker).start()
        site.clients.run(10)
        site.quiesce()
        disk.flush()
        for _ in range(3):
            site.clients.run(20)
        site.quiesce()
        before = site.take_dump()
        after = disk.cut_power()
        broker.cluster.kill(1)
        shutil.rmtree(broker.data)
        shutil.copytree(after / "kafka" / "1" / "data", broker.data)
        assert sum(one.size for one in batches(log_file(broker.data, site.topic))) < sum(
            len(one.value) for one in before
        ), "nothing was lost, so that this shows nothing"
        broker.cluster.start(1)
        site.wait(lambda: site.end_of_topic() >= len(before), "the tail was not sent again", 90)
        site.clients.run(20)
        site.finish(repeats=True)


def test_f34_a_broker_whose_disk_is_full_loses_nothing_that_was_entered(
    make_site: MakeSite, ramdisk: Ramdisk
) -> None:
    with Broker(ramdisk.mounted / "kafka") as broker:
        site = make_site(broker=broker).start()
        site.clients.wait_s = 0
        site.clients.run(30)
        site.quiesce()
        site.take_dump()
        ramdisk.fill()
        site.clients.run(60)
        site.rest(3)
        ramdisk.empty()
        broker.heal()
        site.finish(repeats=True)


# Three brokers ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three(folder: Path) -> Iterator[Brokers]:
    """Three brokers, set up as a ledger demands."""
    reason = way_to_jars()
    if reason is not None:
        _go_without("kafka", reason)
    try:
        cluster: Cluster = start_cluster(folder / "three", KAFKA_CACHE, brokers=3)
    except NoKafka as error:
        _go_without("kafka", error)
    yield Brokers(folder / "three", cluster)
    cluster.kill()
    shutil.rmtree(folder / "three")


def test_f12_each_of_three_brokers_killed_or_cut_off_in_turn_loses_nothing(
    make_site: MakeSite, three: Brokers
) -> None:
    site = make_site(broker=three).start()
    site.clients.wait_s = 0
    for number in (1, 2, 3):
        site.clients.start(site.clients.script(80, 20))
        three.cluster.kill(number)
        site.rest(3)
        three.cluster.start(number)
        site.clients.join()
        site.quiesce()
    site.clients.start(site.clients.script(80, 20))
    os.kill(three.cluster.pid(2), signal.SIGSTOP)  # cut off: it hears and says nothing
    site.rest(6)
    os.kill(three.cluster.pid(2), signal.SIGCONT)
    site.clients.join()
    site.finish(repeats=True)


def test_f13_a_tail_that_every_replica_lost_is_sent_again_with_the_same_root(
    make_site: MakeSite, three: Brokers
) -> None:
    site = make_site(broker=three).start()
    for _ in range(4):
        site.clients.run(15)
    site.quiesce()
    before = site.take_dump()
    three.lose_tail(site.topic, share=0.5)
    site.wait(lambda: site.end_of_topic() >= len(before), "the tail was not sent again", 120)
    site.clients.run(20)
    site.finish(repeats=True)


def test_f45_a_reader_that_runs_while_the_tail_is_lost_and_grows_again_equals_a_fresh_one(
    make_site: MakeSite, three: Brokers
) -> None:
    site = make_site(broker=three).start()
    site.clients.wait_s = 0
    for _ in range(3):
        site.clients.run(15)
    site.quiesce()
    before = site.take_dump()
    site.processes["relay"].freeze()
    site.clients.run(20)
    site.processes["relay"].thaw()
    three.lose_tail(site.topic, share=0.6)
    three.grow(site.topic, len(before))
    site.clients.run(20)
    site.quiesce()
    running = {name: site.health(name)["positions"] for name in ("api",)}
    site.start_api("api-2")
    site.wait_until_ready("api-2")
    assert site.health("api-2")["positions"] == running["api"]
    rebuilt = site.command("rebuild", "--yes", "--json", "--no-progress")
    assert rebuilt.returncode == 0, rebuilt.stderr
    site.finish(repeats=True)
