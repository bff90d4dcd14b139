"""The relay of a ledger as it runs: from this database to its pinned topic, one that is first."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from ledger.acceptance import Verify

from . import clock
from .connections import connect
from .kafka_sender import KafkaSender
from .log_source import NotPinned, PinnedLog, pinned_topic
from .relay import AnotherRelays, Begin, RelaySession
from .sequenced import SequencedRecords

__all__ = ["relay_sessions"]


def relay_sessions(database_url: str, address: str, verify: Callable[[], Verify]) -> Begin:
    """Sessions between this database and the topic that is pinned in it, on Kafka at an address.

    One begins only where no other process relays, and only then; it raises `AnotherRelays`, one of
    `LOG_AWAY`, or `psycopg.OperationalError` where it cannot.
    """

    @contextmanager
    def begin() -> Iterator[RelaySession]:
        with ExitStack() as closing:
            sequenced = SequencedRecords(lambda: connect(database_url), while_stopped=False)
            closing.callback(sequenced.close)
            if not sequenced.is_first():
                raise AnotherRelays
            if sequenced.chain_at(1) is None:
                # The topic is pinned before the ledger is created. A session that began in between
                # would know no key, accept nothing, and send everything again and again.
                raise NotPinned("the ledger has no record yet")
            log = PinnedLog(database_url, address)
            closing.callback(log.close)
            pinned = pinned_topic(database_url)
            assert pinned is not None, "its log was opened"
            sender = KafkaSender(address, pinned.name)
            closing.callback(sender.close)
            yield RelaySession(
                sequenced=sequenced,
                log=log,
                sender=sender,
                verify=verify(),
                elapsed=clock.elapsed,
                wait=log.wait,
            )

    return begin
