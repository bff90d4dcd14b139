"""Settings in, parts out: the only module that knows both the ways in and what they stand on.

`reach` finds or starts the database of a home; `opened` puts the parts of the service on it. The
server and every command line tool use these two.
"""

import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

from psycopg import Connection, OperationalError
from psycopg_pool import PoolTimeout

from infra import clock, logs
from infra.codec import EventCodec, UnreadableRecord, command_hash
from infra.connections import Pool, connect, open_pool
from infra.creation import (
    KeyMissing,
    OtherLedger,
    create_on_table,
    holds_ledger,
    public_keys,
    require_ledger,
    write_keys,
)
from infra.diagnosis import Finding, bad_settings, diagnose
from infra.entered import Entered
from infra.figures import Stored, StoredFigures, add_refused, put_halt
from infra.follower import Follower
from infra.gate import TopicUnfit
from infra.gate_keeper import GateKeeper
from infra.generations import NoGeneration, ensure_live
from infra.ids import fresh_event, fresh_subject
from infra.kafka_site import KafkaSite, Running, await_serving, keep_relaying, on_kafka
from infra.keys import Keys, signing
from infra.local import (
    FROM_JARS,
    Home,
    HomeHeld,
    NoKafka,
    NoPostgres,
    RememberedLog,
    Run,
    are_fetched,
    at,
    kafka_at,
    start,
    start_kafka,
)
from infra.log_source import (
    LOG_AWAY,
    LivesOnKafka,
    OpenLog,
    kafka_source,
    pinned_topic,
    table_source,
)
from infra.migrations import NewerDatabase, migrate, revision
from infra.observer import Figures, Observer
from infra.places import newest_place, stored_places
from infra.projector import Projector, ProjectorStopped
from infra.proof import NotProven
from infra.reader import PlaceLost
from infra.rebuild import Progress, Rebuilt, rebuild
from infra.recovery import (
    KeysUnknown,
    NotRecoverable,
    NotTakenOver,
    Recovered,
    TakenOver,
    is_to_recover,
    read_keys,
    recover,
    stored_state,
    take_over,
)
from infra.republication import NotRepublishable, Republished, republish
from infra.sequencer import PostgresSequencer
from infra.serving import UNENTERED_MAX, LedgerNotOpen, Serving
from infra.settings import LOCAL_KAFKA, BadSettings, Settings
from infra.settings import read as read_settings
from infra.signer import PublicKey, Verifier
from infra.statuses import Statuses
from infra.switching import NotSwitchable, Switch, planned_switch, switch_back
from infra.table_log import TABLE_TOPIC
from infra.topic import LedgerTopic, TooFewBrokers, TopicTaken, ledger_topic
from infra.verification import Verified, verify
from infra.views import Views
from infra.writer import Writer
from ledger.calendar import official_calendar
from ledger.commands import Command, PublishEdition
from ledger.events import ProjectionSkipApproved
from ledger.gate import Stop
from ledger.kept import RULEBOOK_STREAM
from ledger.log import Place
from ledger.requests import Outcome, Recorded, Request
from ledger.rulebooks import shipped
from ledger.service import Service
from ledger.values import EventId, Text

from .parts import Health

__all__ = [
    "UNAVAILABLE",
    "UNRECOVERABLE",
    "BadSettings",
    "Broker",
    "Database",
    "Figures",
    "Finding",
    "LedgerTopic",
    "NoKafkaNamed",
    "NotProven",
    "NotSwitchable",
    "Parts",
    "ProjectorStopped",
    "Rebuilt",
    "Recovered",
    "Republished",
    "Settings",
    "Stored",
    "Switch",
    "TakenOver",
    "TooFewBrokers",
    "Verified",
    "announce",
    "approve_skip",
    "bad_settings",
    "configure_logs",
    "diagnose",
    "elapsed",
    "find_topic",
    "halted",
    "ledger_state",
    "migrate_database",
    "needs_recovery",
    "next_switch",
    "opened",
    "project",
    "reach",
    "read_settings",
    "rebuild_views",
    "recover_ledger",
    "republish_topic",
    "run_projector",
    "run_relay",
    "set_aside",
    "switch_views_back",
    "take_over_ledger",
    "verify_ledger",
]

LOG_NAME: Final = "table in PostgreSQL"
_POOL_MAX: Final = 16
_PATIENCE_S: Final = 0.2
_WAIT_S: Final = 600.0
_STALLED_S: Final = 5.0
_LOG_WAIT_S: Final = 0.1
"""How long a reader waits at the end of Kafka's log for its next record."""
_BULK_AHEAD: Final = UNENTERED_MAX // 2
"""So many records a bulk may be ahead of what is entered."""
_ENTERED_S: Final = 30.0
_LISTENS_BEYOND: Final = (
    "the service listens beyond loopback, as LEDGER_LISTEN of its image says, and has no access "
    "control yet: publish its port on loopback alone"
)
_FOR_TRYING_OUT: Final = (
    "the log is a table in PostgreSQL: for trying out, development and tests, not for a ledger "
    "that others rely on"
)

UNAVAILABLE: Final = (
    *LOG_AWAY,
    HomeHeld,
    KeyMissing,
    LedgerNotOpen,
    LivesOnKafka,
    NewerDatabase,
    NoKafka,
    NoPostgres,
    OperationalError,
    OtherLedger,
    PlaceLost,
    TopicUnfit,
    UnreadableRecord,
)
"""What keeps the ledger from being used and its user can mend; the messages say how."""

configure_logs = logs.configure
elapsed = clock.elapsed

# The stores -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A Kafka that the ledger lives on. `version` is null where it did not answer."""

    address: str
    version: str | None
    path: str
    single_broker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A PostgreSQL that can be worked on, and the Kafka of its log; null where that is the table.

    `run` is the service that runs on it, if one does.
    """

    url: str
    version: str
    path: str
    run: Run | None
    kafka: Broker | None


@contextmanager
def reach(settings: Settings, *, serving: bool = False) -> Iterator[Database]:
    """The stores of the settings: those named, the running service's, or some started here.

    What was started here is stopped at the end. Which Kafka the log is on, a home remembers. Where
    another command has the home, waits for it. A service (`serving`) shares its home with no other
    service.

    Raises:
        HomeHeld: another service, or for too long another command, has the home.
        NoPostgres: none can be started here.
        NoKafka: a broker is to be started here, and cannot be.
    """
    home = Home(settings.home).make()
    with ExitStack() as held:
        run = _hold_or_find(home, held, serving=serving)
        kafka = _broker(settings, home, run, held)
        if settings.database_url is not None:
            found = at(settings.database_url, path="LEDGER_DATABASE_URL")
        elif run is not None:
            found = at(run.database_url, path=f"that of the service {run.pid}")
        else:
            found = start(home.postgres)
            held.callback(found.stop)
        yield Database(url=found.dsn, version=found.version, path=found.path, run=run, kafka=kafka)


def _broker(settings: Settings, home: Home, run: Run | None, held: ExitStack) -> Broker | None:
    """The Kafka that the settings name, the running service's, or the one the home remembers."""
    if run is not None:
        if run.kafka is None:
            return None
        path = f"that of the service {run.pid}"
        return _broker_at(run.kafka, path, single_broker=run.single_broker)
    known = home.remembered()
    if settings.kafka is not None:
        known = RememberedLog(kafka=settings.kafka, single_broker=settings.single_broker)
    if known is None:
        return None
    if known.kafka != LOCAL_KAFKA:
        path = "LEDGER_KAFKA" if settings.kafka is not None else "remembered by the home"
        return _broker_at(known.kafka, path, single_broker=known.single_broker)
    if not are_fetched(settings.kafka_jars):
        print("fetching the jars of Kafka, once, by Maven …", file=sys.stderr)  # noqa: T201  # progress
    started = start_kafka(home.kafka, settings.kafka_jars)
    held.callback(started.stop)
    return Broker(
        address=started.address, version=started.version, path=started.path, single_broker=True
    )


def _broker_at(address: str, path: str, *, single_broker: bool) -> Broker:
    """A Kafka that was given; the ledger can be read, and what it may do told, without it."""
    try:
        version = kafka_at(address, path=path).version
    except NoKafka:
        version = None
    return Broker(address=address, version=version, path=path, single_broker=single_broker)


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
    """What the ways in work with. `writer` and `follower` run in threads of their own.

    `keeper` keeps the gate, where the log is on Kafka.
    """

    settings: Settings
    home: Home
    database: Database
    pool: Pool
    writer: Writer
    follower: Entered
    statuses: Statuses
    views: Views
    verifier: Verifier
    cursor_key: bytes
    why_read_only: str | None
    open_log: OpenLog
    keeper: GateKeeper | None
    observer: Observer

    @property
    def ledger(self) -> str:
        """The ledger's name."""
        return self.settings.id

    @property
    def log_name(self) -> str:
        """What the log is, in words."""
        if self.database.kafka is None:
            return LOG_NAME
        pinned = pinned_topic(self.database.url)
        topic = "no topic yet" if pinned is None else f"topic {pinned.name}"
        return f"{topic} on Kafka at {self.database.kafka.address}"

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

    def record_bulk(self, requests: Sequence[Request]) -> tuple[Outcome, ...]:
        """Record one batch of many, as `writer.record`; waits where too much is not entered yet.

        Raises:
            TimeoutError: what was recorded before does not come to be entered.
        """
        outcomes = self.writer.record(requests)
        last = max((one.last for one in outcomes if isinstance(one, Recorded)), default=0)
        self.follower.until(last - _BULK_AHEAD, _WAIT_S)
        return outcomes

    def count_refused(self, source: str, reasons: Mapping[str, int]) -> None:
        """Count what a command of the command line refused (`source`: import, record), by code."""
        with self.pool.connection() as connection:
            add_refused(connection, source, reasons)

    def health(self) -> Health:
        """Which log, how far it is recorded, entered and shown, and what is to be known of it."""
        try:
            head = self.statuses.head()
            shown = self.views.position()
            found = revision(self.database.url)
            why_not = self.statuses.why_not_serving()
            log = self._log_detail()
            if why_not is not None and self.keeper is not None:
                self.keeper.wake()  # else an idle process would look once a minute
        except self.unavailable as error:
            return Health(is_ready=False, detail={"ledger": self.ledger, "reason": str(error)})
        notes = [self.why_read_only, *self._notes_on_log()]
        notes.append(_LISTENS_BEYOND if self.settings.listen is not None else None)
        detail: dict[str, Any] = {
            "ledger": self.ledger,
            "log": log,
            "positions": {
                "sequenced": 0 if head is None else head.position,
                "entered": self.follower.entered,
                "shown": shown,
            },
            "term": None if head is None else head.term,
            "state": None if head is None else head.state,
            "reason": why_not if head is None else head.reason or why_not,
            "postgresql": {"version": self.database.version, "path": self.database.path},
            "schema": found,
            "notes": [note for note in notes if note is not None],
        }
        is_ready = head is not None and head.state == "open" and why_not is None
        return Health(is_ready=is_ready, detail=detail)

    def _log_detail(self) -> dict[str, Any]:
        kafka = self.database.kafka
        if kafka is None:
            return {"kind": "table", "name": LOG_NAME, "topic_id": TABLE_TOPIC}
        pinned = pinned_topic(self.database.url)
        return {
            "kind": "kafka",
            "name": None if pinned is None else pinned.name,
            "topic_id": None if pinned is None else pinned.topic_id,
            "address": kafka.address,
            "version": kafka.version,
            "path": kafka.path,
            "refused": self.follower.refused,
            "gate": None if self.keeper is None else self.keeper.trouble,
        }

    def _notes_on_log(self) -> tuple[str, ...]:
        if self.database.kafka is None:
            return (_FOR_TRYING_OUT,)
        return () if self.keeper is None else self.keeper.warnings


@contextmanager
def opened(
    settings: Settings, database: Database, *, relays: bool | None = None
) -> Iterator[Parts]:
    """The parts of the ledger in these stores, which is migrated and created where needed.

    With the log on Kafka it is relayed from here (`relays`) where no service runs that does.

    Raises:
        OtherLedger: the database holds another ledger than LEDGER_ID says.
        LivesOnKafka: the log is to be the table, and this ledger lives on a topic.
        LedgerNotOpen: there is no ledger yet, and none may be created; the message says why.
    """
    migrate(database.url)
    keys = Keys.of(settings, database.url)
    home = keys.home
    with ExitStack() as held:
        pool = open_pool(database.url, _POOL_MAX)
        held.callback(pool.close)
        running = None
        if database.kafka is None:
            with pool.connection() as connection:
                create_on_table(
                    connection,
                    ledger=settings.id,
                    signer=keys.of_the_ledger,
                    fresh=fresh_event,
                    now=clock.now,
                )
        else:
            site = _site(database, keys)
            is_relaying = database.run is None if relays is None else relays
            running = held.enter_context(on_kafka(site, relays=is_relaying))
            _remember(settings, home, database)
        with pool.connection() as connection:
            _require(connection, settings, running)
            public = public_keys(connection)
            ensure_live(connection)
        write_keys(settings.keys or home.keys, settings.id, public)
        signer = keys.load()
        is_signing = signer is not None and signer.public_key == public[-1].key
        why_read_only = None if is_signing else keys.read_only
        wake_gate = running.keeper.wake if running is not None else _nobody
        serving = None if running is None else Serving(lambda: follower.head, wake_gate)
        statuses = Statuses(pool, serving)
        follower = Follower(
            _source(database, wait_s=_LOG_WAIT_S),
            keys.verifier,
            partial(_places, pool),
            statuses.record,
            wake_gate=wake_gate,
            **({} if running is None else {"idle_s": 0}),
        )
        sequencer = PostgresSequencer(
            lambda: connect(database.url),
            settings.id,
            signing(signer if is_signing else None, why_read_only),
            clock.now,
            serving,
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
        follower.start()
        held.callback(follower.stop)
        observer = Observer(
            StoredFigures(database.url, lambda: follower.head, serving, why_read_only),
            None if database.kafka is None else database.kafka.address,
            entered=lambda: follower.head.position,
            log_refused=lambda: follower.refused,
        )
        held.callback(observer.close)
        if running is not None:
            await_serving(statuses, running.keeper)
        may_write = why_read_only is None and statuses.why_not_serving() is None
        if may_write and not statuses.has_streams_under(RULEBOOK_STREAM):
            _publish_shipped(service)
        writer = Writer(service, follower.hint if running is None else running.committed)
        writer.start()
        held.callback(writer.stop)
        yield Parts(
            settings=settings,
            home=home,
            database=database,
            pool=pool,
            writer=writer,
            follower=Entered(follower),
            statuses=statuses,
            views=Views(pool),
            verifier=keys.verifier(),
            cursor_key=secrets.token_bytes(32) if signer is None else signer.secret("cursors"),
            why_read_only=why_read_only,
            open_log=_source(database),
            keeper=None if running is None else running.keeper,
            observer=observer,
        )


def _nobody() -> None:
    """Nobody need look."""


def _site(database: Database, keys: Keys) -> KafkaSite:
    kafka = database.kafka
    assert kafka is not None, "its log is on Kafka"
    return KafkaSite.of(keys, kafka.address, single_broker=kafka.single_broker)


def _remember(settings: Settings, home: Home, database: Database) -> None:
    """Keep in the home which Kafka the log is on, once the ledger lives there."""
    kafka = database.kafka
    if kafka is None or database.run is not None or pinned_topic(database.url) is None:
        return
    named = settings.kafka or (LOCAL_KAFKA if kafka.path == FROM_JARS else kafka.address)
    home.remember(RememberedLog(kafka=named, single_broker=kafka.single_broker))


def _require(connection: Connection, settings: Settings, running: Running | None) -> None:
    """Go on only where there is this ledger."""
    if running is not None and not holds_ledger(connection):
        decision = running.keeper.decision
        reason = running.keeper.trouble or (
            decision.message if isinstance(decision, Stop) else "the gate has not created it"
        )
        raise LedgerNotOpen(f"there is no ledger {settings.id} in this database yet: {reason}")
    require_ledger(connection, settings.id)


def _source(database: Database, *, wait_s: float = 0) -> OpenLog:
    """Where the log is read."""
    if database.kafka is None:
        return table_source(database.url)
    return kafka_source(database.url, database.kafka.address, wait_s=wait_s)


def _places(pool: Pool, topic_id: str) -> Sequence[Place]:
    """Where the log may be begun to be read, newest first."""
    with pool.connection() as connection:
        if topic_id != TABLE_TOPIC:
            return stored_places(connection, topic_id)
        place = newest_place(connection, topic_id)
        return () if place is None else (place,)


def announce(settings: Settings, database: Database, url: str) -> None:
    """Say where the service of this home runs, for the commands that will use it."""
    kafka = database.kafka
    Home(settings.home).make().announce(
        Run(
            database_url=database.url,
            url=url,
            pid=os.getpid(),
            kafka=None if kafka is None else kafka.address,
            single_broker=kafka is not None and kafka.single_broker,
        )
    )


def _publish_shipped(service: Service) -> None:
    """A ledger that has no edition yet publishes those that are shipped."""
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
    verifier = Keys.of(settings, database.url).verifier()
    source = _source(database, wait_s=_LOG_WAIT_S)
    with closing(Projector(database.url, open_log=source, verify=verifier)) as projector:
        try:
            projector.run(stop)
        except ProjectorStopped as stopped:
            with connect(database.url) as connection:
                put_halt(connection, stopped.position, stopped.event_id, stopped.type)
            raise


def run_relay(settings: Settings, database: Database, stop: threading.Event) -> None:
    """Send what is sequenced to Kafka until `stop` is set."""
    migrate(database.url)
    keep_relaying(_site(database, Keys.of(settings, database.url)), stop)


def project(parts: Parts, upto: int) -> None:
    """Fold the log in this process until the views show the position `upto`.

    Raises:
        ProjectorStopped: a record up to there cannot be understood.
        PlaceLost: the log is not accepted up to there.
    """
    with closing(
        Projector(parts.database.url, open_log=parts.open_log, verify=parts.verifier)
    ) as projector:
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
    return rebuild(parts.database.url, parts.open_log, parts.verifier, progress)


def next_switch(parts: Parts) -> Switch:
    """Which views are read now, and which would be if they were switched back.

    Raises:
        NotSwitchable: there is nothing to switch back to.
    """
    return planned_switch(parts.database.url)


def switch_views_back(parts: Parts, progress: Progress | None) -> Switch:
    """Bring the former views level and read them; what is read from then on.

    Raises:
        NotSwitchable: it cannot be done; what is read stays.
    """
    return switch_back(parts.database.url, parts.open_log, parts.verifier, progress)


def verify_ledger(settings: Settings, database: Database, progress: Progress | None) -> Verified:
    """Hold the log, what stands beside it and the views that are read against the log's bytes.

    Nothing is opened that works on the ledger: one that is broken could not be.

    Raises:
        OtherLedger: the database holds another ledger, or none.
    """
    migrate(database.url)
    with connect(database.url) as connection:
        require_ledger(connection, settings.id)
    verifier = Keys.of(settings, database.url).verifier()
    return verify(database.url, _source(database), verifier, progress)


class NoKafkaNamed(RuntimeError):
    """Nothing says which Kafka the log is on."""


def find_topic(settings: Settings, *, create: bool) -> LedgerTopic:
    """The newest topic of this ledger on Kafka, judged; made where it has none, if wanted.

    Kafka alone is asked, and the home left alone where the settings name the address.

    Raises:
        NoKafkaNamed: neither the settings nor the home name a Kafka.
        TooFewBrokers: it cannot be made on so few brokers.
        KafkaUnreachable: no broker answers.
    """
    with ExitStack() as held:
        kafka = _kafka_alone(settings, held)
        return ledger_topic(
            kafka.address, settings.id, single_broker=kafka.single_broker, create=create
        )


def _kafka_alone(settings: Settings, held: ExitStack) -> Broker:
    if settings.kafka is not None and settings.kafka != LOCAL_KAFKA:
        return Broker(
            address=settings.kafka,
            version=None,  # nobody asks
            path="LEDGER_KAFKA",
            single_broker=settings.single_broker,
        )
    home = Home(settings.home)
    if settings.kafka is not None or home.remembered() is not None or home.is_held():
        home = home.make()
        kafka = _broker(settings, home, _hold_or_find(home, held, serving=False), held)
        if kafka is not None:
            return kafka
    raise NoKafkaNamed(
        f"the log of ledger {settings.id} is a table: LEDGER_KAFKA names no Kafka, "
        f"and {home.path} remembers none"
    )


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


def halted(parts: Parts) -> ProjectorStopped | None:
    """Before which record the views stop; null where they stop before none."""
    with closing(
        Projector(parts.database.url, open_log=parts.open_log, verify=parts.verifier)
    ) as projector:
        try:
            while projector.step():
                pass
        except ProjectorStopped as stopped:
            return stopped
    return None


def approve_skip(parts: Parts, stopped: ProjectorStopped, reason: str) -> int:
    """Let every projector pass over the record that stopped this one; where that is recorded.

    It is a record of the log itself, entered when this returns.

    Raises:
        TimeoutError: it is sequenced, and was not entered in time.
    """
    event = ProjectionSkipApproved(
        position=stopped.position, event=EventId(stopped.event_id), reason=Text(reason)
    )
    recorded = parts.writer.between_batches(lambda service: service.record_own(event)).result()
    position: int = recorded.last
    parts.follower.until(position, _ENTERED_S)
    return position


# An operator's ways back --------------------------------------------------------------------------


UNRECOVERABLE: Final = (
    KeysUnknown,
    NoKafkaNamed,
    NotRecoverable,
    NotRepublishable,
    NotTakenOver,
    TooFewBrokers,
    TopicTaken,
)
"""What keeps an operator from a way back; nothing that was there is lost, the messages say more."""


def needs_recovery(database: Database) -> bool:
    """Whether the database, which is migrated, has nothing of a ledger, or not all of it yet."""
    migrate(database.url)
    return is_to_recover(database.url)


def recover_ledger(
    settings: Settings,
    database: Database,
    *,
    trust_log: bool,
    topic: str | None,
    progress: Progress | None,
) -> Recovered:
    """Bring the whole of PostgreSQL back from Kafka alone, proven, and leave it fenced.

    The public keys are those of the home, or of LEDGER_KEYS; a home that has only the private key
    knows the public one by it. With `trust_log` the log's own first record names the key.

    Raises: one of `UNRECOVERABLE`, or `NotProven`.
    """
    migrate(database.url)
    keys = Keys.of(settings, database.url)
    recovered = recover(
        _site_on_kafka(settings, database, keys),
        keys=None if trust_log else _known_keys(keys),
        topic=topic,
        progress=progress,
    )
    _remember(settings, keys.home, database)
    return recovered


def _known_keys(keys: Keys) -> tuple[PublicKey, ...]:
    settings = keys.settings
    path = settings.keys or keys.home.keys
    signer = keys.load()
    if signer is not None and settings.keys is None and not path.exists():
        return (PublicKey(key=signer.public_key, first_term=1, last_term=None),)
    return read_keys(path, settings.id)


def take_over_ledger(settings: Settings, database: Database) -> TakenOver:
    """Let this server write a ledger that is fenced: open the next term.

    Raises: one of `UNRECOVERABLE`, or `KeyMissing`.
    """
    migrate(database.url)
    return take_over(_site_on_kafka(settings, database, Keys.of(settings, database.url)))


def republish_topic(
    settings: Settings, database: Database, progress: Progress | None
) -> tuple[Republished, str, str | None]:
    """Make a lost topic anew from PostgreSQL; with the state that the gate then gave the ledger.

    State and its reason, which is null where the ledger is open.

    Raises: one of `UNRECOVERABLE`, or `NotProven`.
    """
    migrate(database.url)
    site = _site_on_kafka(settings, database, Keys.of(settings, database.url))
    with connect(database.url) as connection:
        require_ledger(connection, settings.id)
    republished = republish(site, progress)
    GateKeeper(site.gate()).look()
    return republished, *ledger_state(database)


def ledger_state(database: Database) -> tuple[str, str | None]:
    """What the gate decided last, and why; the reason is null where the ledger is open."""
    with connect(database.url) as connection:
        return stored_state(connection)


def _site_on_kafka(settings: Settings, database: Database, keys: Keys) -> KafkaSite:
    if database.kafka is None:
        raise NoKafkaNamed(
            f"the log of ledger {settings.id} is a table: LEDGER_KAFKA names no Kafka, and the"
            " home remembers none"
        )
    return _site(database, keys)
