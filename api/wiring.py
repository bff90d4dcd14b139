"""Settings in, parts out: the only module that knows both the ways in and what they stand on.

`reach` finds or starts the database of a home; `opened` puts the parts of the service on it. The
server and every command line tool use these two.
"""

import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from infra import clock, logs
from infra.codec import EventCodec, UnreadableRecord, command_hash
from infra.connections import Pool, connect, open_pool
from infra.creation import (
    KeyMissing,
    OtherLedger,
    create_ledger,
    public_keys,
    require_ledger,
    write_keys,
)
from infra.entered import Entered
from infra.follower import Follower
from infra.generations import NoGeneration, ensure_live
from infra.ids import fresh_event, fresh_subject
from infra.local import Home, HomeHeld, NoPostgres, Run, at, start
from infra.migrations import NewerDatabase, migrate, revision
from infra.places import newest_place
from infra.projector import Projector, ProjectorStopped
from infra.reader import PlaceLost
from infra.rebuild import Progress, Rebuilt, rebuild
from infra.sequencer import LedgerNotOpen, PostgresSequencer
from infra.settings import BadSettings, Settings
from infra.settings import read as read_settings
from infra.signer import Signer, Verifier
from infra.statuses import Statuses
from infra.table_log import TABLE_TOPIC, TableLog
from infra.verification import Verified, verify
from infra.views import Views
from infra.writer import Writer
from ledger.calendar import official_calendar
from ledger.commands import Command, PublishEdition
from ledger.log import Place
from ledger.record import Head
from ledger.rulebooks import shipped
from ledger.service import Request, Service

from .parts import Health

__all__ = [
    "UNAVAILABLE",
    "BadSettings",
    "Database",
    "Parts",
    "ProjectorStopped",
    "Rebuilt",
    "Settings",
    "Verified",
    "announce",
    "configure_logs",
    "elapsed",
    "migrate_database",
    "opened",
    "project",
    "reach",
    "read_settings",
    "rebuild_views",
    "run_projector",
    "set_aside",
    "verify_ledger",
]

LOG_NAME: Final = "table in PostgreSQL"
_POOL_MAX: Final = 16
_PATIENCE_S: Final = 0.2
_WAIT_S: Final = 600.0
_STALLED_S: Final = 5.0
_READ_ONLY: Final = (
    "the private key that signs this ledger's term is not in {path}: it can be read, not written; "
    "set LEDGER_SIGNING_KEY to the file that holds it"
)
_LISTENS_BEYOND: Final = (
    "the service listens beyond loopback, as LEDGER_LISTEN of its image says, and has no access "
    "control yet: publish its port on loopback alone"
)
_FOR_TRYING_OUT: Final = (
    "the log is a table in PostgreSQL: for trying out, development and tests, not for a ledger "
    "that others rely on"
)

UNAVAILABLE: Final = (
    HomeHeld,
    KeyMissing,
    LedgerNotOpen,
    NewerDatabase,
    NoPostgres,
    OperationalError,
    OtherLedger,
    PlaceLost,
    UnreadableRecord,
)
"""What keeps the ledger from being used and its user can mend; the messages say how."""

configure_logs = logs.configure
elapsed = clock.elapsed
# The database ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A PostgreSQL that can be worked on. `run` is the service that runs on it, if one does."""

    url: str
    version: str
    path: str
    run: Run | None


@contextmanager
def reach(settings: Settings, *, serving: bool = False) -> Iterator[Database]:
    """The database of the settings: the one named, the running service's, or one started here.

    One that was started here is stopped at the end. Where another command has the home, waits for
    it. A service (`serving`) shares its home with no other service.

    Raises:
        HomeHeld: another service, or for too long another command, has the home.
        NoPostgres: none can be started here.
    """
    home = Home(settings.home).make()
    with ExitStack() as held:
        run = _hold_or_find(home, held, serving=serving)
        if settings.database_url is not None:
            given = at(settings.database_url, path="LEDGER_DATABASE_URL")
            yield Database(url=given.dsn, version=given.version, path=given.path, run=run)
        elif run is not None:
            shared = at(run.database_url, path=f"that of the service {run.pid}")
            yield Database(url=shared.dsn, version=shared.version, path=shared.path, run=run)
        else:
            ours = start(home.postgres)
            held.callback(ours.stop)
            yield Database(url=ours.dsn, version=ours.version, path=ours.path, run=None)


def _hold_or_find(home: Home, held: ExitStack, *, serving: bool) -> Run | None:
    """Hold the home until the end, or find the service that runs in it."""
    deadline = clock.elapsed() + _WAIT_S
    told = False
    while True:
        try:
            held.enter_context(home.hold(patience_s=_PATIENCE_S))
        except HomeHeld:
            run = home.running()
            if run is not None and not serving:
                return run
            if run is not None or clock.elapsed() > deadline:
                raise
            if not told:
                print(f"waiting for another command to leave {home.path} …", file=sys.stderr)  # noqa: T201  # progress
                told = True
        else:
            return None


# The parts ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the ways in work with. `writer` and `follower` run in threads of their own."""

    settings: Settings
    home: Home
    database: Database
    log_name: str
    pool: Pool
    writer: Writer
    follower: Entered
    statuses: Statuses
    views: Views
    verifier: Verifier
    cursor_key: bytes
    why_read_only: str | None

    @property
    def ledger(self) -> str:
        """The ledger's name."""
        return self.settings.id

    @property
    def default_regime(self) -> str | None:
        """The regime that answers where several apply and none is named."""
        return self.settings.regime

    @property
    def unavailable(self) -> tuple[type[Exception], ...]:
        """What these parts raise where the ledger cannot be written or read now."""
        return (KeyMissing, LedgerNotOpen, NoGeneration, OperationalError, PoolTimeout)

    @property
    def command_hash(self) -> Callable[[str | None, tuple[Command, ...]], str]:
        """The hash of what was asked."""
        return command_hash

    @property
    def today(self) -> Callable[[], date]:
        """The civil day in Asia/Shanghai."""
        return clock.today

    def log(self) -> TableLog:
        """A reader's own view of the log."""
        return TableLog(lambda: connect(self.database.url))

    def health(self) -> Health:
        """Which log, how far it is recorded, entered and shown, and what is to be known of it."""
        try:
            head = self.statuses.head()
            shown = self.views.position()
            found = revision(self.database.url)
        except self.unavailable as error:
            return Health(is_ready=False, detail={"ledger": self.ledger, "reason": str(error)})
        notes = [self.why_read_only, _FOR_TRYING_OUT]
        notes.append(_LISTENS_BEYOND if self.settings.listen is not None else None)
        entered = self.follower.entered
        detail: dict[str, Any] = {
            "ledger": self.ledger,
            "log": {"kind": "table", "name": self.log_name, "topic_id": TABLE_TOPIC},
            "positions": {
                "sequenced": 0 if head is None else head.position,
                "entered": entered,
                "shown": shown,
            },
            "term": None if head is None else head.term,
            "state": None if head is None else head.state,
            "reason": None if head is None else head.reason,
            "postgresql": {"version": self.database.version, "path": self.database.path},
            "schema": found,
            "notes": [note for note in notes if note is not None],
        }
        return Health(is_ready=head is not None and head.state == "open", detail=detail)


@contextmanager
def opened(settings: Settings, database: Database) -> Iterator[Parts]:
    """The parts of the ledger in this database, which is migrated and created where needed.

    Raises:
        OtherLedger: the database holds another ledger than LEDGER_ID says.
    """
    home = Home(settings.home).make()
    migrate(database.url)
    with ExitStack() as held:
        pool = open_pool(database.url, _POOL_MAX)
        held.callback(pool.close)
        keys = _Keys(settings, home)
        with pool.connection() as connection:
            create_ledger(
                connection,
                ledger=settings.id,
                signer=keys.load_or_create,
                fresh=fresh_event,
                now=clock.now,
            )
            public = public_keys(connection)
            place = newest_place(connection, TABLE_TOPIC)
            ensure_live(connection)
        write_keys(settings.keys or home.keys, settings.id, public)
        signer = keys.load()
        is_signing = signer is not None and signer.public_key == public[-1].key
        why_read_only = None if is_signing else _READ_ONLY.format(path=keys.path)
        sequencer = PostgresSequencer(
            lambda: connect(database.url),
            settings.id,
            _sign(signer if is_signing else None, why_read_only),
            clock.now,
        )
        held.callback(sequencer.close)
        service = Service(
            sequencer=sequencer,
            identities=sequencer,
            codec=EventCodec(),
            calendar=official_calendar(),
            today=clock.today,
            fresh_event=fresh_event,
            fresh_subject=fresh_subject,
        )
        if why_read_only is None:
            _publish_shipped(service, sequencer.position())
        statuses = Statuses(pool)
        verifier = Verifier(settings.id, public)
        log = TableLog(lambda: connect(database.url))
        held.callback(log.close)
        follower = Follower(log, verifier, place or Place(topic_id=TABLE_TOPIC), statuses.recall)
        follower.start()
        held.callback(follower.stop)
        writer = Writer(service, follower.hint)
        writer.start()
        held.callback(writer.stop)
        yield Parts(
            settings=settings,
            home=home,
            database=database,
            log_name=LOG_NAME,
            pool=pool,
            writer=writer,
            follower=Entered(follower),
            statuses=statuses,
            views=Views(pool),
            verifier=verifier,
            cursor_key=secrets.token_bytes(32) if signer is None else signer.secret("cursors"),
            why_read_only=why_read_only,
        )


def announce(parts: Parts, url: str) -> None:
    """Say where the service of this home runs, for the commands that will use it."""
    parts.home.announce(
        Run(
            database_url=parts.database.url,
            url=url,
            pid=os.getpid(),
            log=parts.log_name,
        )
    )


@dataclass(frozen=True, slots=True)
class _Keys:
    """Where the private key is kept."""

    settings: Settings
    home: Home

    @property
    def path(self) -> Path:
        return self.settings.signing_key or self.home.signing_key

    def load(self) -> Signer | None:
        return Signer.load(self.path, self.settings.id) if self.path.exists() else None

    def load_or_create(self) -> Signer:
        return self.load() or Signer.create(self.path, self.settings.id)


def _sign(signer: Signer | None, why_not: str | None) -> Callable[[Head], bytes]:
    """The signer's signature, or a refusal to write that says why."""

    def refuse(_head: Head) -> bytes:
        raise KeyMissing(why_not)

    return signer.sign if signer is not None else refuse


def _publish_shipped(service: Service, position: int) -> None:
    """A ledger that holds nothing but its beginning publishes the editions that are shipped."""
    if position > 1:
        return
    commands = [PublishEdition(text=text) for text in shipped()]
    service.record(
        [
            Request(commands=(command,), command_hash=command_hash(None, (command,)))
            for command in commands
        ]
    )


# What is done with the parts --------------------------------------------------------------------


def run_projector(settings: Settings, database: Database, stop: threading.Event) -> None:
    """Fold the log into the views that are read until `stop` is set.

    Raises:
        ProjectorStopped: a record cannot be understood; nothing from it on is shown.
    """
    with connect(database.url) as connection:
        verifier = Verifier(settings.id, public_keys(connection))
    with (
        closing(TableLog(lambda: connect(database.url))) as log,
        closing(Projector(database.url, log, verifier)) as projector,
    ):
        projector.run(stop)


def project(parts: Parts, upto: int) -> None:
    """Fold the log in this process until the views show the position `upto`.

    Raises:
        ProjectorStopped: a record up to there cannot be understood.
        PlaceLost: the log is not accepted up to there.
    """
    with (
        closing(parts.log()) as log,
        closing(Projector(parts.database.url, log, parts.verifier)) as projector,
    ):
        last = clock.elapsed()
        while (shown := parts.views.position()) < upto:
            if projector.step():
                last = clock.elapsed()
            elif clock.elapsed() - last > _STALLED_S:
                raise PlaceLost(
                    f"the log is accepted up to position {shown}, and not to {upto}: "
                    "`credit-ledger verify` says what is wrong with it"
                )
            else:
                time.sleep(_PATIENCE_S)


def rebuild_views(parts: Parts, progress: Progress | None) -> Rebuilt:
    """Make all views anew from the log, compare them with those that are read, and switch."""
    return rebuild(parts.database.url, parts.log, parts.verifier, progress)


def verify_ledger(settings: Settings, database: Database, progress: Progress | None) -> Verified:
    """Hold the log, what stands beside it and the views that are read against the log's bytes.

    Nothing is opened that works on the ledger: one that is broken could not be.

    Raises:
        OtherLedger: the database holds another ledger, or none.
    """
    migrate(database.url)
    with connect(database.url) as connection:
        require_ledger(connection, settings.id)
        verifier = Verifier(settings.id, public_keys(connection))
    return verify(database.url, lambda: TableLog(lambda: connect(database.url)), verifier, progress)


def migrate_database(database: Database) -> tuple[str | None, str]:
    """Bring the database to the newest revision; the revision before, and the one now."""
    before = revision(database.url)
    return before, migrate(database.url)


def set_aside(settings: Settings) -> Path | None:
    """Move the ledger of this home out of the way, so that the next start makes a new one.

    Where it is kept now; null if there was none. The home of a running service is not touched.

    Raises:
        HomeHeld: the service, or another command, has the home.
    """
    home = Home(settings.home).make()
    with home.hold():
        return home.set_aside(clock.now().strftime("%Y%m%dT%H%M%S.%fZ"))
