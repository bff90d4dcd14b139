"""The broker gone, restarted, without its tail; strangers' transactions; one of three lost."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from infra.local import Cluster, NoKafka, start_cluster
from tests.conftest import _go_without
from tests.parts import KAFKA_CACHE, way_to_jars

from .conftest import MakeSite
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


# A power cut --------------------------------------------------------------------------------------


@pytest.fixture
def disk(folder: Path, request: pytest.FixtureRequest) -> Iterator["Disk"]:
    """A file system of its own in a file, which can be copied as a power cut would leave it."""
    found = Disk(folder / f"disk-{abs(hash(request.node.name)) % 10_000}")
    try:
        found.make()
    except subprocess.CalledProcessError as error:
        found.clear()
        _go_without("loop device", error)
    yield found
    found.clear()


class Disk:
    """An ext4 in a loop file."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made yet."""
        self.folder = folder
        self._image = folder / "image"
        self.mounted = folder / "mounted"
        self._cut: list[Path] = []

    def make(self, *, size: str = "1G") -> None:
        """Make it and mount it."""
        self.mounted.mkdir(parents=True)
        _run("truncate", "-s", size, str(self._image))
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        _run("mount", "-o", "loop", str(self._image), str(self.mounted))

    def cut_power(self) -> Path:
        """What is on the disk now, without what was only in memory: mounted elsewhere."""
        copied = self.folder / f"cut-{len(self._cut)}"
        mounted = self.folder / f"after-{len(self._cut)}"
        mounted.mkdir()
        _run("cp", "--sparse=always", str(self._image), str(copied))
        _run("mount", "-o", "loop", str(copied), str(mounted))
        self._cut.append(mounted)
        return mounted

    def clear(self) -> None:
        """Unmount and remove everything."""
        for one in (*self._cut, self.mounted):
            subprocess.run(["umount", str(one)], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def test_f14_after_a_power_cut_of_the_broker_the_log_is_whole_again(
    make_site: MakeSite, disk: Disk
) -> None:
    with Broker(disk.mounted / "kafka") as broker:
        site = make_site(broker=broker).start()
        for _ in range(3):
            site.clients.run(20)
        site.quiesce()
        before = site.take_dump()
        after = disk.cut_power()
        broker.cluster.kill(1)
        shutil.rmtree(broker.data)
        shutil.copytree(after / "kafka" / "1" / "data", broker.data)
        (broker.data / ".kafka_cleanshutdown").unlink(missing_ok=True)
        broker.cluster.start(1)
        if site.has_topic(site.topic):
            site.wait(lambda: site.end_of_topic() >= len(before), "the tail was not sent again", 90)
            site.clients.run(20)
        else:  # the disk never had it: an operator makes it anew
            site.wait(lambda: site.state() == "stopped", "nobody noticed", 90)
            assert site.command("republish", "--yes").returncode == 0
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
