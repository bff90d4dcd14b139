"""A table of one row a key, folded from the log: what a program shows that needs no more than that.

`Projector` makes the views of the service, which have two times and whole histories. Here the row
of a key is all that a fold knows of it: a sum, a count, what came last. Whoever wants such a table
says what a record tells, whom it concerns and what becomes of a row (`Tabulation`); `Tabulator`
does the rest, by the same rules. Records are those that a reader accepts. One transaction writes
what some of them did and moves the place on, from where it is expected to be: of two tabulators one
wins, the other begins anew behind it. What is shown depends on the log alone, not on how many
transactions it took or where one was killed.
"""

import gc
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import psycopg
import structlog
from psycopg import sql
from psycopg.errors import IdleInTransactionSessionTimeout
from psycopg.rows import TupleRow

from ledger.acceptance import Arrival, Verify
from ledger.log import Place
from ledger.record import GENESIS
from projections.tables import Row, Table

from .connections import connect
from .failpoints import reach
from .generations import Generation, place_of
from .log_source import LOG_AWAY, OpenLog, ReadableLog
from .logs import without_values
from .places import place_columns, stored_places
from .reader import Reader
from .sql import queries
from .view_rows import columns_read, copy_rows, names
from .view_store import PlaceMoved

__all__ = ["Tabulation", "Tabulator", "TabulatorStopped"]

_SQL: Final = queries("infra/tabulating.sql")
_PLACES: Final = queries("infra/projector.sql")
_BATCH: Final = 50_000
"""Records a transaction: the more, the fewer rows are written, as only their last state is."""
_PAGE: Final = 10_000
"""The last batch of a page is seldom whole; it is accepted record by record, slower."""
_FEW: Final = 100
_IDLE_S: Final = 0.01
_RETRY_S: Final = 0.5
_ROWS_KEPT: Final = 200_000
_LOG = structlog.get_logger(__name__)

Told = TypeVar("Told")


class TabulatorStopped(RuntimeError):
    """A record cannot be taken; nothing of the transaction that it would be in is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tabulation(Generic[Told]):
    """What a table shows. `read`, `keys` and `evolve` are pure; all else names where it stands.

    Args:
        name: of the projector in `projection_place`; no other has it.
        generation: told apart by the place; a fold that means something else takes a new one.
        schema: holds the table, which its owner has made.
        table: its first column is the key, text and primary key, by which rows are in order.
        read: what the bytes of an accepted record tell; null where they tell this table nothing.
            It raises where they must not be passed over: the table then stops before the record.
        keys: whom that concerns.
        evolve: the row of a key as it was (null: there was none) -> as it is now, key and all.
    """

    name: str
    generation: int
    schema: str
    table: Table
    read: Callable[[bytes], Told | None]
    keys: Callable[[Told], Iterable[str]]
    evolve: Callable[[str, Row | None, Told], Row]


@dataclass(slots=True)
class _Position:
    """Where a tabulator is, and what it keeps in memory: for each key its row, or that none is."""

    connection: psycopg.Connection[TupleRow]
    log: ReadableLog
    reader: Reader
    position: int
    has_all: bool
    """Whether every stored row is among `rows`, so that none need be asked for."""
    rows: dict[str, Row | None] = field(default_factory=dict)
    writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "tabulator"))
    writing: Future[None] | None = None
    """A transaction that the writer has begun; nobody else uses the connection until it ends."""

    def settle(self) -> None:
        """Wait until what is being written is committed; raises what went wrong with it."""
        writing, self.writing = self.writing, None
        if writing is not None:
            writing.result()


@dataclass(slots=True)
class _Folded:
    """What some records did: how many they were, the place behind them, the rows they changed."""

    count: int = 0
    place: Place | None = None
    changed: dict[str, Row] = field(default_factory=dict)


class Tabulator(Generic[Told]):
    """Follows the log; used by one thread at a time, and may be stopped at any moment."""

    def __init__(
        self,
        database_url: str,
        open_log: OpenLog,
        verify: Verify,
        tabulation: Tabulation[Told],
        *,
        rows_kept: int = _ROWS_KEPT,
    ) -> None:
        """Fold the log into the table of `tabulation`; nothing is opened before the first step.

        Rows stay in memory until there are more than `rows_kept`; then they are read again.
        """
        self._database_url = database_url
        self._open_log = open_log
        self._verify = verify
        self._tabulation = tabulation
        self._rows_kept = rows_kept
        self._table = _TableOf(tabulation)
        self._at: _Position | None = None

    @property
    def position(self) -> int:
        """The position of the last record that this tabulator has committed; 0 before a step."""
        return self._at.position if self._at is not None else 0

    def step(self, limit: int = _BATCH) -> int:
        """Fold what the log has now in one transaction; how many records it were.

        Batches of the log are folded whole; nothing more is read once it were `limit` records.
        None also where another tabulator was faster: the next step begins behind it.

        Raises:
            TabulatorStopped: a record cannot be taken; all before this transaction is shown.
            PlaceLost: the log holds another history than the one that the table was made from.
            psycopg.OperationalError: the database cannot be reached; step again.
            One of `LOG_AWAY`: the log cannot be read now; step again.
        """
        return self._guarded(lambda at: self._step(at, limit))

    def catch_up(self, limit: int = _BATCH, stop: threading.Event | None = None) -> int:
        """Fold all that the log has now, or until `stop` is set; how many records it were.

        As `step` time and again, but what was folded is written while more of it is. Raises as
        `step`.
        """
        return self._guarded(lambda at: self._catch_up(at, limit, stop or threading.Event()))

    def run(self, stop: threading.Event) -> None:
        """Follow the log until `stop` is set. Raises as `step`, but where it may step again."""
        while not stop.is_set():
            try:
                busy = self.catch_up(stop=stop)
            except (psycopg.OperationalError, *LOG_AWAY) as error:
                _LOG.warning("a table cannot be made now", reason=without_values(error))
                stop.wait(_RETRY_S)
                continue
            if not busy:
                stop.wait(_IDLE_S)
        self.close()

    def close(self) -> None:
        """Give the connections back and forget what was kept in memory."""
        at, self._at = self._at, None
        if at is not None:
            at.writer.shutdown()  # what it is writing may still be committed: nothing is lost by it
            at.connection.close()
            at.log.close()

    def _guarded(self, work: Callable[[_Position], int]) -> int:
        """Do this where the tabulator is; whatever goes wrong, nothing in memory outlives it."""
        try:
            at = self._at = self._at or self._begin()
            with _without_collector():
                return work(at)
        except (PlaceMoved, IdleInTransactionSessionTimeout):
            # Another tabulator was faster, or this one was frozen and may be replaced.
            self.close()
            return 0
        except BaseException:
            # What was not committed must be forgotten: it is loaded again from the database.
            self.close()
            raise

    def _begin(self) -> _Position:
        connection = connect(self._database_url)
        try:
            log = self._open_log()
        except BaseException:
            connection.close()
            raise
        try:
            place = self._table.begin(connection, log.topic_id)
            older = stored_places(connection, log.topic_id)
            reader = Reader(log, self._verify, place, older=older)
        except BaseException:
            connection.close()
            log.close()
            raise
        return _Position(connection, log, reader, place.position, has_all=place.position == 0)

    def _step(self, at: _Position, limit: int) -> int:
        folded = self._fold(at, limit)
        if folded.place is not None:
            self._write(at, folded, folded.place)
        return folded.count

    def _catch_up(self, at: _Position, limit: int, stop: threading.Event) -> int:
        count = 0
        while not stop.is_set():
            folded = self._fold(at, limit)
            at.settle()
            if folded.place is None:
                break
            at.writing = at.writer.submit(self._write, at, folded, folded.place)
            count += folded.count
        at.settle()
        return count

    def _fold(self, at: _Position, limit: int) -> _Folded:
        """Fold what the log has now, about `limit` records of it, in memory."""
        if len(at.rows) > self._rows_kept:
            at.settle()
            at.rows.clear()
            at.has_all = False
        folded = _Folded()
        while folded.count < limit:
            offset = at.reader.next_offset
            batches = at.reader.poll(min(_PAGE, limit - folded.count))
            records = [one for accepted in batches for one in accepted.records]
            if records:
                self._take(at, records, folded.changed)
                folded.count += len(records)
                folded.place = batches[-1].place
            if at.reader.next_offset == offset or (folded.count and len(records) < _FEW):
                break  # the end is near, and a log may wait there for its next record
        return folded

    def _take(self, at: _Position, records: Sequence[Arrival], changed: dict[str, Row]) -> None:
        """Fold records into the rows in memory, and note which they change.

        Raises:
            TabulatorStopped: one cannot be taken; the rows in memory are of no use any more.
        """
        keys, evolve, rows = self._tabulation.keys, self._tabulation.evolve, at.rows
        told = [(one, key) for one in self._read(records) for key in keys(one)]
        self._load(at, {key for _, key in told if key not in rows})
        for one, key in told:
            changed[key] = rows[key] = evolve(key, rows[key], one)

    def _read(self, records: Sequence[Arrival]) -> Iterator[Told]:
        read = self._tabulation.read
        for one in records:
            try:
                told = read(one.value)
            except Exception as error:  # whatever it is, nothing may be skipped
                raise TabulatorStopped(
                    f"{self._tabulation.name} stops before position {one.position}:"
                    f" {without_values(error)}"
                ) from error
            if told is not None:
                yield told

    def _load(self, at: _Position, missing: set[str]) -> None:
        """Bring the rows of these keys into memory.

        Where another tabulator has moved on meanwhile they may be newer: `move` tells it.
        """
        at.rows.update(dict.fromkeys(missing))
        if missing and not at.has_all:
            at.settle()
            at.rows.update(self._table.load(at.connection, missing))

    def _write(self, at: _Position, folded: _Folded, place: Place) -> None:
        with at.connection.transaction():
            self._table.move(at.connection, at.position, place)
            reach("projector_in_transaction")
            # Sorted: neighbours stand on the same pages of the key.
            rows = [folded.changed[key] for key in sorted(folded.changed)]
            self._table.put(at.connection, rows)
            reach("projector_before_commit")
        reach("projector_after_commit")
        at.position = place.position


class _TableOf:
    """The table of a tabulation and its place, on whatever connection is given."""

    def __init__(self, tabulation: "Tabulation[Told]") -> None:
        table = tabulation.table
        self._schema = tabulation.schema
        self._generation = Generation(tabulation.generation)
        self._projector = tabulation.name
        self._changed = Table(f"changed_{table.name}", table.columns, table.order)
        key, *others = (sql.Identifier(name) for name, _ in table.columns)
        named = {
            "table": sql.Identifier(tabulation.schema, table.name),
            "changed": sql.Identifier(self._changed.name),
            "columns": names(name for name, _ in table.columns),
            "read": columns_read(table),
            "key": key,
            "cells": sql.SQL(", ").join(
                sql.SQL("{0} = excluded.{0}").format(other) for other in others
            ),
        }
        self._make_changed = sql.SQL(
            "CREATE TEMPORARY TABLE {changed} (LIKE {table}) ON COMMIT DELETE ROWS"
        ).format(**named)
        self._empty = sql.SQL("TRUNCATE {table}").format(**named)
        self._load = sql.SQL(
            "SELECT {read} FROM {table} WHERE {key} = ANY (%(keys)s::text[])"
        ).format(**named)
        self._put = sql.SQL(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM {changed}"
            " ON CONFLICT ({key}) DO UPDATE SET {cells}"
        ).format(**named)

    def begin(self, connection: psycopg.Connection[TupleRow], topic_id: str) -> Place:
        """Prepare a connection; up to where the table shows the log.

        A table without a place is emptied: nobody knows up to where its rows were folded.
        """
        connection.execute(_SQL["session"], {"schema": self._schema})
        connection.execute(self._make_changed)
        nowhere = {**self._named, "topic_id": topic_id, "chain": GENESIS}
        with connection.transaction():
            if connection.execute(_PLACES["begin_place"], nowhere).rowcount:
                connection.execute(self._empty)
        return self._place(connection)

    def load(
        self, connection: psycopg.Connection[TupleRow], keys: Iterable[str]
    ) -> Iterator[tuple[str, Row]]:
        """The rows of these keys that are stored, each with its key."""
        found = connection.execute(self._load, {"keys": list(keys)}, binary=True)
        return ((row[0], row) for row in found)

    def move(self, connection: psycopg.Connection[TupleRow], expected: int, place: Place) -> None:
        """Move the place on; the first statement of a transaction that writes.

        Raises:
            PlaceMoved: the place is not at `expected` any more.
        """
        moved = {**self._named, **place_columns(place), "expected": expected}
        if connection.execute(_PLACES["move_place"], moved).rowcount != 1:
            raise self._moved(expected)

    def put(self, connection: psycopg.Connection[TupleRow], rows: Sequence[Row]) -> None:
        """Store rows in the running transaction, in the place of those with the same keys."""
        with connection.cursor() as cursor:
            copy_rows(cursor, self._changed, rows)
            cursor.execute(self._put)

    @property
    def _named(self) -> Mapping[str, object]:
        return {"projector": self._projector, "generation": self._generation.number}

    def _place(self, connection: psycopg.Connection[TupleRow]) -> Place:
        place = place_of(connection, self._generation, self._projector)
        if place is None:
            raise PlaceMoved(f"the place of {self._projector} was dropped")
        return place

    def _moved(self, expected: int) -> PlaceMoved:
        return PlaceMoved(f"{self._projector} is not at position {expected} any more")


@contextmanager
def _without_collector() -> Iterator[None]:
    """Spare a fold the garbage collector, which would go through all rows again and again.

    Rows and records are tuples of plain values: they need none.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.freeze()
            gc.enable()
