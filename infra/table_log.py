"""The log as a table of the sequencer's own database.

Topic `table`, leader epoch 0, offset = position - 1.
"""

from collections.abc import Callable, Sequence
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from ledger.acceptance import Arrival

from .codec import read_fields
from .sql import queries

__all__ = ["TABLE_TOPIC", "TableLog"]

TABLE_TOPIC: Final = "table"

_SQL: Final = queries("infra/table_log.sql")


class TableLog:
    """Reads `ledger_record` as a log, on one connection of its own.

    Used by one thread at a time.
    """

    topic_id = TABLE_TOPIC

    def __init__(self, connect: Callable[[], psycopg.Connection[TupleRow]]) -> None:
        """Read through connections that `connect` makes (autocommit)."""
        self._connect = connect
        self._open: psycopg.Connection[TupleRow] | None = None

    def read(self, offset: int, limit: int) -> Sequence[Arrival]:
        """At most `limit` records from `offset` on, in order."""
        rows = self._connection().execute(
            _SQL["read"], {"after": offset, "upto": offset + limit}, binary=True
        )
        return [
            Arrival(value, signature, position - 1, 0, read_fields(value))
            for position, value, signature in rows
        ]

    def end(self) -> int:
        """The offset behind the last record."""
        row = self._connection().execute(_SQL["end"]).fetchone()
        assert row is not None, "an aggregate gives one row"
        return int(row[0])

    def close(self) -> None:
        """Give the connection back."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connection(self) -> psycopg.Connection[TupleRow]:
        if self._open is None or self._open.closed:
            self._open = self._connect()
        return self._open
