"""`credit-ledger topic`: what an operator is shown of the ledger's topic, and is told to do."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from api.cli.output import Exit
from infra.local import Home as LocalHome
from infra.local import Kafka, RememberedLog
from infra.local.processes import free_port
from infra.topic import administer, create_topic, find_topic_id, topics_of
from tests.api.cli.running import Home
from tests.parts import KAFKA_CACHE, way_to_jars


@pytest.fixture
def admin(kafka: Kafka) -> Iterator[KafkaAdminClient]:
    with administer(kafka.address) as client:
        yield client


@pytest.fixture
def ledger(admin: KafkaAdminClient) -> Iterator[str]:
    """A ledger that has no topic yet; those that a test makes are taken away."""
    named = f"test-{secrets.token_hex(6)}"
    yield named
    admin.delete_topics(list(topics_of(admin, named)))


def a_home(path: Path, ledger: str, kafka: str, **more: str) -> Home:
    named = {"LEDGER_ID": ledger, "LEDGER_KAFKA": kafka, "LEDGER_SINGLE_BROKER": "true"}
    return Home(path / "home", more={**named, **more})


@pytest.mark.kafka
def test_it_is_made_where_there_is_none_and_shown_from_then_on(
    kafka: Kafka, admin: KafkaAdminClient, ledger: str, tmp_path: Path
) -> None:
    home = a_home(tmp_path, ledger, kafka.address)
    before = home.run("topic", "--json")
    assert (before.code, before.json("topic")["ok"]) == (Exit.FAILED, False)
    assert before.json("topic")["complaints"] == [f"there is no topic {ledger}.log"]
    assert "credit-ledger topic --create" in before.err
    made = home.run("topic", "--create", "--json")
    assert made.code == Exit.OK, made.err
    said = made.json("topic")
    assert (said["id"], said["created"]) == (find_topic_id(admin, f"{ledger}.log"), True)
    again = home.run("topic", "--create", "--json")
    assert again.code == Exit.OK
    assert again.json("topic") == {**said, "created": False}
    assert (said["partitions"], said["copies"], said["beginning"], said["end"]) == (1, 1, 0, 0)
    assert not home.path.exists(), "it needs no home"
    shown = home.run("topic")
    assert shown.code == Exit.OK
    assert shown.lines[0] == f"topic {ledger}.log, id {said['id']}"
    assert f"? topic {ledger}.log has replication factor 1, must have 3" in shown.lines


@pytest.mark.kafka
def test_one_that_is_not_as_it_must_be_is_left_alone_and_the_remedies_are_told(
    kafka: Kafka, admin: KafkaAdminClient, ledger: str, tmp_path: Path
) -> None:
    create_topic(admin, f"{ledger}.log", single_broker=True)
    altered = {"retention.ms": "1000"}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, f"{ledger}.log", altered)])
    ran = a_home(tmp_path, ledger, kafka.address).run("topic", "--create")
    assert ran.code == Exit.FAILED
    complaint = f"! topic {ledger}.log has retention.ms=1000, must have -1"
    assert [line for line in ran.lines if line.startswith("!")] == [complaint]
    assert "kafka-configs.sh" in ran.err
    assert not [line for line in ran.lines if line.startswith("ok")]


@pytest.mark.kafka
def test_a_ledger_on_a_single_broker_must_say_so(
    kafka: Kafka, admin: KafkaAdminClient, ledger: str, tmp_path: Path
) -> None:
    ran = a_home(tmp_path, ledger, kafka.address, LEDGER_SINGLE_BROKER="false").run(
        "topic", "--create"
    )
    assert ran.code == Exit.FAILED
    assert "set LEDGER_SINGLE_BROKER=true" in ran.err
    assert topics_of(admin, ledger) == ()


@pytest.mark.kafka
def test_it_is_found_on_the_kafka_that_the_home_remembers(
    kafka: Kafka, ledger: str, tmp_path: Path
) -> None:
    home = a_home(tmp_path, ledger, kafka.address)
    assert home.run("topic", "--create").code == Exit.OK
    remembering = LocalHome(home.path).make()
    remembering.remember(RememberedLog(kafka=kafka.address, single_broker=True))
    without = Home(home.path, more={"LEDGER_ID": ledger})
    assert without.run("topic", "--json").json("topic")["name"] == f"{ledger}.log"


@pytest.mark.kafka
@pytest.mark.skipif(
    os.environ.get("STRICT_PARTS", "0") in {"", "0"} and way_to_jars() is not None,
    reason="no broker can be started from jars here",
)
def test_the_broker_of_a_home_is_started_for_it_and_stopped(tmp_path: Path) -> None:
    jars = {"LEDGER_KAFKA_JARS": str(KAFKA_CACHE)}
    home = a_home(tmp_path, "demo", "local", LEDGER_SINGLE_BROKER="false", **jars)
    made = home.run("topic", "--create", "--json").json("topic")
    assert (made["created"], made["ok"], made["warnings"]) == (
        True,
        True,
        ["topic demo.log has replication factor 1, must have 3"],
    )
    assert has_ended(home.path)
    again = home.run("topic", "--json").json("topic")
    assert (again["id"], again["created"]) == (made["id"], False)


def has_ended(home: Path) -> bool:
    """Whether the broker of a home works no longer."""
    return not psutil.pid_exists(int((home / "kafka" / "1" / "pid").read_text()))


def test_a_kafka_that_does_not_answer_is_named(tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    ran = a_home(tmp_path, "demo", nowhere).run("topic")
    assert ran.code == Exit.FAILED
    assert f"no Kafka answers at {nowhere}" in ran.err


def test_a_ledger_on_the_table_log_has_no_topic(tmp_path: Path) -> None:
    ran = Home(tmp_path / "home").run("topic")
    assert ran.code == Exit.FAILED
    assert "LEDGER_KAFKA names no Kafka" in ran.err
    assert not (tmp_path / "home").exists()
