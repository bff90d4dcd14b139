"""Brokers of our own, from the published jars: started, killed, left behind and started again."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from infra.local import Cluster, Kafka, NoKafka, kafka_at, start_cluster, start_kafka
from infra.local.jars import KAFKA_VERSION
from infra.topic import administer, create_topic, describe_topic, find_topic_id
from tests.parts import KAFKA_CACHE, way_to_jars
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(
        os.environ.get("STRICT_PARTS", "0") in {"", "0"} and way_to_jars() is not None,
        reason="no broker can be started from jars here",
    ),
]

START = """
import sys, time
from pathlib import Path
from infra.local import start_kafka
kafka = start_kafka(Path(sys.argv[1]), Path(sys.argv[2]))
print(kafka.address, flush=True)
time.sleep(600)
"""


@contextmanager
def running(folder: Path, **options: str) -> Iterator[Kafka]:
    settings = {name.replace("_", "."): value for name, value in options.items()}
    kafka = start_kafka(folder, KAFKA_CACHE, options=settings)
    try:
        yield kafka
    finally:
        kafka.stop()


@contextmanager
def started_elsewhere(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that started a broker over `folder`, and the broker's address."""
    command = [sys.executable, "-c", START, str(folder), str(KAFKA_CACHE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        yield starter, starter.stdout.readline().strip()


def broker(folder: Path) -> int:
    return int((folder / "1" / "pid").read_text())


def has_ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def keep(address: str) -> str:
    """Make a topic that is looked for later; its id."""
    with administer(address) as admin:
        return create_topic(admin, "kept.log", single_broker=True)


def kept(address: str) -> str:
    with administer(address) as admin:
        return find_topic_id(admin, "kept.log")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kafka"


def test_it_is_made_answers_and_stops(folder: Path) -> None:
    with running(folder) as kafka:
        assert (kafka.version, kafka.path) == (KAFKA_VERSION, "from jars")
        pid = broker(folder)
        assert kept_is_missing(kafka.address)
    assert has_ended(pid)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def kept_is_missing(address: str) -> bool:
    with administer(address) as admin:
        return "kept.log" not in admin.list_topics()


def test_it_listens_on_this_machine_alone_and_makes_and_loses_no_topic_by_itself(
    folder: Path,
) -> None:
    with running(folder) as kafka:
        keep(kafka.address)
        with administer(kafka.address) as admin:
            (settings,) = describe_topic(admin, "kept.log").brokers.values()
        process = psutil.Process(broker(folder))
        listening = {
            each.laddr.ip.removeprefix("::ffff:")
            for each in process.net_connections()
            if each.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
        assert process.memory_info().rss < 400 * 1024 * 1024
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["delete.topic.enable"] == "false"


def test_a_second_start_finds_what_the_first_one_wrote_at_the_same_address(folder: Path) -> None:
    with running(folder) as first:
        made = keep(first.address)
    with running(folder) as second:
        assert kept(second.address) == made
        assert second.address == first.address


def test_a_port_that_somebody_took_meanwhile_is_left_to_them(folder: Path) -> None:
    with running(folder) as first:
        made = keep(first.address)
    for which in (0, 1):  # the broker's, then the controller's
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", json.loads((folder / "ports").read_text())[0][which]))
            taken.listen()
            with running(folder) as next_:
                assert kept(next_.address) == made


def test_it_dies_with_its_starter_and_loses_nothing(folder: Path) -> None:
    with started_elsewhere(folder) as (starter, address):
        made = keep(address)
        pid = broker(folder)
        starter.kill()
        starter.wait()
        wait_until(lambda: has_ended(pid), patience_s=60)
    with running(folder) as kafka:
        assert kept(kafka.address) == made


def test_a_start_right_after_the_starter_was_killed_waits_for_its_broker(folder: Path) -> None:
    with started_elsewhere(folder) as (starter, address):
        made = keep(address)
        starter.kill()
        starter.wait()
        with running(folder) as kafka:
            assert kept(kafka.address) == made


def test_a_killed_broker_recovers_what_it_held(folder: Path) -> None:
    with running(folder) as first:
        made = keep(first.address)
        os.kill(broker(folder), signal.SIGKILL)
    with running(folder) as second:
        assert kept(second.address) == made


def test_a_broker_that_outlived_its_starter_is_shut_down_first(folder: Path) -> None:
    with running(folder):
        left = broker(folder)
        with running(folder) as kafka:
            assert has_ended(left)
            assert broker(folder) != left
            keep(kafka.address)


def test_no_broker_is_started_where_one_works_that_cannot_be_found(folder: Path) -> None:
    with running(folder) as first:
        keep(first.address)
        (folder / "1" / "pid").unlink()
        with pytest.raises(NoKafka, match=f"another broker still works in {folder}/1; end it"):
            start_kafka(folder, KAFKA_CACHE)
        assert kept(first.address)


@pytest.mark.parametrize("content", ["", "{pid}"], ids=["empty", "of another"])
def test_a_pid_that_says_nothing_true_any_more_is_no_obstacle(folder: Path, content: str) -> None:
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "pid").write_text(content.format(pid=os.getpid()))
    with running(folder) as kafka:
        keep(kafka.address)
    assert psutil.pid_exists(os.getpid())


def test_a_format_that_was_killed_half_way_is_begun_anew(folder: Path) -> None:
    (folder / "1" / "data.new").mkdir(parents=True)
    (folder / "1" / "data.new" / "bootstrap.checkpoint").write_text("half")
    with running(folder) as kafka:
        keep(kafka.address)


def test_a_cluster_id_that_looks_like_an_option_is_none(folder: Path) -> None:
    folder.mkdir()
    (folder / "cluster-id").write_text("-LHx2cW0Q3qUvXzpy0Kglg")
    with running(folder) as kafka, administer(kafka.address) as admin:
        assert admin.describe_cluster()["cluster_id"] == "-LHx2cW0Q3qUvXzpy0Kglg"


def test_its_settings_can_be_overruled(folder: Path) -> None:
    with running(folder, delete_topic_enable="true") as kafka:
        keep(kafka.address)
        with administer(kafka.address) as admin:
            admin.delete_topics(["kept.log"])
        assert kept_is_missing(kafka.address)


def test_a_broker_that_cannot_start_says_what_its_log_says(folder: Path) -> None:
    with pytest.raises(NoKafka, match=r"(?s)1/log ends:.*num\.io\.threads"):
        start_kafka(folder, KAFKA_CACHE, options={"num.io.threads": "none"})


def test_options_for_other_jvms_do_not_lead_it_astray(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:+UseParallelGC")  # two collectors are refused
    monkeypatch.setenv("LC_ALL", "C")
    with running(folder) as kafka:
        keep(kafka.address)


def test_a_path_may_be_long_and_hold_any_character(tmp_path: Path) -> None:
    deep = tmp_path.joinpath("信用账本, №1 = #\\x", *["a-folder-with-a-long-name"] * 6)
    deep.mkdir(parents=True)
    with running(deep / "kafka") as kafka:
        keep(kafka.address)


def test_a_given_kafka_is_left_running(kafka: Kafka) -> None:
    given = kafka_at(kafka.address, path="LEDGER_KAFKA")
    assert given.path == "LEDGER_KAFKA"
    assert kafka.version.startswith(given.version)
    given.stop()
    with administer(given.address) as admin:
        assert admin.describe_cluster()["brokers"]


def test_a_given_kafka_that_does_not_answer_is_none() -> None:
    with pytest.raises(NoKafka, match=r"no Kafka answers at 127\.0\.0\.1:1"):
        kafka_at("127.0.0.1:1", path="LEDGER_KAFKA", patience_s=0.5)


# Three brokers ------------------------------------------------------------------------------------


def members(address: str) -> dict[int, bool]:
    """The brokers that this one knows, and whether each takes part."""
    with administer(address) as admin:
        brokers = admin.describe_cluster()["brokers"]
    return {each["broker_id"]: not each["is_fenced"] for each in brokers}


def test_of_three_brokers_any_can_be_killed_and_started_again(three_brokers: Cluster) -> None:
    for number in (1, 2, 3):
        address, pid = three_brokers.address_of(number), three_brokers.pid(number)
        three_brokers.kill(number)
        assert has_ended(pid)
        three_brokers.start(number)
        assert three_brokers.address_of(number) == address
        assert members(address) == {1: True, 2: True, 3: True}


def test_three_brokers_that_were_killed_at_once_come_back_with_what_they_held(
    three_brokers: Cluster,
) -> None:
    with administer(three_brokers.address) as admin:
        made = create_topic(admin, "all.log", single_broker=False)
    three_brokers.kill()
    three_brokers.start()
    with administer(three_brokers.address) as admin:
        assert find_topic_id(admin, "all.log") == made


def test_a_broker_of_three_that_was_stopped_can_be_started_again(three_brokers: Cluster) -> None:
    pid = three_brokers.pid(2)
    three_brokers.stop(2)
    assert has_ended(pid)
    three_brokers.start(2)
    assert members(three_brokers.address_of(2)) == {1: True, 2: True, 3: True}


def test_a_folder_of_one_broker_is_not_taken_for_three(folder: Path) -> None:
    with running(folder):
        pass
    with pytest.raises(NoKafka, match="was made for 1 brokers, not for 3"):
        start_cluster(folder, KAFKA_CACHE, brokers=3)
