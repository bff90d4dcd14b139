"""Holds the two stores of a ledger against each other, record by record.

What Kafka has entered must be what PostgreSQL has sequenced. PostgreSQL may be further: what is
sequenced and not entered yet is no difference.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.acceptance import Arrival, Verify
from ledger.log import Log
from ledger.merkle import RunningRoot
from ledger.record import Head, leaf_hash

from .connections import connect
from .kafka_log import RecordDamaged
from .log_source import OpenLog
from .paging import rows_ahead
from .proof import Counted, batches_of, head_of
from .reader import Accepted, Reader
from .sql import queries

__all__ = ["Compared", "Difference", "compare_stores"]

_SQL: Final = queries("infra/stores.sql")
_FETCH: Final = 5_000


class Difference(NamedTuple):
    """Where the stores differ, a stable word for how, and a sentence."""

    position: int
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What came of it: the last record that is entered, and the Merkle root over all that are.

    `is_whole` tells whether the log could be accepted to its end.
    """

    entered: Head
    root: bytes
    differences: tuple[Difference, ...]
    is_whole: bool


def compare_stores(
    database_url: str, open_log: OpenLog, verify: Verify, progress: Counted | None = None
) -> Compared:
    """Read all that is entered on Kafka, and hold each record against PostgreSQL's at its position.

    Raises:
        One of `LOG_AWAY`: the log cannot be read now.
    """
    differences: list[Difference] = []
    root, entered, damaged = RunningRoot(), Head(), None
    with closing(open_log()) as log, connect(database_url) as connection:
        reader = Reader(log, verify)
        # What is on Kafka now was in PostgreSQL before; what comes while this reads was not yet.
        end = log.end()
        with connection.transaction(), connection.cursor(name="stores") as cursor:
            cursor.execute(_SQL["chains"], binary=True)
            ours = _Ours(rows_ahead(cursor, _FETCH))
            try:
                for record in _upto(end, batches_of(reader, log, progress)):
                    leaf = leaf_hash(record.value)
                    root.add(leaf)
                    entered = head_of(record, leaf)
                    if difference := ours.differs(entered):
                        differences.append(difference)
            except RecordDamaged as error:
                damaged = str(error)
        behind = (
            _damaged(entered.position, damaged)
            if damaged is not None
            else _behind(connection, log, reader, end)
        )
    if behind is not None:
        differences.append(behind)
    return Compared(
        entered=entered,
        root=root.root(),
        differences=tuple(differences),
        is_whole=behind is None,
    )


def _upto(end: int, batches: Iterator[Accepted]) -> Iterator[Arrival]:
    for batch in batches:
        if batch.place.offset >= end:
            return
        yield from batch.records


def _damaged(position: int, reason: str) -> Difference:
    message = f"Kafka's record behind position {position} cannot be read: {reason}"
    return Difference(position + 1, "damaged", message)


def _behind(
    connection: Connection[TupleRow], log: Log, reader: Reader, end: int
) -> Difference | None:
    """Why the log is not accepted further than it is, if it holds more of what is sequenced.

    Strangers' records behind the last accepted one, and what waits for its signature, are none of
    it: the relay goes on behind them.
    """
    entered, at = reader.place.position, reader.place.offset + 1
    while at < end and (arrivals := log.read(at, min(_FETCH, end - at))):
        at = arrivals[-1].offset + 1
        chains = [chain for chain in _chains(arrivals, entered) if not reader.awaits(chain)]
        row = connection.execute(_SQL["first_of"], {"chains": chains}).fetchone()
        if row is not None and row[0] is not None:
            message = (
                f"the log is accepted up to position {entered} and not behind it, though it holds"
                f" what PostgreSQL has at position {row[0]}"
            )
            return Difference(entered + 1, "not-entered", message)
    return None


def _chains(arrivals: Sequence[Arrival], entered: int) -> Iterator[bytes]:
    for one in arrivals:
        if one.fields is not None and one.fields.position > entered:
            yield one.chain


class _Ours:
    """PostgreSQL's chain hashes, walked along with the log."""

    def __init__(self, rows: Iterator[tuple[int, bytes]]) -> None:
        self._rows = rows
        self._ahead: tuple[int, bytes] | None = None

    def differs(self, entered: Head) -> Difference | None:
        """How PostgreSQL's record at this position differs, if it does."""
        row = self._at(entered.position)
        if row is None:
            message = "it is entered on Kafka, and PostgreSQL has no record there"
            return Difference(entered.position, "not-in-postgresql", message)
        if row[1] != entered.chain:
            message = "PostgreSQL has another record there than is entered on Kafka"
            return Difference(entered.position, "stores-differ", message)
        return None

    def _at(self, position: int) -> tuple[int, bytes] | None:
        while self._ahead is None or self._ahead[0] < position:
            row = next(self._rows, None)
            if row is None:
                return None
            self._ahead = row
        return self._ahead if self._ahead[0] == position else None
