"""What a key did, for ever, and other single look-ups in the sequencer's tables.

From any thread.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg.rows import TupleRow

from ledger.acceptance import Arrival
from ledger.record import Head
from ledger.refusals import CommandVoided
from ledger.values import EventId

from .codec import read_fields
from .connections import Pool
from .serving import NotServing, Serving, standing_of, why_not_serving
from .sql import queries

__all__ = ["CommandStatus", "HeadStatus", "Statuses"]

_SQL: Final = {**queries("infra/sequencer.sql"), **queries("infra/statuses.sql")}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandStatus:
    """What a key did: the hash of its command, its records and the version that its stream got.

    `chain` is the chain hash of the last record.
    """

    command_hash: str
    first: int
    last: int
    chain: bytes
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

    def __init__(self, pool: Pool, serving: Serving | None = None) -> None:
        """Look up through connections of this pool; `serving` where the log is on Kafka."""
        self._pool = pool
        self._serving = serving

    def of_key(self, key_hash: str) -> CommandStatus | None:
        """What the key did; null if it did nothing yet, and then may still be used.

        Raises:
            CommandVoided: it did nothing and never will; final.
            NotServing: with the log on Kafka, this process cannot tell now.
        """
        entered = Head() if self._serving is None else self._serving.entered
        row = self._one("of_key", key=bytes.fromhex(key_hash), entered=entered.position)
        if self._serving is not None:
            standing = None if row is None else standing_of(row[7:])
            self._serving.require(standing, entered, to_write=False)
        if row is None:
            return None
        command, first, last, stream, version, chain, voided = row[:7]
        if command is not None:
            return CommandStatus(
                command_hash=command,
                first=first,
                last=last,
                chain=bytes(chain),
                stream=stream,
                version=version,
            )
        if voided is None:
            return None
        if voided > entered.position:
            raise NotServing(f"position {voided}, which says what became of it, is not entered yet")
        raise CommandVoided(position=voided)

    def record(self, position: int, head: Head) -> Arrival | None:
        """The record at a position, where PostgreSQL has this head, which is entered.

        With the log on Kafka its offset is not known here: -1.
        """
        row = self._one("record", position=position, head=head.position, chain=head.chain)
        if row is None:
            return None
        offset = row[0] - 1 if self._serving is None else -1
        return Arrival(row[1], row[2], offset, 0, read_fields(row[1]))

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

    def why_not_serving(self) -> str | None:
        """Why this process does not serve; null where it does, as ever with the log as a table."""
        if self._serving is None:
            return None
        entered = self._serving.entered
        row = self._one("standing", entered=entered.position)
        return why_not_serving(None if row is None else standing_of(row), entered)

    def has_streams_under(self, prefix: str) -> bool:
        """Whether there is any record in a stream whose name begins so."""
        behind = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        return self._one("stream_under", prefix=prefix, behind=behind) is not None

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
