"""The broker's container, as it is asked for: of a stand-in for the engine, with a real broker.

Docker's client and testcontainers are the real ones; what they ask of an engine is noted. Where the
engine is asked for the container's port, it names that of the session's broker.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import testcontainers.core.config
from testcontainers.core.config import ConnectionMode

from infra.local import Kafka, NoKafka
from infra.local.processes import free_port
from tests import containers
from tests.parts import LENIENT_KAFKA, open_kafka


@dataclass
class Engine:
    """What was asked of an engine whose one container has its port mapped to `port`."""

    port: int
    can_start: bool = True
    asked: list[str] = field(default_factory=list)
    created: dict[str, Any] = field(default_factory=dict)
    executed: list[list[str]] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        match method, path.split("/"):
            case "GET", ["version"]:
                return 200, {"ApiVersion": "1.50"}
            case "POST", ["containers", "create"]:
                self.created = body
                return 201, {"Id": "c1"}
            case "POST", ["containers", "c1", "start"]:
                return (204, None) if self.can_start else (500, {"message": "no space left"})
            case "POST", ["containers", "c1", "exec"]:
                self.executed.append(body["Cmd"])
                return 201, {"Id": "e1"}
            case "GET", ["exec", "e1", "json"]:
                return 200, {"ExitCode": 0}
            case "DELETE", ["containers", "c1"]:
                return 204, None
            case "GET", ["containers", "c1", "json"]:
                mapped = [{"HostIp": "127.0.0.1", "HostPort": str(self.port)}]
                return 200, {
                    "Id": "c1",
                    "State": {"Status": "running"},
                    "Config": {"Tty": True},
                    "NetworkSettings": {"Ports": {"19092/tcp": mapped}},
                }
            case "GET", ["containers", "c1", "logs"]:
                return 200, "===> Launching ..."
            case "GET", ["images", *_]:
                return 200, {"Id": "sha256:1"}
            case _:
                return 200, ""


@contextmanager
def answering(engine: Engine) -> Iterator[str]:
    """The engine on loopback, and what `DOCKER_HOST` says of it."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that the library calls
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path).path.strip("/")
            _, _, unversioned = path.partition("/") if path.startswith("v1.") else ("", "", path)
            status, said = engine.answer(
                self.command, unversioned, json.loads(body) if body else None
            )
            written = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", "0" if said is None else str(len(written)))
            self.end_headers()
            if said is not None:
                self.wfile.write(written)

        do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815  # as above

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"tcp://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the container that clears away what others leave, wherever these tests run."""
    settings = testcontainers.core.config.testcontainers_config
    monkeypatch.setattr(settings, "_ryuk_disabled", True)
    monkeypatch.setattr(settings, "connection_mode_override", ConnectionMode.docker_host)


@pytest.mark.kafka
@pytest.mark.usefixtures("_alone")
def test_the_broker_of_the_compose_file_is_started_and_told_where_it_is_found(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(port=int(kafka.address.rpartition(":")[2]))
    with answering(engine) as host:
        monkeypatch.setenv("DOCKER_HOST", host)
        started = containers.start_kafka(LENIENT_KAFKA)
        started.stop()
    image = containers.compose_image("kafka")
    assert (started.address, started.path) == (kafka.address, f"Docker {image}")
    assert engine.created["Image"] == image
    assert engine.created["Hostname"] == containers.HOST
    assert engine.created["Cmd"] == ["sh", "-c", containers.WAIT_AND_RUN]
    assert dict(one.split("=", 1) for one in engine.created["Env"]) == (
        containers.broker_variables(LENIENT_KAFKA)
    )
    assert engine.created["HostConfig"]["PortBindings"] == {
        "19092/tcp": [{"HostIp": "", "HostPort": ""}]
    }
    advertised = f"PLAINTEXT://kafka:9092,OUTSIDE://{kafka.address}"
    assert engine.executed == [["sh", "-c", containers.TELL, "sh", advertised]]
    assert engine.asked[-1] == "DELETE containers/c1"


def test_its_variables_are_those_of_the_compose_file_and_what_tests_need_otherwise() -> None:
    deployed = containers.compose_service("kafka")["environment"]
    ours = containers.broker_variables({"auto.create.topics.enable": "true"})
    differing = {
        name for name in deployed.keys() | ours.keys() if deployed.get(name) != ours.get(name)
    }
    assert differing == {
        "KAFKA_ADVERTISED_LISTENERS",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE",
        "KAFKA_INTER_BROKER_LISTENER_NAME",
        "KAFKA_LISTENERS",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
    }
    assert "KAFKA_ADVERTISED_LISTENERS" not in ours
    assert ours["KAFKA_LISTENERS"].startswith(f"{deployed['KAFKA_LISTENERS']},")


def test_the_broker_begins_when_it_was_told_and_not_before(tmp_path: Path) -> None:
    program = tmp_path / "run"
    program.write_text('#!/bin/sh\necho "$KAFKA_ADVERTISED_LISTENERS"\n')
    program.chmod(0o755)

    def here(script: str) -> str:
        told = script.replace(containers.ADDRESS_FILE, str(tmp_path / "advertised"))
        return told.replace("/etc/kafka/docker/run", str(program))

    waits = ["sh", "-c", here(containers.WAIT_AND_RUN)]
    with subprocess.Popen(waits, stdout=subprocess.PIPE, text=True) as waiting:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.5)
        advertised = "PLAINTEXT://kafka:9092,OUTSIDE://127.0.0.1:32768"
        subprocess.run(["sh", "-c", here(containers.TELL), "sh", advertised], check=True)
        said, _ = waiting.communicate(timeout=10)
    assert said == f"{advertised}\n"


@pytest.mark.usefixtures("_alone")
def test_an_engine_that_does_not_start_it_is_said_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(Engine(port=1, can_start=False)) as host:
        monkeypatch.setenv("DOCKER_HOST", host)
        with pytest.raises(NoKafka, match=r"Docker does not start apache/kafka:.*no space left"):
            containers.start_kafka({})


@pytest.mark.usefixtures("_alone")
def test_a_broker_that_does_not_answer_is_taken_away_and_its_log_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(containers, "_START_S", 0.5)
    engine = Engine(port=free_port())
    with answering(engine) as host:
        monkeypatch.setenv("DOCKER_HOST", host)
        with pytest.raises(NoKafka, match=r"no Kafka answers at .*(?s:.)*===> Launching \.\.\."):
            containers.start_kafka({})
    assert engine.asked[-1] == "DELETE containers/c1"


def test_an_engine_that_went_away_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 28.2.2\n")  # it answers the header, and no more after that
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free_port()}")
    found = open_kafka(tmp_path / "kafka", {})
    assert isinstance(found, NoKafka)
    assert "Docker does not start apache/kafka:" in str(found)
