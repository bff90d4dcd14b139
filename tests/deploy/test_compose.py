"""docker-compose.yml and the image, as far as they can be judged without a Docker engine.

What the image of Kafka makes of its variables is judged by the program that does so in the image:
it is among the jars of the broker.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import settings
from infra.local import Cluster
from infra.local.jars import KAFKA_VERSION, fetch, find_java
from tests.api.cli.running import Home
from tests.containers import OUTSIDE_PORT, broker_variables, compose_image
from tests.parts import KAFKA_CACHE, REPOSITORY, way_to_jars

ENTRY_POINT = REPOSITORY / "infra" / "deploy" / "entrypoint.sh"
OF_THE_PLACE = {"advertised.listeners", "listeners", "log.dirs"}
"""Settings in which a broker in a container differs from one on this machine."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (REPOSITORY / "infra" / "deploy" / "Dockerfile").read_text("utf-8")


def test_the_compose_file_keeps_to_the_compose_specification() -> None:
    judge = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    subprocess.run([*judge, str(REPOSITORY / "docker-compose.yml")], check=True)


def test_docker_reads_the_compose_file() -> None:
    reads = ["docker", "compose"]
    try:
        subprocess.run([*reads, "version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("Docker's compose plugin is not installed here")
    subprocess.run([*reads, "config", "--quiet"], cwd=REPOSITORY, check=True)


def test_the_data_of_postgresql_lies_where_its_image_keeps_it_from_18_on(
    compose: dict[str, Any],
) -> None:
    assert compose_image("postgres") == "postgres:18"
    (volume,) = compose["services"]["postgres"]["volumes"]
    assert volume == "postgres:/var/lib/postgresql"


def test_only_the_service_is_published_and_on_this_machine_alone(compose: dict[str, Any]) -> None:
    published = {
        name: service["ports"]
        for name, service in compose["services"].items()
        if "ports" in service
    }
    assert published == {"service": ["127.0.0.1:${LEDGER_PORT:-8000}:8000"]}


def test_every_service_says_when_it_is_well_and_is_waited_for(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"topic"}
    assert services["topic"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert services["service"]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "kafka": {"condition": "service_healthy"},
        # `up --wait` takes an end for a failure, unless who runs on depends on it in this way.
        "topic": {"condition": "service_completed_successfully"},
    }


def test_the_topic_is_set_up_once_by_our_own_command_in_our_own_image(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    topic, service = compose["services"]["topic"], compose["services"]["service"]
    assert topic["restart"] == "no"
    assert topic["image"] == service["image"]
    assert Home(tmp_path / "home").run(*topic["command"], "--help").code == 0
    for name in ("LEDGER_ID", "LEDGER_KAFKA", "LEDGER_SINGLE_BROKER"):
        assert topic["environment"][name] == service["environment"][name]


def test_the_volumes_of_all_services_are_named(compose: dict[str, Any]) -> None:
    used = {
        volume.partition(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", ())
    }
    assert used == set(compose["volumes"])


# Kafka --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broker(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]["kafka"]
    return found


def of_our_own_broker() -> dict[str, str]:
    """The settings of the broker that the service starts itself, at the ports of a container."""
    return Cluster(Path(), [], [(9092, 9093)], {})._settings(1)


def rendered(variables: dict[str, str], folder: Path) -> dict[str, str]:
    """The settings that the image makes of variables; it has formatted a data folder by them."""
    for name in ("default", "mounted", "final", "data"):
        (folder / name).mkdir()
    # The image has these, and only copies them.
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (folder / "default" / name).touch()
    ran = subprocess.run(
        [
            str(find_java().program),
            *("-cp", f"{fetch(KAFKA_CACHE)}/*"),
            *("kafka.docker.KafkaDockerWrapper", "setup"),
            *("--default-configs-dir=default", "--mounted-configs-dir=mounted"),
            "--final-configs-dir=final",
        ],
        env={**variables, "KAFKA_LOG_DIRS": "data", "PATH": os.environ["PATH"]},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-2_000:] + ran.stderr[-2_000:]
    assert (folder / "data" / "meta.properties").is_file(), "it was formatted"
    lines = (folder / "final" / "server.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line)


def test_the_broker_is_of_the_version_that_is_started_from_jars() -> None:
    assert compose_image("kafka") == f"apache/kafka:{KAFKA_VERSION}"


def test_each_setting_of_the_broker_is_that_of_our_own_broker(broker: dict[str, Any]) -> None:
    environment = broker["environment"]
    assert all(isinstance(value, str) for value in environment.values())
    ours = {
        f"KAFKA_{name.upper().replace('.', '_')}": value
        for name, value in of_our_own_broker().items()
        if name not in OF_THE_PLACE
    }
    place = {f"KAFKA_{name.upper().replace('.', '_')}" for name in OF_THE_PLACE}
    assert {name: environment.get(name) for name in ours} == ours
    assert environment.keys() - ours.keys() - place == {"CLUSTER_ID", "KAFKA_HEAP_OPTS"}


@pytest.mark.kafka
@pytest.mark.skipif(
    os.environ.get("STRICT_PARTS", "0") in {"", "0"} and way_to_jars() is not None,
    reason="the jars of the broker are not here",
)
def test_the_image_makes_the_settings_of_our_own_broker_of_its_variables(
    broker: dict[str, Any], tmp_path: Path
) -> None:
    found = rendered(broker["environment"], tmp_path)
    ours = of_our_own_broker()
    assert {name: found.get(name) for name in ours if name not in OF_THE_PLACE} == {
        name: value for name, value in ours.items() if name not in OF_THE_PLACE
    }
    assert found["listeners"] == "PLAINTEXT://:9092,CONTROLLER://127.0.0.1:9093"
    assert found["advertised.listeners"] == "PLAINTEXT://kafka:9092"


@pytest.mark.kafka
@pytest.mark.skipif(
    os.environ.get("STRICT_PARTS", "0") in {"", "0"} and way_to_jars() is not None,
    reason="the jars of the broker are not here",
)
def test_the_image_takes_the_variables_of_the_container_for_tests(tmp_path: Path) -> None:
    advertised = "PLAINTEXT://kafka:9092,OUTSIDE://127.0.0.1:32768"
    variables = broker_variables({"delete.topic.enable": "true"})
    found = rendered({**variables, "KAFKA_ADVERTISED_LISTENERS": advertised}, tmp_path)
    assert found["advertised.listeners"] == advertised
    assert found["listeners"].endswith(f",OUTSIDE://:{OUTSIDE_PORT}")
    assert found["delete.topic.enable"] == "true"


def test_the_data_of_kafka_lie_in_its_volume(broker: dict[str, Any]) -> None:
    (volume,) = broker["volumes"]
    assert volume == f"kafka:{broker['environment']['KAFKA_LOG_DIRS']}"
    # Made in the image for the account that the broker runs as: a volume elsewhere were root's.
    assert volume == "kafka:/var/lib/kafka/data"


def test_kafka_is_asked_whether_it_is_well_where_the_service_finds_it(
    compose: dict[str, Any], broker: dict[str, Any]
) -> None:
    address = compose["services"]["service"]["environment"]["LEDGER_KAFKA"]
    assert broker["environment"]["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{address}"
    program = "/opt/kafka/bin/kafka-broker-api-versions.sh"
    assert broker["healthcheck"]["test"] == ["CMD", program, "--bootstrap-server", address]


def test_a_single_broker_is_said_to_be_one(compose: dict[str, Any]) -> None:
    assert compose["services"]["service"]["environment"]["LEDGER_SINGLE_BROKER"] == "true"
    assert [name for name in compose["services"] if name.startswith("kafka")] == ["kafka"]


# The service --------------------------------------------------------------------------------------


def test_the_service_may_change_its_volume_and_nothing_else(
    compose: dict[str, Any], dockerfile: str
) -> None:
    service = compose["services"]["service"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    home = re.search(r"LEDGER_HOME=(\S+)", dockerfile)
    assert home is not None
    assert service["volumes"] == [f"home:{home[1]}"]
    assert re.search(r"^USER ledger$", dockerfile, re.MULTILINE)


def test_nothing_but_the_entry_point_lets_the_service_listen_beyond_loopback() -> None:
    naming = {
        str(file.relative_to(REPOSITORY))
        for pattern in ("*.yml", "infra/deploy/*", "Makefile", "bin/*", ".ci/*")
        for file in REPOSITORY.glob(pattern)
        if file.is_file() and "LEDGER_LISTEN" in file.read_text("utf-8")
    }
    assert naming == {"infra/deploy/entrypoint.sh"}


def test_the_entry_point_lets_the_service_listen_and_passes_the_command_on(tmp_path: Path) -> None:
    program = tmp_path / "credit-ledger"
    program.write_text('#!/bin/sh\necho "$LEDGER_LISTEN: $*"\n')
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    said = subprocess.run(
        [str(ENTRY_POINT), "up", "--no-sample"],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "0.0.0.0: up --no-sample\n"


def test_each_variable_of_the_compose_file_stands_in_env_example() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text("utf-8")
    named = set(re.findall(r"\$\{(\w+)", text))
    assert named
    assert all(f"#{name}=" in settings.env_example() for name in named)


def test_each_setting_that_the_compose_file_passes_on_exists(compose: dict[str, Any]) -> None:
    passed = {
        name
        for service in ("service", "topic")
        for name in compose["services"][service]["environment"]
        if "LEDGER" in name
    }
    assert passed <= {settings.variable(name) for name in settings.Settings.model_fields}


def test_what_the_image_copies_is_let_through_by_dockerignore(dockerfile: str) -> None:
    let_through = {
        line.removeprefix("!")
        for line in (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    assert {
        "ledger",
        "projections",
        "api",
        "infra",
        "pyproject.toml",
        "requirements.lock",
    } <= let_through
    assert "COPY requirements.lock" in dockerfile
