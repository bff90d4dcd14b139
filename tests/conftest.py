"""What all tests share: the parts, named in the header, and databases of their own.

The process that pytest was started in runs one PostgreSQL for the session and tells its workers
where; it starts one Kafka when the first test asks for it. A part that cannot be had is said
loudly; under STRICT_PARTS=1 that fails the run.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn, Protocol
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from infra.local import Cluster, Kafka, NoKafka, NoPostgres, Postgres, at
from infra.migrations import migrate

from .parts import REPOSITORY, docker_version, open_brokers, open_postgres
from .sharing import AskedKafka, OwnKafka, SharedKafka

_POSTGRES: Final = pytest.StashKey[Postgres | NoPostgres]()
_KAFKA: Final = pytest.StashKey[SharedKafka]()
_FOLDER: Final = pytest.StashKey[Path]()
_FETCH_S: Final = 900
"""The first test that asks for Kafka may have to wait until its jars are fetched."""


class Node(Protocol):
    """A worker that pytest-xdist is about to start, and what it is told."""

    config: pytest.Config
    workerinput: dict[str, object]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    told = getattr(config, "workerinput", {})
    if "kafka" in told:
        config.stash[_KAFKA] = AskedKafka(told["kafka"])
    match told.get("postgres"):
        case dsn, path:
            config.stash[_POSTGRES] = at(dsn, path=path)
        case str(reason):
            config.stash[_POSTGRES] = NoPostgres(reason)
        case _:
            folder = config.stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="credit-ledger-tests-"))
            config.stash[_POSTGRES] = open_postgres(folder / "pg")
            config.stash[_KAFKA] = OwnKafka(folder / "kafka")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("kafka") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_FETCH_S))


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_FOLDER, None)
    if folder is None:
        return
    postgres = config.stash.get(_POSTGRES, None)
    if isinstance(postgres, Postgres):
        postgres.stop()
    kafka = config.stash.get(_KAFKA, None)
    if isinstance(kafka, OwnKafka):
        kafka.stop()
    shutil.rmtree(folder)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Node) -> None:
    found = node.config.stash[_POSTGRES]
    told = (found.dsn, found.path) if isinstance(found, Postgres) else str(found)
    node.workerinput["postgres"] = told
    kafka = node.config.stash[_KAFKA]
    assert isinstance(kafka, OwnKafka), "workers are started by the process that starts Kafka"
    node.workerinput["kafka"] = kafka.told_to_workers()


def pytest_report_header(config: pytest.Config) -> str:
    postgres = config.stash[_POSTGRES]
    found = f"{postgres.path} {postgres.version}" if isinstance(postgres, Postgres) else "none"
    kafka = config.stash[_KAFKA]
    way = kafka.way if isinstance(kafka, OwnKafka) else "asked for"
    return (
        f"parts: postgres: {found} · kafka: {'none' if isinstance(way, NoKafka) else way}"
        f" · docker: {docker_version() or 'none'}"
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _is_strict() and _left_out(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for part, reason in _left_out(config).items():
        terminalreporter.section(f"PART LEFT OUT: {part}", red=True, bold=True)
        terminalreporter.line(reason)
        terminalreporter.line("What needs it did not run, so this says nothing about it.")


def _left_out(config: pytest.Config) -> dict[str, str]:
    """The parts that there are none of, and why."""
    postgres = config.stash.get(_POSTGRES, None)
    kafka = config.stash.get(_KAFKA, None)
    reasons = {
        "postgres": str(postgres) if isinstance(postgres, NoPostgres) else "",
        "kafka": kafka.left_out() if kafka else "",
    }
    return {part: reason for part, reason in reasons.items() if reason}


def _is_strict() -> bool:
    return os.environ.get("STRICT_PARTS", "0") not in {"", "0"}


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Postgres:
    """The PostgreSQL of this session; each test makes its own databases on it."""
    found = pytestconfig.stash[_POSTGRES]
    if isinstance(found, NoPostgres):
        _go_without("postgres", found)
    return found


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Kafka:
    """The Kafka of this session, one broker; each test makes its own topics on it."""
    found = pytestconfig.stash[_KAFKA].get()
    if isinstance(found, NoKafka):
        _go_without("kafka", found)
    return found


@pytest.fixture(scope="module")
def three_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three brokers of one cluster, which the tests of a module may kill and start again."""
    found = open_brokers(tmp_path_factory.mktemp("brokers"))
    if isinstance(found, NoKafka):
        _go_without("kafka", found)
    yield found
    found.kill()  # nothing is kept, and a clean end of all takes seconds


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> Iterator[str]:
    """Name of a database that is migrated and otherwise empty: the template of all others."""
    with _database(postgres) as (name, dsn):
        migrate(dsn)
        yield name


@pytest.fixture
def database_url(postgres: Postgres, migrated: str) -> Iterator[str]:
    """A migrated database for one test."""
    with _database(postgres, template=migrated) as (_, dsn):
        yield dsn


@pytest.fixture(scope="module")
def module_database_url(postgres: Postgres, migrated: str) -> Iterator[str]:
    """A migrated database that the tests of a module share."""
    with _database(postgres, template=migrated) as (_, dsn):
        yield dsn


@pytest.fixture
def empty_database_url(postgres: Postgres) -> Iterator[str]:
    """A database for one test in which nothing was made yet."""
    with _database(postgres) as (_, dsn):
        yield dsn


@pytest.fixture(scope="session")
def shared() -> Path | None:
    """The folder of public samples beside the repository, where there is one."""
    folder = REPOSITORY.parent / "shared"
    return folder if folder.is_dir() else None


def _go_without(part: str, reason: Exception) -> NoReturn:
    """End the test that needs this part: a failure where every part is demanded."""
    (pytest.fail if _is_strict() else pytest.skip)(f"no part {part}: {reason}")


@contextmanager
def _database(postgres: Postgres, template: str = "template0") -> Iterator[tuple[str, str]]:
    name = f"test_{secrets.token_hex(6)}"
    named = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**named))
        yield name, urlsplit(postgres.dsn)._replace(path=f"/{name}").geturl()
        connection.execute(sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**named))
