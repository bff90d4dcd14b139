"""What a process of a ledger on Kafka runs beside the service: gate, hints, and a relay if wanted.

The gate looks once when the site is entered, so that whoever works here knows what the ledger may
do; later looks, the relay and the hints have threads of their own.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from ledger.acceptance import Verify
from ledger.gate import Fence, Stop

from . import clock
from .connections import connect
from .gate import Gate, Pinned
from .gate_keeper import GateKeeper
from .gate_store import PostgresGateStore, TermOpener
from .hints import Hearing, Hints
from .ids import fresh_event
from .kafka_topic import KafkaTopic
from .keys import Keys
from .log_source import pinned_topic
from .relay import Relay
from .relaying import relay_sessions
from .statuses import Statuses
from .topic import (
    TopicTaken,
    administer,
    create_topic,
    topic_name,
    topics_of,
    written_topic,
)

__all__ = ["KafkaSite", "Running", "await_serving", "keep_relaying", "on_kafka"]

_SERVING_S: Final = 30.0
_SERVING_LOOK_S: Final = 0.02
_STOP_S: Final = 3.0
"""How long the relay's end is waited for: where brokers are away it may take longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSite:
    """Where a ledger lives, and how its terms are opened and its batches verified.

    `verify` reads the keys that there are now.
    """

    database_url: str
    address: str
    single_broker: bool
    opener: TermOpener
    verify: Callable[[], Verify]

    @classmethod
    def of(cls, keys: Keys, address: str, *, single_broker: bool) -> "KafkaSite":
        """That of the ledger of these keys, on the Kafka at an address."""
        return cls(
            database_url=keys.database_url,
            address=address,
            single_broker=single_broker,
            opener=TermOpener(
                ledger=keys.settings.id,
                signer=keys.of_the_ledger,
                fresh=fresh_event,
                now=clock.now,
            ),
            verify=keys.verifier,
        )

    def gate(self) -> Gate:
        """The gate between the two stores."""
        return Gate(
            store=lambda: PostgresGateStore.held(lambda: connect(self.database_url), self.opener),
            topic=self.topic,
            verify=self.verify,
        )

    def topic(self, pinned: Pinned | None) -> KafkaTopic:
        """The pinned topic as it is now; where none is pinned, the one that the ledger begins on.

        That is its newest that is not empty: a database that was lost does not know on which it
        lived.

        Raises:
            KafkaUnreachable: no broker answers.
        """
        if pinned is None:
            with administer(self.address) as admin:
                name = written_topic(admin, self.opener.ledger)
        else:
            name = pinned.name
        return KafkaTopic(self.address, name, single_broker=self.single_broker)

    def make_topic(self) -> None:
        """Make the topic of a ledger that never lived on one, where Kafka has none of its names.

        Raises:
            KafkaUnreachable: no broker answers.
        """
        if pinned_topic(self.database_url) is not None:
            return
        ledger = self.opener.ledger
        with administer(self.address) as admin:
            if topics_of(admin, ledger):
                return
            with suppress(TopicTaken):  # another process was faster
                create_topic(admin, topic_name(ledger), single_broker=self.single_broker)

    def relay(self, wake_gate: Callable[[], None]) -> Relay:
        """The relay, not yet running; `wake_gate` has the gate look, and returns when it has."""
        return Relay(relay_sessions(self.database_url, self.address, self.verify), wake_gate)


@dataclass(frozen=True, slots=True)
class Running:
    """What runs beside the service: whom to wake, and whom to tell of a commit."""

    keeper: GateKeeper
    committed: Callable[[], None]


@contextmanager
def on_kafka(site: KafkaSite, *, relays: bool) -> Iterator[Running]:
    """Run gate and hints until the end, and with `relays` a relay, too.

    Raises:
        KafkaUnreachable: the ledger never lived on a topic, and no broker answers.
    """
    site.make_topic()
    keeper = GateKeeper(site.gate())
    keeper.see()
    with ExitStack() as closing:
        keeper.start()
        closing.callback(keeper.stop)
        if relays:
            relay, stop = site.relay(keeper.see), threading.Event()
            thread = threading.Thread(target=relay.run, args=(stop,), name="relay", daemon=True)
            thread.start()
            closing.callback(thread.join, _STOP_S)
            closing.callback(relay.hint)
            closing.callback(stop.set)
            yield Running(keeper, relay.hint)
        else:
            hints = Hints(site.database_url)
            hints.start()
            closing.callback(hints.stop)
            yield Running(keeper, hints.hint)


def await_serving(statuses: Statuses, keeper: GateKeeper) -> None:
    """Wait until this process serves; not where it will not by itself, or too long."""
    deadline = clock.elapsed() + _SERVING_S
    while statuses.why_not_serving() is not None and clock.elapsed() < deadline:
        if isinstance(keeper.decision, Stop | Fence) or keeper.trouble is not None:
            return
        time.sleep(_SERVING_LOOK_S)


def keep_relaying(site: KafkaSite, stop: threading.Event) -> None:
    """Be the relay's process until `stop` is set."""
    keeper = GateKeeper(site.gate())
    relay = site.relay(keeper.see)
    hearing = Hearing(site.database_url, relay.hint)
    hearing.start()
    try:
        relay.run(stop)
    finally:
        hearing.stop()
