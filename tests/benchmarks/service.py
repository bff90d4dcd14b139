"""The service as its users run it: `credit-ledger up` in processes of its own, on given stores.

`up` serves HTTP and sequences in one process, and relays and projects in a child each, so what is
measured is what runs.
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
from infra.deploy.health import is_ready
from infra.topic import topic_name
from tests.parts import REPOSITORY

from .clients import Seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from psycopg.rows import TupleRow

__all__ = ["Ran", "Service", "Stores", "command", "seen", "serving"]

_START_S: Final = 60.0
_STOP_S: Final = 60.0
_SHOWN_S: Final = 600.0
_LOOK_S: Final = 0.02
_MIB: Final = 1 << 20
_HEAD: Final = "SELECT position FROM ledger_head"
_SHOWN: Final = "SELECT max(position) FROM projection_place"
_ENTERED: Final = "SELECT max(position) FROM ledger_place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What a ledger stands on: its home, its database, and the Kafka of its log (null: a table)."""

    ledger: str
    home: Path
    database_url: str
    kafka: str | None = None

    @property
    def topic(self) -> str:
        """The topic of the log on Kafka."""
        return topic_name(self.ledger)

    @property
    def environment(self) -> dict[str, str]:
        """What a process of the service is told."""
        told = {
            **os.environ,
            "LEDGER_HOME": str(self.home),
            "LEDGER_ID": self.ledger,
            "LEDGER_DATABASE_URL": self.database_url,
        }
        if self.kafka is not None:
            told |= {"LEDGER_KAFKA": self.kafka, "LEDGER_SINGLE_BROKER": "true"}
        return told

    def head(self) -> int:
        """The sequenced position; 0 where there is no ledger yet."""
        return _asked(self.database_url, _HEAD)

    def entered(self) -> int:
        """The position that is known to be entered on Kafka."""
        return _asked(self.database_url, _ENTERED)

    def shown(self) -> int:
        """The position that the views show."""
        return _asked(self.database_url, _SHOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service: what it stands on, and its port."""

    stores: Stores
    port: int
    process: subprocess.Popen[bytes]

    @property
    def database_url(self) -> str:
        """The database that it works on."""
        return self.stores.database_url

    @property
    def resident_mib(self) -> float:
        """The memory of the process that serves and sequences, in MiB."""
        resident: int = psutil.Process(self.process.pid).memory_info().rss
        return resident / _MIB

    @property
    def projector_mib(self) -> float:
        """The memory of its projector, in MiB."""
        children = psutil.Process(self.process.pid).children()
        found: int = sum(one.memory_info().rss for one in children if "projector" in one.cmdline())
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
        return command(self.stores, *arguments)

    def head(self) -> int:
        """The sequenced position."""
        return self.stores.head()

    def wait_until_shown(self) -> float:
        """Wait until the views show all that is sequenced; for how many seconds."""
        begun = clock.elapsed()
        head = self.head()
        while self.stores.shown() < head:
            if clock.elapsed() - begun > _SHOWN_S:
                raise TimeoutError(f"the views do not come to position {head}")
            time.sleep(_LOOK_S)
        return clock.elapsed() - begun


@dataclass(slots=True, kw_only=True)
class Ran:
    """What a command printed and took.

    `recorded_s` is until its last record was sequenced, `entered_s` until that was known to be
    entered on Kafka, `seconds` in all.
    """

    head_before: int
    said: bytes = b""
    seconds: float = 0.0
    recorded_s: float = 0.0
    entered_s: float = 0.0
    resident_mib: float = 0.0


def command(stores: Stores, *arguments: str) -> Ran:
    """Run a command of the command line, and watch it: what is recorded when, its memory."""
    ran = Ran(head_before=stores.head())
    head, entered = ran.head_before, stores.entered()
    with (
        psycopg.connect(stores.database_url, autocommit=True) as connection,
        subprocess.Popen(
            [sys.executable, "-m", "api.cli", *arguments],
            cwd=REPOSITORY,
            env=stores.environment,
            stdout=subprocess.PIPE,
        ) as process,
    ):
        begun = clock.elapsed()
        assert process.stdout is not None, "it has a pipe"
        while process.poll() is None:
            time.sleep(_LOOK_S)
            ran.resident_mib = max(ran.resident_mib, _resident_mib(process.pid))
            now_entered, now_head = _found(connection, _ENTERED), _found(connection, _HEAD)
            if now_head != head:
                head, ran.recorded_s = now_head, clock.elapsed() - begun
            if now_entered != entered:
                entered, ran.entered_s = now_entered, clock.elapsed() - begun
        ran.seconds = clock.elapsed() - begun
        ran.said = process.stdout.read()
    assert process.returncode == 0, f"{arguments} ended with {process.returncode}: {ran.said!r}"
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


def _asked(database_url: str, question: LiteralString) -> int:
    with psycopg.connect(database_url, autocommit=True) as connection:
        return _found(connection, question)


def _found(connection: psycopg.Connection[TupleRow], question: LiteralString) -> int:
    """The number that a question is answered with; 0 where there is none, or no ledger yet."""
    try:
        row = connection.execute(question).fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    return 0 if row is None else int(row[0] or 0)


def seen(running: subprocess.Popen[bytes]) -> Seen:
    """What clients saw, when they are done."""
    said, _ = running.communicate()
    assert running.returncode == 0, "the clients ended with an error, which stands above"
    return Seen(**json.loads(said))


@contextmanager
def serving(stores: Stores) -> Iterator[Service]:
    """The service on these stores, until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "up", "--no-sample", "--port", "0"],
        cwd=REPOSITORY,
        env=stores.environment,
        stdout=sys.stderr,
    )
    try:
        yield Service(stores=stores, port=_port(stores.home, process), process=process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_STOP_S)


def _port(home: Path, process: subprocess.Popen[bytes]) -> int:
    """The port that it says it serves on, once it is ready there."""
    run_file = home / "run.json"
    deadline = clock.elapsed() + _START_S
    while clock.elapsed() < deadline and process.poll() is None:
        if run_file.exists():
            port = urlsplit(json.loads(run_file.read_text())["url"]).port
            assert isinstance(port, int), "the address of a service names its port"
            if is_ready(port):
                return port
        time.sleep(_LOOK_S)
    raise RuntimeError("the service did not start; it says why above")
