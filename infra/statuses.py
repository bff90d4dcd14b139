"""What a key did, for ever, and other single look-ups in the sequencer's tables.

From any thread.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg.rows import TupleRow

from ledger.acceptance import Arrival
from ledger.values import EventId

from .codec import read_fields
from .connections import Pool
from .sql import queries

__all__ = ["CommandStatus", "HeadStatus", "Statuses"]

_SQL: Final = queries("infra/statuses.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandStatus:
    """What a key did: the hash of its command, its records and the version that its stream got."""

    command_hash: str
    first: int
    last: int
    stream: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadStatus:
    """The sequenced head, and whether the ledger may be written."""

    ledger: str
    position: int
    term: int
    state: str
    reason: str | None


class Statuses:
    """Looks things up in the sequencer's tables."""

    def __init__(self, pool: Pool) -> None:
        """Look up through connections of this pool."""
        self._pool = pool

    def of_key(self, key_hash: str) -> CommandStatus | None:
        """What the key did; null if it did nothing yet, and then may still be used."""
        row = self._one("of_key", key=bytes.fromhex(key_hash))
        if row is None:
            return None
        command, first, last, stream, version = row
        return CommandStatus(
            command_hash=command, first=first, last=last, stream=stream, version=version
        )

    def record(self, position: int) -> Arrival | None:
        """The record at a position as the log has it, whether it is entered or not."""
        row = self._one("record", position=position)
        if row is None:
            return None
        return Arrival(row[1], row[2], row[0] - 1, 0, read_fields(row[1]))

    def recall(self, position: int) -> Arrival:
        """The record at a position that is known to be sequenced."""
        arrival = self.record(position)
        assert arrival is not None, f"position {position} is sequenced and has no record"
        return arrival

    def records(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """The bytes of the records between two positions, both included."""
        with self._pool.connection() as connection:
            return connection.execute(_SQL["records"], {"first": first, "last": last}).fetchall()

    def position_of(self, event: EventId) -> int | None:
        """Where an event stands."""
        try:
            row = self._one("position_of", event_id=UUID(event))
        except ValueError:
            return None
        return None if row is None else int(row[0])

    def stream_version(self, stream: str) -> int:
        """The last version of a stream, 0 if it has none."""
        row = self._one("stream_version", stream=stream)
        return 0 if row is None else int(row[0])

    def head(self) -> HeadStatus | None:
        """The sequenced head; null where the database holds no ledger."""
        row = self._one("head")
        if row is None:
            return None
        ledger, position, term, state, reason = row
        return HeadStatus(ledger=ledger, position=position, term=term, state=state, reason=reason)

    def _one(self, name: str, **values: object) -> TupleRow | None:
        with self._pool.connection() as connection:
            return connection.execute(_SQL[name], values).fetchone()
