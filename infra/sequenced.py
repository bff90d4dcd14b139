"""What PostgreSQL has sequenced, as the relay and the gate read it."""

from collections.abc import Callable, Sequence
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from ledger.log import Place

from . import clock
from .places import put_place, stored_places
from .relay import Outgoing
from .sql import queries

__all__ = ["SequencedRecords"]

_SQL: Final = queries("infra/sequenced.sql")

Connection = psycopg.Connection[TupleRow]


class SequencedRecords:
    """Reads records on a connection of its own; used by one thread at a time."""

    def __init__(self, connect: Callable[[], Connection], *, while_stopped: bool = True) -> None:
        """Read through a connection that `connect` makes (autocommit).

        Without `while_stopped` there are no records to send while the ledger is stopped or fenced.
        """
        self._connection = connect()
        self._from = "from" if while_stopped else "from_unless_stopped"
        # A place that is lost with the server is found again further back.
        self._connection.execute("SET synchronous_commit = off")

    def chain_at(self, position: int) -> bytes | None:
        """The chain hash at a position; null where there is no record."""
        asked = {"position": position}
        row = self._connection.execute(_SQL["chain_at"], asked, binary=True).fetchone()
        return None if row is None else bytes(row[0])

    def records_from(self, first: int, limit: int) -> Sequence[Outgoing]:
        """At most `limit` records from a position on, in order."""
        asked = {"first": first, "limit": limit}
        return [
            Outgoing(*row) for row in self._connection.execute(_SQL[self._from], asked, binary=True)
        ]

    def places(self, topic_id: str) -> Sequence[Place]:
        """Where this topic is known to be entered, newest first."""
        return stored_places(self._connection, topic_id)

    def put_place(self, place: Place) -> None:
        """Keep a place."""
        put_place(self._connection, place, clock.now())

    def is_first(self) -> bool:
        """Whether this session is the one whose relay works; the lock ends with the connection."""
        row = self._connection.execute(_SQL["hold_relay"]).fetchone()
        return row is not None and bool(row[0])

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()
