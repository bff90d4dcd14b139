"""What the benchmarks share: stores that keep their promises, a recorded history, the table.

Figures of a run are comparable with each other only: they come from one machine in one hour.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from infra.local import Cluster, Postgres, start, start_cluster
from tests.parts import KAFKA_CACHE

from .figures import Board, machine
from .recording import Recording, recorded
from .service import Service, Stores, serving
from .workload import events_wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOARD: Final = pytest.StashKey[Board]()
_MACHINE: Final = pytest.StashKey[str]()
_HOURS_S: Final = 4 * 3_600


class NewDatabase(Protocol):
    """Makes a database."""

    def __call__(self, name: str) -> str:
        """The address of a new database of this name."""
        ...


class NewStores(Protocol):
    """Makes what a ledger stands on."""

    def __call__(self, name: str, *, on_kafka: bool) -> Stores:
        """The stores of a new ledger of this name."""
        ...


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_BOARD] = Board()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.timeout(_HOURS_S))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    terminalreporter.section("benchmarks")
    terminalreporter.line(config.stash.get(_MACHINE, "nothing was measured"))
    for line in config.stash[_BOARD].table():
        terminalreporter.line(line)


@pytest.fixture(scope="session")
def board(pytestconfig: pytest.Config) -> Board:
    """The table that is shown at the end."""
    return pytestconfig.stash[_BOARD]


@pytest.fixture(scope="session")
def events() -> int:
    """How many events this run is about."""
    return events_wanted()


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder of this run."""
    made = Path(tempfile.mkdtemp(prefix="credit-ledger-bench-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def durable(folder: Path, pytestconfig: pytest.Config) -> Iterator[Postgres]:
    """The PostgreSQL of both sides: with fsync, as the service starts it."""
    postgres = start(folder / "pg")
    pytestconfig.stash[_MACHINE] = machine(postgres.version)
    yield postgres
    postgres.stop()


@pytest.fixture(scope="session")
def new_database(durable: Postgres) -> NewDatabase:
    """Makes databases of this run."""

    def make(name: str) -> str:
        with psycopg.connect(durable.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return urlsplit(durable.dsn)._replace(path=f"/{name}").geturl()

    return make


@pytest.fixture(scope="session")
def broker(folder: Path) -> Iterator[Cluster]:
    """The Kafka of both sides: one broker, as the service starts it."""
    cluster = start_cluster(folder / "kafka", KAFKA_CACHE, brokers=1)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def new_stores(folder: Path, new_database: NewDatabase, broker: Cluster) -> NewStores:
    """Makes what a ledger stands on."""

    def make(name: str, *, on_kafka: bool) -> Stores:
        return Stores(
            ledger=name,
            home=folder / name,
            database_url=new_database(name.replace("-", "_")),
            kafka=broker.address if on_kafka else None,
        )

    return make


@pytest.fixture(scope="session")
def service(new_stores: NewStores) -> Iterator[Service]:
    """The service on an empty ledger, whose log is a table."""
    with serving(new_stores("on-table", on_kafka=False)) as running:
        yield running


@pytest.fixture(scope="session")
def recording(service: Service, new_database: NewDatabase, events: int) -> Recording:
    """The history, recorded through the service and with the library."""
    return recorded(service, library_environment(new_database("saved")), events)


@pytest.fixture(scope="session")
def service_on_kafka(new_stores: NewStores) -> Iterator[Service]:
    """The service on an empty ledger, whose log is on Kafka."""
    with serving(new_stores("on-kafka", on_kafka=True)) as running:
        yield running


@pytest.fixture(scope="session")
def entering(service_on_kafka: Service, new_database: NewDatabase, events: int) -> Recording:
    """The history, entered on Kafka through the service, and saved with the library."""
    environment = library_environment(new_database("saved_beside_kafka"))
    return recorded(service_on_kafka, environment, events)


def library_environment(database_url: str) -> dict[str, str]:
    """What the library is told about its database."""
    url = urlsplit(database_url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": url.path.removeprefix("/"),
        "POSTGRES_HOST": str(url.hostname),
        "POSTGRES_PORT": str(url.port),
        "POSTGRES_USER": str(url.username),
        "POSTGRES_PASSWORD": str(url.password),
    }
