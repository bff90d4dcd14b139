"""Where the log of a ledger is read now: the table, or the topic of Kafka that is pinned.

A topic may be made anew, and the ledger may move to another one, while somebody reads. Whoever
reads therefore opens the log through one of these sources, and opens it again where it is not what
it was (`LOG_AWAY`).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import psycopg
from psycopg.rows import TupleRow

from ledger.acceptance import Arrival
from ledger.log import Log

from . import clock
from .connections import connect
from .gate import Pinned
from .kafka_clients import KafkaUnreachable
from .kafka_log import KafkaLog, LogMoved, TopicMadeAnew
from .sql import queries
from .table_log import TableLog
from .topic import TopicGone

__all__ = [
    "LOG_AWAY",
    "LivesOnKafka",
    "NotPinned",
    "OpenLog",
    "PinnedLog",
    "ReadableLog",
    "kafka_source",
    "pinned_in",
    "pinned_topic",
    "table_source",
]

_SQL: Final = queries("infra/gate_store.sql")
_CHECK_S: Final = 2.0
"""How often a reader asks whether the ledger has moved to another topic."""


class ReadableLog(Log, Protocol):
    """A log that is read through a connection of its own."""

    def close(self) -> None:
        """Give the connection back."""
        ...


OpenLog = Callable[[], ReadableLog]


class NotPinned(RuntimeError):
    """The ledger lives on no topic yet."""


class LivesOnKafka(RuntimeError):
    """The ledger lives on a topic of Kafka, and is never run on the table log again."""

    def __init__(self, topic: Pinned) -> None:
        super().__init__(
            f"this ledger lives on the topic {topic.name} of Kafka and never on the table log"
            " again: name its Kafka by LEDGER_KAFKA"
        )


LOG_AWAY: Final = (KafkaUnreachable, LogMoved, NotPinned, TopicGone)
"""What a log raises, when it is opened or read, that must be closed and opened again later."""


def table_source(database_url: str) -> OpenLog:
    """The log as a table of this database."""
    return lambda: TableLog(lambda: connect(database_url))


def kafka_source(database_url: str, address: str, *, wait_s: float = 0) -> OpenLog:
    """The topic that is pinned in this database, on the Kafka at an address.

    A log that is opened with `wait_s` waits so long at its end for its next record. Opening and
    reading raise one of `LOG_AWAY`, or `psycopg.OperationalError`.
    """
    return lambda: PinnedLog(database_url, address, wait_s)


def pinned_topic(database_url: str) -> Pinned | None:
    """The topic on which the ledger of this database lives; null where it never lived on one."""
    with connect(database_url) as connection:
        return pinned_in(connection)


def pinned_in(connection: psycopg.Connection[TupleRow]) -> Pinned | None:
    """As `pinned_topic`, asked on this connection."""
    row = connection.execute(_SQL["pinned"]).fetchone()
    return None if row is None else Pinned(topic_id=row[0], name=row[1])


class PinnedLog:
    """The log on the topic that was pinned when it was opened, for as long as it is pinned."""

    def __init__(self, database_url: str, address: str, wait_s: float = 0) -> None:
        """Open the pinned topic.

        Raises:
            NotPinned: the ledger lives on no topic.
            TopicMadeAnew: another topic bears the name of the pinned one.
            TopicGone, KafkaUnreachable: it cannot be read now.
        """
        self._database_url = database_url
        pinned = pinned_topic(database_url)
        if pinned is None:
            raise NotPinned("the ledger lives on no topic of Kafka yet")
        self._log = KafkaLog(address, pinned.name, wait_s=wait_s)
        self.topic_id = pinned.topic_id
        self._sure_until = clock.elapsed() + _CHECK_S
        if self._log.topic_id != pinned.topic_id:
            self._log.close()
            raise TopicMadeAnew(
                f"topic {pinned.name} is another one than was pinned: {self._log.topic_id}"
                f" instead of {pinned.topic_id}"
            )

    def read(self, offset: int, limit: int) -> Sequence[Arrival]:
        """At most `limit` records from `offset` on, in order; raises as `KafkaLog.read`."""
        if clock.elapsed() > self._sure_until:
            self._make_sure()
        return self._log.read(offset, limit)

    def end(self) -> int:
        """The offset behind the last record."""
        return self._log.end()

    def wait(self, wait_s: float) -> None:
        """From now on wait so long at the end of the log for its next record."""
        self._log.wait_s = wait_s

    def close(self) -> None:
        """Give the connections back."""
        self._log.close()

    def _make_sure(self) -> None:
        """That the ledger has not moved; where PostgreSQL cannot tell now, the log is still it."""
        with suppress(psycopg.OperationalError):
            pinned = pinned_topic(self._database_url)
            if pinned is None or pinned.topic_id != self.topic_id:
                raise TopicMadeAnew(f"the ledger has moved from topic {self.topic_id}")
        self._sure_until = clock.elapsed() + _CHECK_S
