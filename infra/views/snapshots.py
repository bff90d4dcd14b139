"""One consistent sight of the live generation: what every answer is read from."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import local
from typing import Final, LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow

from ..connections import Pool
from ..generations import NoGeneration
from ..sql import queries

__all__ = ["Questions", "Snapshot", "Snapshots"]

_SQL: Final = queries("infra/views/snapshots.sql")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is read here stands at `position` of one generation."""

    position: int
    _connection: Connection[TupleRow]

    def rows(self, query: LiteralString, values: Mapping[str, object]) -> list[TupleRow]:
        """All rows of a query."""
        return self._connection.execute(query, values, binary=True).fetchall()

    def row(self, query: LiteralString, values: Mapping[str, object]) -> TupleRow | None:
        """The first row of a query; null if it has none."""
        return self._connection.execute(query, values, binary=True).fetchone()


class Snapshots:
    """Takes snapshots on connections of a pool.

    A thread that has one open and takes another gets the same: several questions that are asked
    together are answered from one sight, and begin but one transaction.
    """

    def __init__(self, pool: Pool) -> None:
        """Take them on connections of this pool (autocommit)."""
        self._pool = pool
        self._open = _Open()

    def position(self) -> int:
        """The position of the live generation; 0 if there is none, or nothing in it."""
        if self._open.snapshot is not None:
            return self._open.snapshot.position
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["position"]).fetchone()
        return 0 if row is None else int(row[0])

    @contextmanager
    def take(self) -> Iterator[Snapshot]:
        """A snapshot of the generation that is live now, until the end of the block.

        Raises:
            NoGeneration: none was made yet.
        """
        if self._open.snapshot is not None:
            yield self._open.snapshot
            return
        with self._pool.connection() as connection:
            # Two statements in one trip to the server, which is why they are not prepared.
            opened = connection.execute(_SQL["open"], prepare=False)
            try:
                opened.nextset()
                row = opened.fetchone()
                if row is None:
                    raise NoGeneration("the views hold nothing yet; start the projector")
                self._open.snapshot = Snapshot(row[0], connection)
                yield self._open.snapshot
            finally:
                self._open.snapshot = None
                connection.rollback()


class _Open(local):
    """The snapshot that the present thread has open."""

    snapshot: Snapshot | None = None


class Questions:
    """A family of questions, each answered from one snapshot."""

    def __init__(self, snapshots: Snapshots) -> None:
        """Read from such snapshots."""
        self._snapshots = snapshots
