"""The parts that the tests stand on, and the paths to each: the first that works is taken.

PostgreSQL: `LEDGER_TEST_PG_URL`, else the embedded wheel, else Debian's programs, else a container
of the image that docker-compose.yml names.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import psycopg
import yaml

from infra.local import NoPostgres, Postgres, at, start

REPOSITORY: Final = Path(__file__).resolve().parents[1]
_LENIENT: Final = {
    # What tests write need not outlive the machine; each has databases and connections of its own.
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}
_DOCKER_S: Final = 5


def open_postgres(
    folder: Path, environment: Mapping[str, str] = os.environ
) -> Postgres | NoPostgres:
    """A PostgreSQL for the tests, with its data in `folder` if it is our own; else why not."""
    if given := environment.get("LEDGER_TEST_PG_URL"):
        return _given(given)
    try:
        return start(folder, options=_LENIENT)
    except NoPostgres as error:
        if docker_version() is None:
            return error
    return _in_container()


def _given(dsn: str) -> Postgres | NoPostgres:
    try:
        return at(dsn, path="LEDGER_TEST_PG_URL")
    except psycopg.OperationalError as error:
        return NoPostgres(f"LEDGER_TEST_PG_URL is set, and nothing answers there: {error}")


def docker_version() -> str | None:
    """The version of the Docker engine that answers, if one does."""
    docker = shutil.which("docker")
    if docker is None:
        return None
    try:
        asked = subprocess.run(
            [docker, "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=_DOCKER_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip() or None


def compose_image() -> str:
    """The image of PostgreSQL in docker-compose.yml, so that tests run what is deployed."""
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text("utf-8"))
    image: str = compose["services"]["postgres"]["image"]
    return image


def _in_container() -> Postgres:
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415 # slow

    container = PostgresContainer(compose_image(), username="ledger", driver=None).start()
    given = at(container.get_connection_url(), path=f"Docker {compose_image()}")
    return replace(given, stop=container.stop)
