"""The sequencer on PostgreSQL.

One transaction per batch gives order, positions, versions, keys and identifiers.

The head row's lock makes batches follow each other; everything is checked under it, before the
first insert. A connection lost while committing leaves the outcome unknown: it is settled by
looking the records up on a new connection, under the same lock, which waits for a commit still
under way. Nothing is ever sent again blindly.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
import structlog
from psycopg.rows import TupleRow

from ledger.identifiers import Identifier, IdentifierKind, SubjectId
from ledger.record import Head
from ledger.service import Append, AppendOutcome, CommandRecord, Stored
from ledger.values import EventId

from .batch import Admitted, Ground, Row, Sign, admit, build, cut, outcomes, streams_left_out
from .codec import instant
from .sql import queries

__all__ = ["LedgerNotOpen", "PostgresSequencer"]

_SQL: Final = queries("infra/sequencer.sql")
_SETTLE_ATTEMPTS: Final = 5
_GONE: Final = (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout)
"""The line is gone, or the server ended the session of one that held the head for too long."""
_LOG = structlog.get_logger(__name__)

Connection = psycopg.Connection[TupleRow]


class LedgerNotOpen(RuntimeError):
    """The ledger may not be written now: its state, stored in `ledger_head`, says why."""


@dataclass(frozen=True, slots=True)
class _Locked:
    """The head as it was locked."""

    head: Head
    recorded_at: datetime


class PostgresSequencer:
    """Sequences on one connection of its own; used by one thread at a time.

    The statements of a transaction travel in two rounds: lock and checks, then inserts and commit.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        ledger: str,
        sign: Sign,
        now: Callable[[], datetime],
    ) -> None:
        """Sequence for `ledger`; `connect` makes autocommit connections to its database."""
        self._connect = connect
        self._ledger = ledger
        self._sign = sign
        self._now = now
        self._open: Connection | None = None

    @classmethod
    def within(
        cls, connection: Connection, ledger: str, sign: Sign, now: Callable[[], datetime]
    ) -> "PostgresSequencer":
        """A sequencer inside the transaction that is open on `connection`.

        Used once, when a ledger is created.
        """
        sequencer = cls(lambda: connection, ledger, sign, now)
        sequencer._open = connection
        return sequencer

    # Appending -----------------------------------------------------------------------------------

    def append(self, batch: Sequence[Append]) -> tuple[AppendOutcome, ...]:
        """Append all that can be appended, in transactions of at most 1 000 records.

        Raises:
            LedgerNotOpen: the ledger may not be written now.
            psycopg.OperationalError: the database cannot be reached.

        Where it raises, the transactions before the one that failed stand; that one does not,
        unless the database went away in its commit and stayed away. Nobody can tell then, and keys
        and natural keys settle it once the database is back.
        """
        answers: list[AppendOutcome] = []
        left_out: frozenset[str] = frozenset()
        for piece in cut(batch):
            here = self._append(piece, left_out)
            left_out |= streams_left_out(piece, here)
            answers += here
        return tuple(answers)

    def _append(self, piece: Sequence[Append], left_out: frozenset[str]) -> list[AppendOutcome]:
        """One transaction; `left_out` are the streams left out in the ones before it."""
        for _ in range(_SETTLE_ATTEMPTS):
            sent: list[Admitted | AppendOutcome] = []
            try:
                return self._transaction(piece, left_out, sent)
            except _GONE:
                self._drop()
                if self._is_recorded([one for one in sent if isinstance(one, Admitted)]):
                    return outcomes(sent)
        raise psycopg.OperationalError(
            f"the database went away {_SETTLE_ATTEMPTS} times; nothing of the batch was recorded"
        )

    def _transaction(
        self,
        piece: Sequence[Append],
        left_out: frozenset[str],
        sent: list[Admitted | AppendOutcome],
    ) -> list[AppendOutcome]:
        """Lock, check, insert, commit. `sent` holds the answers once records are on their way."""
        connection = self._connection()
        with connection.pipeline() as pipeline, connection.transaction():
            locked, ground = self._lock(connection, pipeline, piece)
            ground.left_out |= left_out
            answers, admitted = admit(piece, ground, locked.head.position)
            if admitted:
                recorded_at = max(self._now(), locked.recorded_at)
                rows, head = build(
                    admitted,
                    ledger=self._ledger,
                    before=locked.head,
                    time=instant(recorded_at),
                    sign=self._sign,
                )
                sent += answers
                _insert(connection, rows, admitted, head, recorded_at)
        return outcomes(answers)

    def _lock(
        self, connection: Connection, pipeline: psycopg.Pipeline, piece: Sequence[Append]
    ) -> tuple[_Locked, Ground]:
        """The locked head, and the ground of the batch as it is under the lock."""
        keys = [bytes.fromhex(one.key_hash) for one in piece if one.key_hash is not None]
        streams = sorted({draft.stream for one in piece for draft in one.drafts})
        claims = sorted({claim for one in piece for claim in one.claims}, key=_by_value)
        head = connection.execute(_SQL["lock_head"])
        found = connection.execute(
            _SQL["ground"], {"keys": keys, "streams": streams, **_columns(claims)}
        )
        # Without a sync the server counts the session as busy, not as idle in its transaction, and
        # a process that freezes here would keep the head for ever.
        pipeline.sync()
        row = head.fetchone()
        if row is None:
            raise LedgerNotOpen(self._why_not_open(connection))
        return _Locked(Head(position=row[1], chain=row[2], term=row[3]), row[4]), _ground(found)

    def _why_not_open(self, connection: Connection) -> str:
        row = connection.execute(_SQL["head"]).fetchone()
        if row is None:
            return "this database holds no ledger yet"
        return f"ledger {row[0]} is {row[5]} at position {row[1]}: {row[6] or 'no reason given'}"

    def _is_recorded(self, sent: Sequence[Admitted]) -> bool:
        """Whether a batch whose commit has an unknown outcome was recorded.

        All of it was, or none. Where nothing was sent there is nothing to ask.
        """
        if not sent:
            return False
        ids = [one.append.drafts[0].id for one in sent]
        for attempt in range(1, _SETTLE_ATTEMPTS):
            try:
                return self._positions(ids) == [one.first for one in sent]
            except _GONE:
                _LOG.warning("the outcome of a commit is not known yet", attempt=attempt)
                self._drop()
        return self._positions(ids) == [one.first for one in sent]

    def _positions(self, event_ids: Sequence[str]) -> list[int]:
        """Where these events stand, in order, asked under the head's lock."""
        connection = self._connection()
        with connection.transaction():
            connection.execute(_SQL["lock_head"])
            found = connection.execute(_SQL["positions_of"], {"event_ids": event_ids})
            return sorted(position for _, position in found)

    # Reading -------------------------------------------------------------------------------------

    def position(self) -> int:
        """The position of the last sequenced record."""
        row = self._query("head").fetchone()
        return int(row[1]) if row is not None else 0

    def commands(self, key_hashes: Sequence[str]) -> Mapping[str, CommandRecord]:
        """What these keys did."""
        return _command_records(
            self._query("known_commands", keys=[bytes.fromhex(key) for key in key_hashes])
        )

    def read(self, streams: Sequence[str]) -> Iterable[Stored]:
        """All records of these streams, in order."""
        return [_stored(row) for row in self._query("read_streams", streams=list(streams))]

    def read_positions(self, first: int, last: int) -> Sequence[Stored]:
        """The records from `first` to `last`, both included."""
        return [_stored(row) for row in self._query("read_positions", first=first, last=last)]

    def streams_changed(self, after: int) -> tuple[int, frozenset[str]]:
        """The sequenced position, and the streams that got records behind `after`."""
        position = self.position()
        if position == after:
            return position, frozenset()
        rows = self._query("streams_changed", after=after, upto=position)
        return position, frozenset(row[0] for row in rows)

    def streams_under(self, prefix: str) -> tuple[int, frozenset[str]]:
        """The sequenced position, and all streams whose names begin with `prefix`."""
        position = self.position()
        behind = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        rows = self._query("streams_under", prefix=prefix, behind=behind, upto=position)
        return position, frozenset(row[0] for row in rows)

    def find(self, identifiers: Sequence[Identifier]) -> Mapping[Identifier, SubjectId]:
        """The subjects that these identifiers name."""
        if not identifiers:
            return {}
        return _holders(self._query("holders", **_columns(identifiers)))

    # The connection ------------------------------------------------------------------------------

    def _query(self, name: str, **values: object) -> psycopg.Cursor[TupleRow]:
        """A read outside the sequencing transaction; tried once more on a new connection."""
        try:
            return self._connection().execute(_SQL[name], values)
        except _GONE:
            self._drop()
            return self._connection().execute(_SQL[name], values)

    def _connection(self) -> Connection:
        if self._open is None or self._open.closed:
            self._open = self._connect()
            self._open.execute(_SQL["session_limits"])
        return self._open

    def _drop(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = None

    def close(self) -> None:
        """Give the connection back."""
        self._drop()


def _insert(
    connection: Connection,
    rows: Sequence[Row],
    admitted: Sequence[Admitted],
    head: Head,
    recorded_at: datetime,
) -> None:
    keyed = [one for one in admitted if one.append.key_hash is not None]
    claims = [(claim, one) for one in admitted for claim in one.append.claims]
    connection.execute(
        _SQL["insert_batch"],
        {
            "positions": [row.position for row in rows],
            "event_ids": [row.event_id for row in rows],
            "chains": [row.chain for row in rows],
            "leaves": [row.leaf for row in rows],
            "terms": [row.term for row in rows],
            "types": [row.type for row in rows],
            "subjects": [row.subject for row in rows],
            "versions": [row.version for row in rows],
            "bytes": [row.value for row in rows],
            "signatures": [row.signature for row in rows],
            "keys": [bytes.fromhex(one.append.key_hash or "") for one in keyed],
            "commands": [bytes.fromhex(one.append.command_hash) for one in keyed],
            "firsts": [one.first for one in keyed],
            "lasts": [one.last for one in keyed],
            **_columns([claim for claim, _ in claims]),
            "holders": [one.append.drafts[-1].stream for _, one in claims],
            "since": [one.first for _, one in claims],
            "position": head.position,
            "chain": head.chain,
            "recorded_at": recorded_at,
        },
    )


def _columns(identifiers: Sequence[Identifier]) -> dict[str, Any]:
    return {
        "kinds": [one.kind.value for one in identifiers],
        "values": [one.value for one in identifiers],
    }


def _by_value(identifier: Identifier) -> tuple[str, str]:
    return identifier.kind, identifier.value


def _ground(found: psycopg.Cursor[TupleRow]) -> Ground:
    ground = Ground()
    for about, name, value, subject, first, last in found:
        match about:
            case "command":
                ground.commands[name] = CommandRecord(command_hash=value, first=first, last=last)
            case "version":
                ground.versions[name] = first
            case _:
                identifier = Identifier(kind=IdentifierKind(name), value=value)
                ground.holders[identifier] = SubjectId(subject)
    return ground


def _command_records(cursor: psycopg.Cursor[TupleRow]) -> dict[str, CommandRecord]:
    return {
        key: CommandRecord(command_hash=command, first=first, last=last)
        for key, command, first, last in cursor
    }


def _holders(cursor: psycopg.Cursor[TupleRow]) -> dict[Identifier, SubjectId]:
    return {
        Identifier(kind=IdentifierKind(kind), value=value): SubjectId(subject)
        for kind, value, subject in cursor
    }


def _stored(row: TupleRow) -> Stored:
    position, event_id, stream, version, stored_name, value = row
    return Stored(position, EventId(event_id), stream, version, stored_name, value)
