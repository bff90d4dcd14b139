"""A PostgreSQL to work on: one that is given by its address, or our own, started in a folder.

Our own listens on 127.0.0.1 alone, with a password, and has no unix socket: the path of one may be
107 bytes long and no more. It does not outlive its starter: it gets SIGINT, its fast and clean
shutdown, when the *thread* that started it ends, however that ends; so start it from one that lives
as long as it is needed. It has a session of its own, so that Ctrl-C reaches the service first and
PostgreSQL only when the service is done. A server that outlived its starter all the same (there is
no `setpriv`) is shut down at the next start, never adopted: it may run with other settings, and
nobody would wait for its end.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import psutil
import psycopg

from .. import clock
from .processes import begin_log, free_port, spawn, tail
from .programs import NoPostgres, Programs, environment, find

_ROLE: Final = "ledger"
_OPTIONS: Final = MappingProxyType(
    {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "100",
        "shared_buffers": "256MB",
        # A rebuild writes gigabytes within minutes: few checkpoints, nothing spent on compression.
        "max_wal_size": "4GB",
        "checkpoint_timeout": "20min",
        "wal_compression": "off",
        "jit": "off",  # queries are short: compiling one would cost more than it saves
        "timezone": "UTC",
        # What it says of a failed statement quotes rows, which hold people's names and numbers: who
        # sent the statement is told, and logs it without. What it says of itself it still logs.
        "log_min_messages": "log",
    }
)
_STARTS_MAX: Final = 5
_START_S: Final = 600  # after a crash it reads all that was written since the last checkpoint
_STOP_S: Final = 60
_POLL_S: Final = 0.02
_RETRY_S: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A PostgreSQL that answers. `path` says how it was come by; `stop` ends one of our own."""

    dsn: str
    version: str
    path: str
    stop: Callable[[], None]


def at(dsn: str, *, path: str) -> Postgres:
    """The PostgreSQL at an address that was given; `stop` leaves it alone.

    Raises:
        psycopg.OperationalError: nothing answers there.
    """
    return Postgres(dsn=dsn, version=_version(dsn), path=path, stop=lambda: None)


def start(folder: Path, *, options: Mapping[str, str] = MappingProxyType({})) -> Postgres:
    """Our own PostgreSQL over `folder/data`, made at the first start; returns when it answers.

    The caller holds the home in which the folder lies. Commits are durable unless `options`, which
    overrule the settings of this module, say otherwise.

    Raises:
        NoPostgres: no programs run here, or the server does not come up; the message says why.
    """
    folder = folder.absolute()
    folder.mkdir(mode=0o700, exist_ok=True)
    data = folder / "data"
    programs = find(folder, data)
    if not data.exists():
        _initialise(programs, folder, data)
    _stop_left_running(data)
    server, port = _launch(programs, folder, data, {**_OPTIONS, **options})
    password = (folder / "password").read_text()
    dsn = f"postgresql://{_ROLE}:{password}@127.0.0.1:{port}/postgres"
    return Postgres(dsn=dsn, version=_version(dsn), path=programs.path, stop=lambda: _stop(server))


def _version(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        said = connection.info.parameter_status("server_version") or "unknown"
    return said.split()[0]


def _initialise(programs: Programs, folder: Path, data: Path) -> None:
    """Make the data folder; it gets its name when it is whole, so that a crash leaves none."""
    new = folder / "data.new"
    password = folder / "password"
    shutil.rmtree(new, ignore_errors=True)
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24))
    command = programs.command(
        "initdb",
        f"--pgdata={new}",
        f"--username={_ROLE}",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
    )
    log = folder / "log"
    if spawn(command, log, environment=environment()).wait() != 0:
        raise NoPostgres(f"initdb could not make {data}; {log} ends:\n{tail(log)}")
    new.rename(data)


def _launch(
    programs: Programs, folder: Path, data: Path, options: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], int]:
    """The server once it answers, and its port: that of last time if nobody has taken it."""
    remembered = folder / "port"
    log = folder / "log"
    begin_log(log)
    for _ in range(_STARTS_MAX):
        port = free_port(_number_in(remembered))
        settings = [f"--{name}={value}" for name, value in options.items()]
        command = programs.command("postgres", "-D", str(data), f"--port={port}", *settings)
        server = spawn(command, log, environment=environment())
        if _answers(server, data):
            remembered.write_text(str(port))
            return server, port
        time.sleep(
            _RETRY_S
        )  # the port was taken meanwhile, or a killed server's children still end
    raise NoPostgres(f"PostgreSQL does not start over {data}; {log} ends:\n{tail(log)}")


def _number_in(file: Path) -> int:
    """The number in a file; 0 where there is none, as when the power was cut before it was kept."""
    try:
        return int(file.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _answers(server: subprocess.Popen[bytes], data: Path) -> bool:
    """Wait until the server takes connections; false if it ended instead."""
    deadline = clock.elapsed() + _START_S
    while server.poll() is None and clock.elapsed() < deadline:
        state = _lock_file(data)
        if state[:1] == [str(server.pid)] and state[-1].strip() == "ready":
            return True
        time.sleep(_POLL_S)
    _stop(server)
    return False


def _lock_file(data: Path) -> list[str]:
    """The lines of `postmaster.pid`: the pid is the first, the state the last."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End it cleanly; if it does not end, at once, which costs a recovery at the next start."""
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            server.wait(_STOP_S)
            return


def _stop_left_running(data: Path) -> None:
    """Shut down a server that outlived its starter, so that ours can take over the data."""
    lock = data / "postmaster.pid"
    deadline = clock.elapsed() + _STOP_S
    while state := _lock_file(data):
        pid = int(state[0])
        if not psutil.pid_exists(pid):
            return  # PostgreSQL clears what a dead server left, with more checks than we have
        if not _serves(pid, data):
            break  # the number belongs to another program by now, as after a restart
        if clock.elapsed() > deadline:
            raise NoPostgres(f"process {pid} still serves {data} and does not stop; end it")
        os.kill(pid, signal.SIGINT)
        time.sleep(_RETRY_S)
    lock.unlink(missing_ok=True)  # empty if its writer was killed before it wrote


def _serves(pid: int, data: Path) -> bool:
    """Whether this process is the server over this folder: a server works inside its data."""
    try:
        return data.samefile(psutil.Process(pid).cwd())
    except (psutil.Error, OSError):
        return False
