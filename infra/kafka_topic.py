"""The topic of a ledger on Kafka, as the gate looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from ledger.log import Log

from .gate import Pinned
from .kafka_log import KafkaLog
from .topic import Topic, TopicGone, administer, describe_topic, objections

__all__ = ["KafkaTopic"]

_LOG: Final = structlog.get_logger(__name__)


class KafkaTopic:
    """One look at a topic; what it found stays as it was then."""

    def __init__(self, address: str, name: str, *, single_broker: bool) -> None:
        """Look at the topic of this name.

        Raises:
            KafkaUnreachable: no broker answers.
        """
        self._address = address
        self._single_broker = single_broker
        self.name = name
        self._found: Topic | None = None
        with administer(address) as admin:
            try:
                self._found = describe_topic(admin, name)
            except TopicGone:
                return

    @property
    def topic_id(self) -> str:
        """Its id; empty where there is no topic of this name."""
        return "" if self._found is None else self._found.topic_id

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be otherwise on a cluster of several brokers."""
        if self._found is None:
            return ()
        return objections(self._found, single_broker=self._single_broker).warnings

    def objections(self, pinned: Pinned | None) -> tuple[str, ...]:
        """What is not as it must be."""
        if self._found is None:
            return (f"there is no topic {self.name}",)
        found = objections(self._found, single_broker=self._single_broker).complaints
        if pinned is not None and pinned.topic_id != self._found.topic_id:
            was = f"topic {self.name} is another one than was pinned: {self._found.topic_id}"
            return (f"{was} instead of {pinned.topic_id}", *found)
        return found

    @contextmanager
    def open(self) -> Iterator[Log]:
        """Its records."""
        log = KafkaLog(self._address, self.name)
        try:
            yield log
        finally:
            log.close()
