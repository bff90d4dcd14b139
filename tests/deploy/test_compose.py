"""docker-compose.yml and the image, as far as they can be judged without a Docker engine."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import settings
from tests.parts import REPOSITORY, compose_image

ENTRY_POINT = REPOSITORY / "infra" / "deploy" / "entrypoint.sh"


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
    assert compose_image() == "postgres:18"
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
    assert all("healthcheck" in service for service in compose["services"].values())
    assert compose["services"]["service"]["depends_on"] == {
        "postgres": {"condition": "service_healthy"}
    }


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
    passed = {name for name in compose["services"]["service"]["environment"] if "LEDGER" in name}
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
