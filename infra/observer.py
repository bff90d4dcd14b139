"""Watches a ledger for its operators: what its stores answer, and what this process knows."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from . import clock
from .figures import Stored, StoredFigures
from .kafka_clients import KafkaUnreachable, administrator
from .kafka_log import KafkaLog
from .looking import Looks

__all__ = ["Figures", "KafkaEnd", "Observer", "StoreSeen"]

_PATIENCE_S: Final = 3.0
"""How long a broker may leave a look without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSeen:
    """Whether a store answers, and when it last did (null: never)."""

    is_up: bool
    answered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is known at `now`, however long ago it was seen.

    `stores` has `postgresql`, and `kafka` where the log is there. `stored` is what PostgreSQL told
    last, null if it never did. `entered` is the position that this process knows to be entered,
    `log_refused` what its follower refused of the log, by reason. `log_end` is the offset behind
    the last record of the topic, null if nobody told.
    """

    now: datetime
    stores: Mapping[str, StoreSeen]
    stored: Stored | None
    entered: int
    log_refused: Mapping[str, int]
    log_end: int | None

    @property
    def relay_lag(self) -> int:
        """So many records are sequenced and not entered."""
        return 0 if self.stored is None else max(0, self.stored.position - self.entered)

    @property
    def relay_lag_s(self) -> float:
        """So long the first of them waits already."""
        waiting = None if self.stored is None else self.stored.unentered
        if waiting is None or waiting.position <= self.entered:
            return 0.0
        return max(0.0, (self.now - waiting.since).total_seconds())

    @property
    def projector_lag(self) -> int:
        """So many records are entered and not shown."""
        return 0 if self.stored is None else max(0, self.entered - self.stored.shown)

    @property
    def projector_lag_s(self) -> float:
        """So long ago the first of them was recorded."""
        waiting = None if self.stored is None else self.stored.unshown
        return 0.0 if waiting is None else max(0.0, (self.now - waiting.since).total_seconds())


class KafkaEnd:
    """Asks a broker where the ledger's topic ends, on a connection of its own."""

    def __init__(self, address: str, topic: Callable[[], str | None]) -> None:
        """`topic` is the pinned one, null as long as it is not known."""
        self._address = address
        self._topic = topic
        self._open: tuple[str, KafkaLog] | None = None

    def look(self) -> int | None:
        """The offset behind the last record; null where a broker answers and knows no such topic.

        Raises:
            KafkaUnreachable: no broker answers.
        """
        name = self._topic()
        try:
            if name is None:
                administrator(self._address, patience_s=_PATIENCE_S).close()
                return None
            return self._log(name).end()
        except KafkaUnreachable:
            self.close()
            raise
        except RuntimeError:  # it answers, and the topic is gone or another one
            self.close()
            return None

    def close(self) -> None:
        """Give the connection back."""
        opened, self._open = self._open, None
        if opened is not None:
            opened[1].close()

    def _log(self, name: str) -> KafkaLog:
        if self._open is not None and self._open[0] != name:
            self.close()  # the ledger has moved to another topic
        if self._open is None:
            self._open = name, KafkaLog(self._address, name, patience_s=_PATIENCE_S)
        return self._open[1]


class Observer:
    """Looks when it is asked to, at each store in a thread of its own. From any thread."""

    def __init__(
        self,
        stored: StoredFigures,
        kafka_address: str | None,
        *,
        entered: Callable[[], int],
        log_refused: Callable[[], Mapping[str, int]],
    ) -> None:
        """Nothing is looked at yet; `kafka_address` is null where the log is the table."""
        self._stored = stored
        self._entered = entered
        self._log_refused = log_refused
        self._postgres = Looks("figures of PostgreSQL", stored.look)
        self._end = None if kafka_address is None else KafkaEnd(kafka_address, self._topic)
        self._kafka = None if self._end is None else Looks("figures of Kafka", self._end.look)

    def look(self) -> tuple[Future[None], ...]:
        """Begin to look at the stores, unless somebody does; each is done when it was seen."""
        both = (self._postgres,) if self._kafka is None else (self._postgres, self._kafka)
        return tuple(one.begin() for one in both)

    def figures(self) -> Figures:
        """What is known now; asks nobody, and returns at once."""
        stores = {"postgresql": _seen(self._postgres)}
        if self._kafka is not None:
            stores["kafka"] = _seen(self._kafka)
        return Figures(
            now=clock.now(),
            stores=stores,
            stored=self._postgres.seen,
            entered=self._entered(),
            log_refused=self._log_refused(),
            log_end=None if self._kafka is None else self._kafka.seen,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._stored.close()
        if self._end is not None:
            self._end.close()

    def _topic(self) -> str | None:
        stored = self._postgres.seen
        return None if stored is None else stored.topic


def _seen(looks: "Looks[Stored] | Looks[int | None]") -> StoreSeen:
    return StoreSeen(is_up=looks.is_up, answered_at=looks.seen_at)
