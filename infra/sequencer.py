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
from psycopg.rows import TupleRow

from ledger.identifiers import Identifier, IdentifierKind, SubjectId
from ledger.record import Head
from ledger.service import Append, Appended, AppendOutcome, CommandRecord, Stored
from ledger.values import EventId

from .batch import Admitted, Ground, Row, Sign, admit, build, cut
from .codec import instant
from .sql import queries

__all__ = ["LedgerNotOpen", "PostgresSequencer"]

_SQL: Final = queries("infra/sequencer.sql")
_SETTLE_ATTEMPTS: Final = 5

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
            LedgerNotOpen: the ledger may not be written now; nothing was appended.
            psycopg.OperationalError: the database cannot be reached; what this batch did is known
            to be nothing.
        """
        return tuple(outcome for piece in cut(batch) for outcome in self._append(piece))

    def _append(self, piece: Sequence[Append]) -> list[AppendOutcome]:
        for _ in range(_SETTLE_ATTEMPTS):
            sent: list[Admitted] = []
            try:
                return self._transaction(piece, sent)
            except psycopg.OperationalError:
                self._drop()
                if sent and self._is_recorded(sent):
                    return [Appended(first=one.first, last=one.last) for one in sent]
        raise psycopg.OperationalError(
            f"the database went away {_SETTLE_ATTEMPTS} times; nothing of the batch was recorded"
        )

    def _transaction(self, piece: Sequence[Append], sent: list[Admitted]) -> list[AppendOutcome]:
        """Lock, check, insert, commit. `sent` holds what was sent when the commit was asked for."""
        connection = self._connection()
        with connection.pipeline(), connection.transaction():
            locked, ground = self._lock(connection, piece)
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
                sent += admitted
                _insert(connection, rows, admitted, head, recorded_at)
        return [
            Appended(first=one.first, last=one.last) if isinstance(one, Admitted) else one
            for one in answers
        ]

    def _lock(self, connection: Connection, piece: Sequence[Append]) -> tuple[_Locked, Ground]:
        """The locked head, and the ground of the batch as it is under the lock."""
        keys = [bytes.fromhex(one.key_hash) for one in piece if one.key_hash is not None]
        streams = sorted({draft.stream for one in piece for draft in one.drafts})
        claims = sorted({claim for one in piece for claim in one.claims}, key=_by_value)
        head = connection.execute(_SQL["lock_head"])
        commands = connection.execute(_SQL["known_commands"], {"keys": keys}) if keys else None
        versions = connection.execute(_SQL["stream_versions"], {"streams": streams})
        holders = connection.execute(_SQL["holders"], _columns(claims)) if claims else None
        row = head.fetchone()
        if row is None:
            raise LedgerNotOpen(self._why_not_open(connection))
        ground = Ground(
            commands=_command_records(commands),
            versions=dict(versions.fetchall()),
            holders=_holders(holders),
        )
        return _Locked(Head(position=row[1], chain=row[2], term=row[3]), row[4]), ground

    def _why_not_open(self, connection: Connection) -> str:
        row = connection.execute(_SQL["head"]).fetchone()
        if row is None:
            return "this database holds no ledger yet"
        return f"ledger {row[0]} is {row[5]} at position {row[1]}: {row[6] or 'no reason given'}"

    def _is_recorded(self, sent: Sequence[Admitted]) -> bool:
        """Whether a batch whose commit has an unknown outcome was recorded.

        All of it was, or none.
        """
        ids = [one.append.drafts[0].id for one in sent]
        for attempt in range(_SETTLE_ATTEMPTS):
            try:
                connection = self._connection()
                with connection.transaction():
                    connection.execute(_SQL["lock_head"])
                    found = connection.execute(_SQL["positions_of"], {"event_ids": ids}).fetchall()
                break
            except psycopg.OperationalError:
                self._drop()
                if attempt == _SETTLE_ATTEMPTS - 1:
                    raise
        positions = dict(found)
        return positions == {one.append.drafts[0].id: one.first for one in sent}

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
        except psycopg.OperationalError:
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
    connection.execute(
        _SQL["insert_records"],
        {
            "positions": [row.position for row in rows],
            "event_ids": [row.event_id for row in rows],
            "chains": [row.chain for row in rows],
            "leaves": [row.leaf for row in rows],
            "terms": [row.term for row in rows],
            "types": [row.type for row in rows],
            "subjects": [row.subject for row in rows],
            "versions": [row.version for row in rows],
            "values": [row.value for row in rows],
            "signatures": [row.signature for row in rows],
        },
    )
    keyed = [one for one in admitted if one.append.key_hash is not None]
    if keyed:
        connection.execute(
            _SQL["insert_commands"],
            {
                "keys": [bytes.fromhex(one.append.key_hash or "") for one in keyed],
                "commands": [bytes.fromhex(one.append.command_hash) for one in keyed],
                "firsts": [one.first for one in keyed],
                "lasts": [one.last for one in keyed],
            },
        )
    claims = [(claim, one) for one in admitted for claim in one.append.claims]
    if claims:
        connection.execute(
            _SQL["insert_identifiers"],
            {
                **_columns([claim for claim, _ in claims]),
                "subjects": [one.append.drafts[-1].stream for _, one in claims],
                "positions": [one.first for _, one in claims],
            },
        )
    connection.execute(
        _SQL["move_head"],
        {"position": head.position, "chain": head.chain, "recorded_at": recorded_at},
    )


def _columns(identifiers: Sequence[Identifier]) -> dict[str, Any]:
    return {
        "kinds": [one.kind.value for one in identifiers],
        "values": [one.value for one in identifiers],
    }


def _by_value(identifier: Identifier) -> tuple[str, str]:
    return identifier.kind, identifier.value


def _command_records(cursor: psycopg.Cursor[TupleRow] | None) -> dict[str, CommandRecord]:
    if cursor is None:
        return {}
    return {
        key: CommandRecord(command_hash=command, first=first, last=last)
        for key, command, first, last in cursor
    }


def _holders(cursor: psycopg.Cursor[TupleRow] | None) -> dict[Identifier, SubjectId]:
    if cursor is None:
        return {}
    return {
        Identifier(kind=IdentifierKind(kind), value=value): SubjectId(subject)
        for kind, value, subject in cursor
    }


def _stored(row: TupleRow) -> Stored:
    position, event_id, stream, version, stored_name, value = row
    return Stored(position, EventId(event_id), stream, version, stored_name, value)
