"""The log as everybody reads it.

Records in order, and the place up to which a reader has accepted them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .acceptance import Arrival
from .record import GENESIS, Head

__all__ = ["Log", "OffsetGone", "Place", "Receipt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A head together with where its record stands in a topic.

    Before the first record offset is -1.

    A stored place means: all accepted records up to it are taken in, none behind it.
    """

    topic_id: str
    position: int = 0
    chain: bytes = GENESIS
    term: int = 0
    offset: int = -1
    leader_epoch: int = 0

    @property
    def head(self) -> Head:
        """The head of this place."""
        return Head(position=self.position, chain=self.chain, term=self.term)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Where a record is entered.

    Partition and offset are information: they change when a topic is made anew. The offset is null
    where the record was looked up beside the log.
    """

    position: int
    leaf_hash: str
    chain_hash: str
    partition: int
    offset: int | None


class OffsetGone(Exception):
    """The log has no record at an offset at which it had one: it was cut, or made anew."""


class Log(Protocol):
    """One ordered topic of records, read by offset.

    Offsets are 0, 1, 2 … Records are durable and never change. What a log does not promise: that a
    record is entered. That is for the reader to decide, by `Acceptance`.
    """

    @property
    def topic_id(self) -> str:
        """Names this very topic.

        One that is made anew has another id. `table` for the log in PostgreSQL.
        """
        ...

    def read(self, offset: int, limit: int) -> Sequence[Arrival]:
        """At most `limit` records from `offset` on, in order; empty at the end. Does not wait.

        Raises:
            OffsetGone: the log ends before `offset`, or begins behind it.
        """
        ...

    def end(self) -> int:
        """The offset behind the last record."""
        ...
