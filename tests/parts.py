"""The parts that the tests stand on, and the paths to each: the first that works is taken.

PostgreSQL: `LEDGER_TEST_PG_URL`, else the embedded wheel, else Debian's programs, else a container
of the image that docker-compose.yml names.
Kafka: `LEDGER_TEST_KAFKA` (`host:port` of one that allows topics to be deleted), else a container
of the image that docker-compose.yml names, else a broker from its jars.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psycopg

from infra.local import (
    Cluster,
    Kafka,
    NoKafka,
    NoPostgres,
    Postgres,
    at,
    kafka_at,
    start,
    start_cluster,
    start_kafka,
)
from infra.local.jars import KAFKA_VERSION, are_fetched, find_java, find_maven

from . import containers
from .repository import REPOSITORY

__all__ = [
    "KAFKA_CACHE",
    "LENIENT_KAFKA",
    "REPOSITORY",
    "docker_version",
    "open_brokers",
    "open_kafka",
    "open_postgres",
    "way_to_jars",
    "way_to_kafka",
]

KAFKA_CACHE: Final = REPOSITORY / ".cache" / f"kafka-{KAFKA_VERSION}"

_LENIENT: Final = {
    # What tests write need not outlive the machine; each has databases and connections of its own.
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}
LENIENT_KAFKA: Final = {
    # As a broker has it by default: tests take their topics away again, and see that nothing of
    # ours makes one by asking for it.
    "auto.create.topics.enable": "true",
    "delete.topic.enable": "true",
}
_DOCKER_S: Final = 5
_GIVEN_S: Final = 3


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
    return containers.start_postgres()


def way_to_kafka(environment: Mapping[str, str] = os.environ) -> str | NoKafka:
    """The path on which `open_kafka` comes by a broker, or why there is none; starts nothing."""
    if given := environment.get("LEDGER_TEST_KAFKA"):
        return f"LEDGER_TEST_KAFKA {given}"
    if docker_version() is not None:
        return f"Docker {containers.compose_image('kafka')}"
    return way_to_jars() or f"{KAFKA_VERSION} from jars"


def open_kafka(folder: Path, environment: Mapping[str, str] = os.environ) -> Kafka | NoKafka:
    """A Kafka for the tests, with its data in `folder` if it is our own; else why not."""
    try:
        if given := environment.get("LEDGER_TEST_KAFKA"):
            return kafka_at(given, path="LEDGER_TEST_KAFKA", patience_s=_GIVEN_S)
        if docker_version() is not None:
            return containers.start_kafka(LENIENT_KAFKA)
        return start_kafka(folder, KAFKA_CACHE, options=LENIENT_KAFKA)
    except NoKafka as error:
        return error


def open_brokers(folder: Path) -> Cluster | NoKafka:
    """Three brokers from the jars, which tests may kill one by one; else why not."""
    try:
        return start_cluster(folder, KAFKA_CACHE, brokers=3, options=LENIENT_KAFKA)
    except NoKafka as error:
        return error


def _given(dsn: str) -> Postgres | NoPostgres:
    try:
        return at(dsn, path="LEDGER_TEST_PG_URL")
    except psycopg.OperationalError as error:
        return NoPostgres(f"LEDGER_TEST_PG_URL is set, and nothing answers there: {error}")


def way_to_jars() -> NoKafka | None:
    """What is missing for a broker from its jars, if anything is."""
    try:
        find_java()
        if not are_fetched(KAFKA_CACHE):
            find_maven()
    except NoKafka as error:
        return error
    return None


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
