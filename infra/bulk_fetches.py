"""Records by confluent-kafka: librdkafka fetches ahead and checks sums in threads of its own.

What it holds ahead is bounded, and it is late at the end of a log: it gathers what comes.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final, cast

import structlog

from ledger.acceptance import Arrival

from . import clock
from .fetches import Headers, OpenFetches, OutOfRange, RecordDamaged, arrival
from .kafka_clients import KafkaUnreachable

try:
    from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
except ImportError:  # without it everything works, slower
    _IS_INSTALLED = False
else:
    _IS_INSTALLED = True

__all__ = ["BulkFetches", "bulk_fetches"]

_LOG = structlog.get_logger(__name__)

_AHEAD_KIB: Final = 16 * 1024
"""How much is fetched ahead: some 20 000 records, twice what a fold takes at a time."""
_BACKOFF_MS: Final = 5
"""How soon it fetches again once there is room: its default of a second starves who reads fast."""
_FETCH_WAIT_MS: Final = 100
_RECONNECT_MS: Final = 1_000
_GATHER_S: Final = 0.02
"""How long a poll waits for as many records as are wanted: a full one takes a few milliseconds."""
_LOG_CRITICAL: Final = 2


@cache
def bulk_fetches() -> OpenFetches | None:
    """What opens the client for bulk; null, and said once, where it is not installed."""
    if _IS_INSTALLED:
        return BulkFetches
    _LOG.warning("confluent-kafka is not installed: the log is read by kafka-python, slower")
    return None


class BulkFetches:
    """A `Fetches` by confluent-kafka."""

    def __init__(self, address: str, topic: str, patience_s: float) -> None:
        """Read `topic` at `address`; whether a broker answers is not looked at here."""
        self._topic = topic
        self._position = 0
        self._failure: Exception | None = None
        self._consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": topic,  # it must have one, which is never joined and nothing commits to
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                # A stranger's hanging transaction would stop a `read_committed` reader for ever.
                "isolation.level": "read_uncommitted",
                "check.crcs": True,
                "allow.auto.create.topics": False,
                "enable.partition.eof": True,
                "queued.max.messages.kbytes": _AHEAD_KIB,
                "fetch.queue.backoff.ms": _BACKOFF_MS,
                "fetch.wait.max.ms": _FETCH_WAIT_MS,
                "reconnect.backoff.max.ms": _RECONNECT_MS,
                "socket.timeout.ms": int(patience_s * 1000),
                "log_level": _LOG_CRITICAL,  # what matters comes as an error
            }
        )

    def seek(self, offset: int) -> None:
        """Go on at this offset."""
        self._failure = None
        self._position = offset
        self._consumer.assign([TopicPartition(self._topic, 0, offset)])

    def poll(self, limit: int, wait_s: float) -> list[Arrival]:
        """At most `limit` records; see `Fetches`. Waits a little for as many as are wanted."""
        deadline = clock.elapsed() + wait_s
        while True:
            if self._failure is not None:
                raise self._failure
            arrivals = self._taken(self._consumer.consume(limit, _GATHER_S))
            if arrivals:
                self._position = arrivals[-1].offset + 1
            if arrivals or clock.elapsed() >= deadline:
                return arrivals

    def position(self, wait_s: float) -> int:  # noqa: ARG002  # it is known at once
        """The offset behind all that was given or is given to nobody."""
        return self._position

    def close(self) -> None:
        """Give the connections back."""
        self._consumer.close()

    def _taken(self, messages: Sequence["Message"]) -> list[Arrival]:
        """The records up to the first failure, which the next poll raises."""
        arrivals: list[Arrival] = []
        for one in messages:
            error = one.error()
            if error is None:
                headers = cast("Headers", one.headers() or ())
                offset, epoch = cast("int", one.offset()), cast("int", one.leader_epoch())
                arrivals.append(arrival(one.value(), headers, offset, epoch))
            elif error.name() == "_PARTITION_EOF":
                self._position = cast("int", one.offset())
            elif failure := _failure(error):
                self._failure = failure
                break
        return arrivals


def _failure(error: "KafkaError") -> Exception | None:
    """What an error means for who reads; null where brokers may get over it."""
    match error.name():
        case "_AUTO_OFFSET_RESET":  # out of range, or what was read before it has been lost
            return OutOfRange(error.str())
        case "_BAD_MSG" | "_BAD_COMPRESSION":
            return RecordDamaged(error.str())
        case "UNKNOWN_TOPIC_OR_PART":
            return None  # gone, or not known yet: who asks for the end is told which
        case _ if error.retriable():
            return None
        case _:
            return KafkaUnreachable(f"brokers give no record: {error.str()}")
