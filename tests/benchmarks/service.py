"""The service as its users run it: `credit-ledger up` in processes of its own, on a given database.

`up` serves HTTP and sequences in one process and projects in a child, so what is measured is what
runs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, LiteralString
from urllib.parse import urlsplit

import psutil
import psycopg

from infra import clock
from tests.parts import REPOSITORY

from .clients import Seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Ran", "Service", "command", "seen", "serving"]

LEDGER: Final = "bench"
_START_S: Final = 60.0
_STOP_S: Final = 60.0
_SHOWN_S: Final = 600.0
_LOOK_S: Final = 0.05
_MIB: Final = 1 << 20
_HEAD: Final = "SELECT position FROM ledger_head"
_SHOWN: Final = "SELECT max(position) FROM projection_place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service: its home, the database it works on, its port."""

    home: Path
    database_url: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def resident_mib(self) -> float:
        """The memory of the process that serves and sequences, in MiB."""
        resident: int = psutil.Process(self.process.pid).memory_info().rss
        return resident / _MIB

    @property
    def projector_mib(self) -> float:
        """The memory of its projector, in MiB."""
        children = psutil.Process(self.process.pid).children()
        found: int = sum(child.memory_info().rss for child in children)
        return found / _MIB

    def clients(self, what: str, **told: object) -> Seen:
        """Let clients do something in a process of their own; what they saw."""
        with self.begin_clients(what, **told) as running:
            return seen(running)

    def begin_clients(self, what: str, **told: object) -> subprocess.Popen[bytes]:
        """Let clients begin something; `seen` waits for what they saw."""
        command = [sys.executable, "-m", "tests.benchmarks.clients", what, "--port", str(self.port)]
        for name, value in told.items():
            values = value if isinstance(value, list | tuple) else [value]
            command += [f"--{name.replace('_', '-')}", *map(str, values)]
        return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE)

    def run(self, *arguments: str) -> Ran:
        """Run a command of the command line beside the service."""
        return command(self.home, self.database_url, *arguments)

    def head(self) -> int:
        """The sequenced position."""
        return _asked(self.database_url, _HEAD)

    def wait_until_shown(self) -> float:
        """Wait until the views show all that is sequenced; for how many seconds."""
        begun = clock.elapsed()
        head = self.head()
        while _asked(self.database_url, _SHOWN) < head:
            if clock.elapsed() - begun > _SHOWN_S:
                raise TimeoutError(f"the views do not come to position {head}")
            time.sleep(_LOOK_S)
        return clock.elapsed() - begun


@dataclass(slots=True, kw_only=True)
class Ran:
    """What a command printed and took: `recorded_s` until the last record, `seconds` in all."""

    head_before: int
    said: bytes = b""
    seconds: float = 0.0
    recorded_s: float = 0.0
    resident_mib: float = 0.0


def command(home: Path, database_url: str, *arguments: str) -> Ran:
    """Run a command of the command line, and watch it: what is recorded when, its memory."""
    ran = Ran(head_before=_head(database_url))
    begun = clock.elapsed()
    head = ran.head_before
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", *arguments],
        cwd=REPOSITORY,
        env=_environment(home, database_url),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None, "it has a pipe"
        while process.poll() is None:
            time.sleep(_LOOK_S)
            ran.resident_mib = max(ran.resident_mib, _resident_mib(process.pid))
            if (now := _head(database_url)) != head:
                head, ran.recorded_s = now, clock.elapsed() - begun
        ran.seconds = clock.elapsed() - begun
        ran.said = process.stdout.read()
    assert process.returncode == 0, f"{arguments} ended with {process.returncode}"
    return ran


def _resident_mib(pid: int) -> float:
    """The memory of a process and all its children, in MiB."""
    resident = 0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                resident += one.memory_info().rss
    return resident / _MIB


def _head(database_url: str) -> int:
    """The sequenced position; 0 where there is no ledger yet."""
    try:
        return _asked(database_url, _HEAD)
    except psycopg.errors.UndefinedTable:
        return 0


def _asked(database_url: str, question: LiteralString) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(question).fetchone()
    return 0 if row is None else int(row[0] or 0)


def seen(running: subprocess.Popen[bytes]) -> Seen:
    """What clients saw, when they are done."""
    said, _ = running.communicate()
    assert running.returncode == 0, "the clients ended with an error, which stands above"
    return Seen(**json.loads(said))


@contextmanager
def serving(home: Path, database_url: str) -> Iterator[Service]:
    """The service on an empty database, until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "up", "--no-sample", "--port", "0"],
        cwd=REPOSITORY,
        env=_environment(home, database_url),
        stdout=sys.stderr,
    )
    try:
        port = _port(home, process)
        yield Service(home=home, database_url=database_url, port=port, process=process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_STOP_S)


def _port(home: Path, process: subprocess.Popen[bytes]) -> int:
    """The port that it says it serves on, once something listens there."""
    run_file = home / "run.json"
    deadline = clock.elapsed() + _START_S
    while clock.elapsed() < deadline and process.poll() is None:
        if run_file.exists():
            port = urlsplit(json.loads(run_file.read_text())["url"]).port
            assert isinstance(port, int), "the address of a service names its port"
            return port
        time.sleep(_LOOK_S)
    raise RuntimeError("the service did not start; it says why above")


def _environment(home: Path, database_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "LEDGER_HOME": str(home),
        "LEDGER_ID": LEDGER,
        "LEDGER_DATABASE_URL": database_url,
    }
