"""`credit-ledger up` with a broker of its own: real processes, restarts, and commands between."""

import json
import subprocess
from pathlib import Path

import pytest

from infra.local import Kafka
from tests.api.asking import fresh_code
from tests.api.cli.test_up import (
    _END_S,
    _START_S,
    PROGRAM,
    Running,
    children_of,
    environment,
    until_gone,
    up,
)
from tests.parts import KAFKA_CACHE

pytestmark = [pytest.mark.pg, pytest.mark.kafka, pytest.mark.timeout(300)]

LOCAL = {"LEDGER_KAFKA": "local", "LEDGER_KAFKA_JARS": str(KAFKA_CACHE)}
REMEMBERED = {"LEDGER_KAFKA_JARS": str(KAFKA_CACHE)}


@pytest.fixture
def home(tmp_path: Path, kafka: Kafka) -> Path:
    """A home for a broker of its own; only where brokers are started from their jars."""
    if kafka.path != "from jars":
        pytest.skip(f"Kafka is {kafka.path} here: no jars to start a broker from")
    return tmp_path / "home"


def command(home: Path, *arguments: str, said: str = "", code: int = 0) -> str:
    ran = subprocess.run(
        [str(PROGRAM), *arguments],
        input=said,
        env=environment(home, **REMEMBERED),
        capture_output=True,
        text=True,
        timeout=_START_S,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    return ran.stdout + ran.stderr


def registration(code: str) -> str:
    return json.dumps({"command": "register-subject", "identifiers": [code], "name": "示例公司"})


def subject_on(service: Running, code: str) -> str:
    return str(service.get(f"/v1/subjects/{code}")["subject"])


def test_a_home_goes_on_with_its_broker_whoever_asks_next(home: Path) -> None:
    first, second, third = fresh_code(), fresh_code(), fresh_code()
    with up(home, "--no-sample", **LOCAL) as service:
        assert "topic demo.log" in service.said
        recorded = service.record("register-subject", {"identifiers": [first], "name": "示例公司"})
        helpers = children_of(service.process.pid)
        assert {"postgres", "java"} <= {helper.name() for helper in helpers}
        command(home, "record", "-", said=registration(second))  # beside the service
    assert until_gone(helpers) == []
    command(home, "record", "-", said=registration(third))  # starts all that it takes
    assert '"regime": "demo/enterprise/score"' in command(home, "explain", third, "--json")
    with up(home, "--no-sample", **REMEMBERED) as service:
        assert subject_on(service, first) == recorded["subject"]
        assert subject_on(service, second)
        assert subject_on(service, third)
        health = service.get("/health")
        assert health["log"]["kind"] == "kafka"
        assert health["term"] == 4  # a term for each start of PostgreSQL


def test_a_service_that_is_killed_leaves_no_process_and_loses_nothing(home: Path) -> None:
    code = fresh_code()
    with up(home, "--no-sample", **LOCAL) as service:
        recorded = service.record("register-subject", {"identifiers": [code], "name": "示例公司"})
        helpers = children_of(service.process.pid)
        service.process.kill()
        service.process.wait(_END_S)
        assert until_gone(helpers) == []
    with up(home, "--no-sample", **REMEMBERED) as service:
        assert subject_on(service, code) == recorded["subject"]


def test_a_relay_that_is_killed_is_started_again(home: Path) -> None:
    with up(home, "--no-sample", **LOCAL) as service:
        relay = next(one for one in children_of(service.process.pid) if "relay" in one.cmdline())
        relay.kill()
        code = fresh_code()
        service.record("register-subject", {"identifiers": [code], "name": "示例公司"})
        assert subject_on(service, code)


def test_a_ledger_of_the_table_log_is_sent_to_kafka_whole_and_never_goes_back(home: Path) -> None:
    code, other = fresh_code(), fresh_code()
    with up(home, "--no-sample") as service:
        assert service.get("/health")["log"]["kind"] == "table"
        recorded = service.record("register-subject", {"identifiers": [code], "name": "示例公司"})
    with up(home, "--no-sample", **LOCAL) as service:
        health = service.get("/health")
        assert (health["log"]["kind"], health["term"]) == ("kafka", 2)
        assert health["positions"]["entered"] == recorded["position"] + 1
        assert subject_on(service, code) == recorded["subject"]
        service.record("register-subject", {"identifiers": [other], "name": "示例公司"})
    assert "ok" in command(home, "verify")
    (home / "log.json").unlink()  # nobody remembers any more, but the database does
    said = command(home, "record", "-", said=registration(fresh_code()), code=1)
    assert "lives on the topic demo.log" in said
    assert "LEDGER_KAFKA" in said


def test_a_reset_sets_the_broker_of_the_home_aside_too(home: Path) -> None:
    code = fresh_code()
    with up(home, "--no-sample", **LOCAL) as service:
        service.record("register-subject", {"identifiers": [code], "name": "示例公司"})
    with up(home, "--no-sample", "--reset", **LOCAL) as service:
        assert service.entered() < 6
        (kept,) = (home / "former").iterdir()
        assert {path.name for path in kept.iterdir()} >= {"pg", "kafka", "log.json", "signing.key"}
