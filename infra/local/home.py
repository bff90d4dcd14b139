"""The ledger's home: the folder of everything that the service keeps on disk, and who holds it."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .. import clock

_PAUSE_S = 0.05


class HomeHeld(RuntimeError):
    """Another process holds this home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Where the service of a home can be reached: what `run.json` says while it runs."""

    database_url: str
    url: str | None
    pid: int
    kafka: str | None
    single_broker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedLog:
    """The Kafka on which the ledger of a home lives: `local` for the broker that the home holds."""

    kafka: str
    single_broker: bool


@dataclass(frozen=True, slots=True)
class Home:
    """The files of a home by name. Nothing is made or changed before `make`."""

    path: Path

    @property
    def postgres(self) -> Path:
        """Folder of the PostgreSQL that is started here."""
        return self.path / "pg"

    @property
    def kafka(self) -> Path:
        """Folder of the broker that is started here."""
        return self.path / "kafka"

    @property
    def log_file(self) -> Path:
        """Which Kafka the log is on; absent where it is the table."""
        return self.path / "log.json"

    @property
    def signing_key(self) -> Path:
        """Private key that signs the log."""
        return self.path / "signing.key"

    @property
    def keys(self) -> Path:
        """Public keys with the terms for which they hold."""
        return self.path / "keys.json"

    @property
    def rejects(self) -> Path:
        """Folder of the rows that an import turned away."""
        return self.path / "rejects"

    @property
    def former(self) -> Path:
        """Folder of the ledgers that lived here before this one."""
        return self.path / "former"

    @property
    def run_file(self) -> Path:
        """Address of the running service."""
        return self.path / "run.json"

    @property
    def _lock(self) -> Path:
        return self.path / "lock"

    def make(self) -> "Home":
        """The same home with an absolute path, made (0700) if it does not exist.

        A folder that is there already keeps its mode and owner, whatever they are.
        """
        path = self.path.expanduser().absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        return Home(path)

    @contextmanager
    def hold(self, *, patience_s: float = 1) -> Iterator[None]:
        """Be the only process that runs PostgreSQL here; however it ends, the lock ends with it.

        Where another process holds the home, waits up to `patience_s` seconds for it to let go.

        Raises:
            HomeHeld: another process still holds it.
        """
        with self._lock.open("a") as lock:
            self._wait_for(lock.fileno(), clock.elapsed() + patience_s)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self.run_file.unlink(missing_ok=True)  # of a holder that was killed
            try:
                yield
            finally:
                self.run_file.unlink(missing_ok=True)

    def set_aside(self, name: str) -> Path | None:
        """Move all that a ledger keeps here to `former/name`, so that the home is as new.

        For the holder alone. Where that folder is, or null if there was nothing to move.
        """
        own = (
            self.postgres,
            self.kafka,
            self.log_file,
            self.signing_key,
            self.keys,
            self.rejects,
        )
        kept = [path for path in own if path.exists()]
        if not kept:
            return None
        place = self.former / name
        place.mkdir(mode=0o700, parents=True)
        for path in kept:
            path.rename(place / path.name)
        return place

    def announce(self, run: Run) -> None:
        """Say where the service runs; for the holder alone."""
        _replace(self.run_file, asdict(run))

    def remember(self, log: RememberedLog) -> None:
        """Keep which Kafka the log is on, for every later command in this home."""
        if self.remembered() != log:
            _replace(self.log_file, asdict(log))

    def remembered(self) -> RememberedLog | None:
        """Which Kafka the log is on; null where it is the table, or nothing was recorded yet."""
        try:
            return RememberedLog(**json.loads(self.log_file.read_bytes()))
        except FileNotFoundError:
            return None

    def running(self) -> Run | None:
        """The service that runs here, if one holds the home and has said where it is."""
        try:
            said = json.loads(self.run_file.read_bytes())
        except FileNotFoundError:
            return None
        return Run(**said) if self.is_held() else None

    def is_held(self) -> bool:
        """Whether a process holds this home now."""
        try:
            with self._lock.open() as lock:
                return not _locked(lock.fileno(), fcntl.LOCK_SH)
        except FileNotFoundError:
            return False

    def _wait_for(self, lock: int, deadline: float) -> None:
        while not _locked(lock, fcntl.LOCK_EX):
            if clock.elapsed() >= deadline:
                holder = self._lock.read_text() or "unknown"
                raise HomeHeld(
                    f"{self.path} is in use by process {holder}; "
                    "stop that, or choose another LEDGER_HOME"
                )
            time.sleep(_PAUSE_S)


def _replace(file: Path, content: dict[str, object]) -> None:
    """Write a file of the home anew; readers see the old one or the new."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(json.dumps(content), "utf-8")
    new.replace(file)


def _locked(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
