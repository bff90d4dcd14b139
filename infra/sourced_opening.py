"""Opens the ledger of an application of the eventsourcing library; makes it where there is none."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from ledger.events import TermOpened
from ledger.gate import Stop
from ledger.log import Place
from ledger.sequencing import Append

from . import clock
from .codec import instant, term_opened_draft
from .connections import Pool, connect, open_pool
from .creation import create_on_table, holds_ledger, public_keys, require_ledger, write_keys
from .follower import Follower
from .ids import fresh_event
from .kafka_site import KafkaSite, Running, await_serving, on_kafka
from .keys import Keys, signing
from .log_source import kafka_source
from .memory import MemoryStore
from .migrations import migrate
from .places import stored_places
from .sequencer import PostgresSequencer
from .serving import LedgerNotOpen, Serving
from .settings import Settings
from .signer import Signer
from .sourced_ledgers import (
    Entered,
    EnteredOnKafka,
    EnteredOnTable,
    MemoryLedger,
    PostgresLedger,
)
from .statuses import Statuses

__all__ = ["memory_ledger", "postgres_ledger"]

_POOL_MAX: Final = 4
_LOG_WAIT_S: Final = 0.1
"""How long the follower waits at the end of Kafka's log for its next record."""


def memory_ledger(ledger: str) -> MemoryLedger:
    """A ledger of this name in memory, signed with a key that nobody keeps."""
    signer = Signer.generate(ledger)
    store = MemoryStore(ledger, signer.sign, clock.now)
    opened = TermOpened(
        term=1,
        incarnation=fresh_event(),
        system_identifier="memory",
        server_timeline=1,
        server_started_at=instant(clock.now()),
        from_position=1,
        reason="created",
        public_key=signer.public_key.hex(),
    )
    store.open_term(
        Append(
            drafts=(term_opened_draft(opened, fresh_event()),),
            key_hash=None,
            command_hash="0" * 64,
            actor="local",
        )
    )
    return MemoryLedger(store)


@contextmanager
def postgres_ledger(
    settings: Settings, *, relays: bool, entered_s: float
) -> Iterator[PostgresLedger]:
    """The ledger of the settings, in a database that they name; migrated and created where needed.

    With the log on Kafka the gate is kept from here, and records are relayed from here if `relays`.
    A save waits for at most `entered_s` seconds until it is entered there.

    Raises:
        OtherLedger: the database holds another ledger than LEDGER_ID says.
        LivesOnKafka: the log is to be the table, and this ledger lives on a topic.
        LedgerNotOpen: there is no ledger yet, and none may be created; the message says why.
        psycopg.OperationalError, KafkaUnreachable: a store cannot be reached.
    """
    url = settings.database_url
    assert url is not None, "a database is named"
    migrate(url)
    keys = Keys.of(settings, url)
    with ExitStack() as held:
        pool = open_pool(url, _POOL_MAX)
        held.callback(pool.close)
        running = None
        if settings.kafka is None:
            with pool.connection() as connection:
                create_on_table(
                    connection,
                    ledger=settings.id,
                    signer=keys.of_the_ledger,
                    fresh=fresh_event,
                    now=clock.now,
                )
        else:
            site = KafkaSite.of(keys, settings.kafka, single_broker=settings.single_broker)
            running = held.enter_context(on_kafka(site, relays=relays))
        with pool.connection() as connection:
            if running is not None and not holds_ledger(connection):
                raise LedgerNotOpen(_why_no_ledger(settings, running))
            require_ledger(connection, settings.id)
            public = public_keys(connection)
        write_keys(settings.keys or keys.home.keys, settings.id, public)
        signer = keys.load()
        is_signing = signer is not None and signer.public_key == public[-1].key
        serving: Serving | None = None
        entered: Entered = EnteredOnTable()
        if running is not None:
            follower, serving = _followed(settings, pool, keys, running, held)
            entered = EnteredOnKafka(follower, running.committed, entered_s)
        sequencer = PostgresSequencer(
            lambda: connect(url),
            settings.id,
            signing(signer if is_signing else None, keys.read_only),
            clock.now,
            serving,
        )
        held.callback(sequencer.close)
        yield PostgresLedger(sequencer, pool, entered)


def _why_no_ledger(settings: Settings, running: Running) -> str:
    decision = running.keeper.decision
    reason = running.keeper.trouble or (
        decision.message if isinstance(decision, Stop) else "the gate has not created it"
    )
    return f"there is no ledger {settings.id} in this database yet: {reason}"


def _followed(
    settings: Settings, pool: Pool, keys: Keys, running: Running, held: ExitStack
) -> tuple[Follower, Serving]:
    """The follower of the log on Kafka, running; waits until this process serves, if it can."""
    assert settings.kafka is not None, "its log is on Kafka"
    assert settings.database_url is not None, "a database is named"
    serving = Serving(lambda: follower.head, running.keeper.wake)
    statuses = Statuses(pool, serving)

    def places(topic_id: str) -> Sequence[Place]:
        with pool.connection() as connection:
            return stored_places(connection, topic_id)

    follower = Follower(
        kafka_source(settings.database_url, settings.kafka, wait_s=_LOG_WAIT_S),
        keys.verifier,
        places,
        statuses.record,
        idle_s=0,
        wake_gate=running.keeper.wake,
    )
    follower.start()
    held.callback(follower.stop)
    await_serving(statuses, running.keeper)
    return follower, serving
