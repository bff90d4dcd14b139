"""The launcher as whoever runs the tests; where that is root, as other accounts too."""

import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from infra.local import NoPostgres, Postgres, at, start
from infra.local import programs as programs_
from tests.waiting import wait_until

pytestmark = pytest.mark.pg

START = """
import sys, time
from pathlib import Path
from infra.local import start
postgres = start(Path(sys.argv[1]))
print(postgres.dsn, flush=True)
time.sleep(600)
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another account")


@contextmanager
def running(folder: Path) -> Iterator[Postgres]:
    postgres = start(folder)
    try:
        yield postgres
    finally:
        postgres.stop()


def ask(postgres: Postgres, question: str) -> object:
    with psycopg.connect(postgres.dsn) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "pg"


def test_it_is_made_answers_and_stops(folder: Path) -> None:
    with running(folder) as postgres:
        assert ask(postgres, "SELECT 40 + 2") == 42
        assert str(ask(postgres, "SHOW server_version")).startswith(postgres.version)
        pid = postmaster(folder)
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)
    assert not (folder / "data" / "postmaster.pid").exists()


def test_a_commit_is_durable_and_outsiders_find_no_way_in(folder: Path) -> None:
    with running(folder) as postgres:
        for setting, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "password_encryption": "scram-sha-256",
            "wal_compression": "off",
            "server_encoding": "UTF8",
        }.items():
            assert ask(postgres, f"SHOW {setting}") == value
        assert ask(postgres, "SELECT datcollate FROM pg_database WHERE datname = 'postgres'") == "C"
        ways_in = "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'"
        assert ask(postgres, ways_in) == 0
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            at(postgres.dsn.replace("ledger:", "ledger:x"), path="guessed")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600


def test_a_second_start_finds_what_the_first_one_wrote_at_the_same_address(folder: Path) -> None:
    with running(folder) as first, psycopg.connect(first.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'here' AS word")
    with running(folder) as second:
        assert ask(second, "SELECT word FROM kept") == "here"
        assert second.dsn == first.dsn


def test_a_port_that_somebody_took_meanwhile_is_left_to_them(folder: Path) -> None:
    with running(folder) as first:
        port = int(first.dsn.rpartition(":")[2].partition("/")[0])
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what lingers is no listener
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with running(folder) as second:
            assert second.dsn != first.dsn
            assert ask(second, "SELECT 1") == 1


def test_it_dies_with_its_starter_and_loses_nothing(folder: Path) -> None:
    command = [sys.executable, "-c", START, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        dsn = starter.stdout.readline().strip()
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'here' AS word")
        starter.kill()
        starter.wait()
    wait_until(lambda: not (folder / "data" / "postmaster.pid").exists(), patience_s=30)
    with running(folder) as postgres:
        assert ask(postgres, "SELECT word FROM kept") == "here"


def test_a_start_right_after_the_starter_was_killed_waits_for_its_server(folder: Path) -> None:
    command = [sys.executable, "-c", START, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline()
        starter.kill()
        starter.wait()
    with running(folder) as postgres:
        assert ask(postgres, "SELECT 1") == 1


def test_a_killed_server_recovers_what_was_committed(folder: Path) -> None:
    with running(folder) as first:
        with psycopg.connect(first.dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'here' AS word")
        os.kill(postmaster(folder), signal.SIGKILL)
    assert (folder / "data" / "postmaster.pid").exists()
    with running(folder) as second:
        assert ask(second, "SELECT word FROM kept") == "here"


def test_a_server_that_outlived_its_starter_is_shut_down_first(folder: Path) -> None:
    with running(folder):
        left = postmaster(folder)
        with running(folder) as postgres:
            assert not psutil.pid_exists(left) or psutil.Process(left).status() == "zombie"
            assert ask(postgres, "SELECT 1") == 1


@pytest.mark.parametrize("content", ["", "{pid}\n/elsewhere\n"], ids=["empty", "of another"])
def test_a_lock_that_says_nothing_true_any_more_is_no_obstacle(folder: Path, content: str) -> None:
    with running(folder):
        pass
    (folder / "data" / "postmaster.pid").write_text(content.format(pid=os.getpid()))
    with running(folder) as postgres:
        assert ask(postgres, "SELECT 1") == 1
    assert psutil.pid_exists(os.getpid())


def test_an_initdb_that_was_killed_half_way_is_begun_anew(folder: Path) -> None:
    (folder / "data.new" / "base").mkdir(parents=True)
    (folder / "password").write_text("")
    with running(folder) as postgres:
        assert ask(postgres, "SELECT 1") == 1


def test_data_of_another_major_version_is_refused_with_both_versions(folder: Path) -> None:
    with running(folder):
        pass
    (folder / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(NoPostgres, match="was made by PostgreSQL 9, this is"):
        start(folder)


def test_a_server_that_cannot_start_says_what_its_log_says(folder: Path) -> None:
    with pytest.raises(NoPostgres, match="max_connections"):
        start(folder, options={"max_connections": "none"})


def test_variables_of_postgresql_do_not_lead_it_astray(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("LC_ALL", "xx_XX")
    with running(folder) as postgres:
        assert ask(postgres, "SELECT 1") == 1


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 8)
    deep.mkdir(parents=True)
    with running(deep / "pg") as postgres:
        assert ask(postgres, "SELECT 1") == 1


def test_without_the_wheel_the_programs_of_debian_are_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("Debian's postgresql is not installed here")
    monkeypatch.setattr(programs_, "find_spec", lambda _: None)
    with running(folder) as postgres:
        assert postgres.path == "Debian"
        assert ask(postgres, "SELECT 1") == 1


def test_without_any_programs_the_error_names_the_way_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(programs_, "find_spec", lambda _: None)
    monkeypatch.setattr(programs_, "_DEBIAN", tmp_path)
    with pytest.raises(
        NoPostgres, match=r"(?s)name one in LEDGER_DATABASE_URL .*none is installed"
    ):
        start(folder)


def test_a_given_postgresql_is_left_running(postgres: Postgres) -> None:
    given = at(postgres.dsn, path="LEDGER_DATABASE_URL")
    assert (given.version, given.path) == (postgres.version, "LEDGER_DATABASE_URL")
    given.stop()
    assert ask(given, "SELECT 1") == 1


@as_root
def test_as_root_nothing_changes_hands(folder: Path) -> None:
    with running(folder):
        assert {each.owner() for each in folder.rglob("*")} == {"root"}
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


@as_root
def test_as_root_where_namespaces_are_refused_it_runs_as_nobody(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{_refusing('unshare', tmp_path / 'bin')}:{os.environ['PATH']}")
    with running(folder) as first, psycopg.connect(first.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'here' AS word")
        assert psutil.Process(postmaster(folder)).username() == "nobody"
    monkeypatch.undo()
    with running(folder) as second:
        assert ask(second, "SELECT word FROM kept") == "here"
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert folder.parent.owner() == "root"


@as_root
def test_as_root_in_a_folder_that_only_another_account_may_enter() -> None:
    somebody = _somebody()
    with _folder_of(somebody.pw_uid) as theirs:
        with running(theirs / "pg") as postgres:
            assert ask(postgres, "SELECT 1") == 1
        assert stat.S_IMODE(theirs.stat().st_mode) == 0o700
        assert theirs.stat().st_uid == somebody.pw_uid


@as_root
def test_data_that_another_account_made_stays_theirs_when_root_starts_it() -> None:
    somebody = _somebody()
    with _folder_of(somebody.pw_uid) as theirs:
        _start_and_kill(theirs / "pg", somebody.pw_uid)
        with running(theirs / "pg") as postgres:
            assert ask(postgres, "SELECT 1") == 1
        owners = {each.stat().st_uid for each in (theirs / "pg" / "data").rglob("*")}
        assert owners == {somebody.pw_uid}


@as_root
def test_an_account_without_a_name_can_run_it_too() -> None:
    unnamed = 4_294_967
    with _folder_of(unnamed) as theirs:
        _start_and_kill(theirs / "pg", unnamed)
        assert (theirs / "pg" / "data").stat().st_uid == unnamed


@contextmanager
def _folder_of(uid: int) -> Iterator[Path]:
    """A folder that only this account may enter."""
    with tempfile.TemporaryDirectory(prefix="credit-ledger-") as name:
        os.chown(name, uid, uid)
        yield Path(name)


def _start_and_kill(folder: Path, uid: int) -> None:
    """Start it from a process of this account, kill that, and see the server end."""
    command = [_python_for(uid), "-c", START, str(folder)]
    with subprocess.Popen(
        command, env=_PATHS, stdout=subprocess.PIPE, text=True, user=uid, group=uid
    ) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline().startswith("postgresql://")
        starter.kill()
        starter.wait()
    wait_until(lambda: not (folder / "data" / "postmaster.pid").exists(), patience_s=30)


_PATHS = {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path)}


def _python_for(uid: int) -> str:
    """A Python that this account may run and that finds what this one imports."""
    beside = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, beside):
        command = [python, "-c", "import infra.local"]
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run(command, env=_PATHS, user=uid, group=uid, cwd="/", check=True)
            return python
    pytest.skip(f"account {uid} may not enter the folders of {sys.executable}")


def _somebody() -> pwd.struct_passwd:
    return next(each for each in pwd.getpwall() if each.pw_name not in {"root", "nobody"})


def _refusing(program: str, folder: Path) -> Path:
    folder.mkdir()
    (folder / program).write_text("#!/bin/sh\necho Operation not permitted >&2\nexit 1\n")
    (folder / program).chmod(0o755)
    return folder
