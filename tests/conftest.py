"""What all tests share: the parts, named in the header, and databases of their own.

The process that pytest was started in runs one PostgreSQL for the session and tells its workers
where. A part that cannot be had is said loudly; under STRICT_PARTS=1 that fails the run.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from infra.local import NoPostgres, Postgres, at
from infra.migrations import migrate

from .parts import REPOSITORY, docker_version, open_postgres

_POSTGRES: Final = pytest.StashKey[Postgres | NoPostgres]()
_FOLDER: Final = pytest.StashKey[Path]()


class Node(Protocol):
    """A worker that pytest-xdist is about to start, and what it is told."""

    config: pytest.Config
    workerinput: dict[str, object]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    match getattr(config, "workerinput", {}).get("postgres"):
        case dsn, path:
            config.stash[_POSTGRES] = at(dsn, path=path)
        case str(reason):
            config.stash[_POSTGRES] = NoPostgres(reason)
        case _:
            folder = config.stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="credit-ledger-tests-"))
            config.stash[_POSTGRES] = open_postgres(folder / "pg")


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_FOLDER, None)
    if folder is None:
        return
    postgres = config.stash.get(_POSTGRES, None)
    if isinstance(postgres, Postgres):
        postgres.stop()
    shutil.rmtree(folder)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Node) -> None:
    found = node.config.stash[_POSTGRES]
    told = (found.dsn, found.path) if isinstance(found, Postgres) else str(found)
    node.workerinput["postgres"] = told


def pytest_report_header(config: pytest.Config) -> str:
    postgres = config.stash[_POSTGRES]
    found = f"{postgres.path} {postgres.version}" if isinstance(postgres, Postgres) else "none"
    return f"parts: postgres: {found} · docker: {docker_version() or 'none'}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _is_strict() and _left_out(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if reason := _left_out(config):
        terminalreporter.section("PART LEFT OUT: postgres", red=True, bold=True)
        terminalreporter.line(reason)
        terminalreporter.line("What needs it did not run, so this says nothing about it.")


def _left_out(config: pytest.Config) -> str:
    """Why there is no PostgreSQL; empty if there is one."""
    postgres = config.stash.get(_POSTGRES, None)
    return str(postgres) if isinstance(postgres, NoPostgres) else ""


def _is_strict() -> bool:
    return os.environ.get("STRICT_PARTS", "0") not in {"", "0"}


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Postgres:
    """The PostgreSQL of this session; each test makes its own databases on it."""
    found = pytestconfig.stash[_POSTGRES]
    if isinstance(found, NoPostgres):
        (pytest.fail if _is_strict() else pytest.skip)(f"no part postgres: {found}")
    return found


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


@contextmanager
def _database(postgres: Postgres, template: str = "template0") -> Iterator[tuple[str, str]]:
    name = f"test_{secrets.token_hex(6)}"
    named = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**named))
        yield name, urlsplit(postgres.dsn)._replace(path=f"/{name}").geturl()
        connection.execute(sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**named))
