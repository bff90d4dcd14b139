"""The sequencer on PostgreSQL.

One transaction per batch gives order, positions, versions, keys and identifiers.

The head row's lock makes batches follow each other; everything is checked under it, before the
first insert. With the log on Kafka this process must serve, too (`infra.serving`). A connection
lost while committing leaves the outcome unknown: it is settled by looking the records up on a new
connection, under the same lock, which waits for a commit still under way. Nothing is ever sent
again blindly.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg
import structlog
from psycopg.rows import TupleRow

from ledger.identifiers import Identifier, IdentifierKind, SubjectId
from ledger.record import EVENTSOURCING_STORED, Head
from ledger.sequencing import (
    Append,
    AppendOutcome,
    CommandRecord,
    KeyVoided,
    Stored,
    VersionConflict,
)
from ledger.values import EventId

from .batch import Admitted, Ground, Row, Sign, admit, build, cut, outcomes, streams_left_out
from .codec import instant
from .failpoints import reach
from .serving import LedgerNotOpen, NotServing, Serving, Standing, standing_of
from .sql import queries

__all__ = ["LedgerNotOpen", "PostgresSequencer"]

_SQL: Final = queries("infra/sequencer.sql")
_SETTLE_ATTEMPTS: Final = 5
_GONE: Final = (
    psycopg.OperationalError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
)
"""The line is gone, or the server ended the session of one that held the head for too long."""
_LOG = structlog.get_logger(__name__)

Connection = psycopg.Connection[TupleRow]


class _OtherHistory(Exception):
    """Another term was opened since this process looked; what it decided on may be set aside."""


@dataclass(frozen=True, slots=True)
class _Locked:
    """The head as it was locked."""

    head: Head
    recorded_at: datetime


@dataclass(slots=True)
class _Sent:
    """What is on its way in a transaction whose outcome may become unknown."""

    answers: list[Admitted | AppendOutcome] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def firsts(self) -> dict[str, int]:
        """The first event of each append, and its position."""
        admitted = [one for one in self.answers if isinstance(one, Admitted)]
        return {str(one.append.drafts[0].id): one.first for one in admitted}


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
        serving: Serving | None = None,
    ) -> None:
        """Sequence for `ledger`; `connect` makes autocommit connections to its database.

        `serving` where the log is on Kafka; without it the log is the table.
        """
        self._connect = connect
        self._ledger = ledger
        self._sign = sign
        self._now = now
        self._serving = serving
        self._incarnation: str | None = None
        self._lock_name = "lock_head_of_table" if serving is None else "lock_head_of_instance"
        self._open: Connection | None = None

    @classmethod
    def within(
        cls, connection: Connection, ledger: str, sign: Sign, now: Callable[[], datetime]
    ) -> "PostgresSequencer":
        """A sequencer inside the transaction that is open on `connection`.

        Used when a ledger is created or a term is opened, and nothing else need hold.
        """
        sequencer = cls(lambda: connection, ledger, sign, now)
        sequencer._lock_name = "lock_head"
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
            sent = _Sent()
            try:
                return self._transaction(piece, left_out, sent)
            except _OtherHistory:
                return [VersionConflict(stream=one.drafts[0].stream, actual=0) for one in piece]
            except _GONE:
                self._drop()
                if self._is_recorded(sent):
                    return outcomes(sent.answers, sent.rows)
        raise psycopg.OperationalError(
            f"the database went away {_SETTLE_ATTEMPTS} times; nothing of the batch was recorded"
        )

    def _transaction(
        self,
        piece: Sequence[Append],
        left_out: frozenset[str],
        sent: _Sent,
    ) -> list[AppendOutcome]:
        """Lock, check, insert, commit. `sent` is filled before records are on their way."""
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
                sent.answers, sent.rows = answers, rows
                reach("holding_head_lock")
                _insert(connection, rows, admitted, head, recorded_at)
                reach("before_commit")
        reach("after_commit")
        return outcomes(answers, sent.rows)

    def _lock(
        self, connection: Connection, pipeline: psycopg.Pipeline, piece: Sequence[Append]
    ) -> tuple[_Locked, Ground]:
        """The locked head, and the ground of the batch as it is under the lock."""
        keys = [bytes.fromhex(one.key_hash) for one in piece if one.key_hash is not None]
        streams = sorted({draft.stream for one in piece for draft in one.drafts})
        claims = sorted({claim for one in piece for claim in one.claims}, key=_by_value)
        entered = self._entered()
        head = self._lock_head(connection, entered)
        found = connection.execute(
            _SQL["ground"],
            {"keys": keys, "streams": streams, **_given(piece), **_columns(claims)},
        )
        # Without a sync the server counts the session as busy, not as idle in its transaction, and
        # a process that freezes here would keep the head for ever.
        pipeline.sync()
        locked, ground = self._locked(connection, head.fetchone(), entered), _ground(found)
        late = max(ground.voided.values(), default=0)
        if late > entered.position and self._serving is not None:
            raise NotServing(f"position {late}, which voids commands, is not entered yet")
        return locked, ground

    def _entered(self) -> Head:
        return Head() if self._serving is None else self._serving.entered

    def _lock_head(self, connection: Connection, entered: Head) -> psycopg.Cursor[TupleRow]:
        if self._serving is None:
            return connection.execute(_SQL[self._lock_name])
        asked = {"entered": entered.position, "incarnation": self._incarnation}
        return connection.execute(_SQL[self._lock_name], asked)

    def _locked(self, connection: Connection, row: TupleRow | None, entered: Head) -> _Locked:
        """The head that was locked, where this process may write behind it.

        Raises:
            LedgerNotOpen: it may not.
            _OtherHistory: it may, but has decided on what may be no more.
        """
        if row is None:
            raise self._why_not_locked(connection, entered)
        if self._serving is not None:
            self._serving.require(standing_of(row), entered)
        return _Locked(Head(position=row[1], chain=row[2], term=row[3]), row[4])

    def _why_not_locked(self, connection: Connection, entered: Head) -> Exception:
        """What the row says when it is read anew: another term to be taken over, or a reason."""
        if self._serving is not None:
            standing = _standing(
                connection.execute(_SQL["standing"], {"entered": entered.position})
            )
            self._serving.require(standing, entered)
            return _OtherHistory()
        row = connection.execute(_SQL["head"]).fetchone()
        if row is None:
            return LedgerNotOpen("this database holds no ledger yet")
        pinned = connection.execute(_SQL["pinned"]).fetchone()
        if pinned is not None and row[5] == "open":
            return LedgerNotOpen(
                f"ledger {row[0]} lives on the topic {pinned[0]} of Kafka and never on the table"
                " log again: name its Kafka by LEDGER_KAFKA"
            )
        reason = row[6] or "no reason given"
        return LedgerNotOpen(f"ledger {row[0]} is {row[5]} at position {row[1]}: {reason}")

    def _is_recorded(self, sent: _Sent) -> bool:
        """Whether a batch whose commit has an unknown outcome was recorded.

        All of it was, or none. Where nothing was sent there is nothing to ask.

        Raises:
            LedgerNotOpen: another instance has the ledger by now; keys tell, once it serves.
        """
        firsts = sent.firsts
        if not firsts:
            return False
        for attempt in range(1, _SETTLE_ATTEMPTS):
            try:
                return self.positions_of(firsts) == firsts
            except _GONE:
                _LOG.warning("the outcome of a commit is not known yet", attempt=attempt)
                self._drop()
        return self.positions_of(firsts) == firsts

    def positions_of(self, event_ids: Iterable[str]) -> dict[str, int]:
        """Where these events stand, asked under the head's lock, as step 1 of an append.

        One that is left out was not recorded, and no commit that is still under way records it.

        Raises:
            LedgerNotOpen: with the log on Kafka, this process cannot tell now.
            psycopg.OperationalError: the database cannot be reached.
        """
        connection = self._connection()
        entered = self._entered()
        with connection.transaction():
            row = self._lock_head(connection, entered).fetchone()
            if self._serving is not None:
                try:
                    self._locked(connection, row, entered)
                except _OtherHistory as error:
                    raise NotServing("another term was opened meanwhile") from error
            found = connection.execute(_SQL["positions_of"], {"event_ids": list(event_ids)})
            return dict(found.fetchall())

    # Reading -------------------------------------------------------------------------------------

    def position(self) -> int:
        """The position of the last sequenced record."""
        row = self._query("head").fetchone()
        return int(row[1]) if row is not None else 0

    def commands(self, key_hashes: Sequence[str]) -> Mapping[str, CommandRecord | KeyVoided]:
        """What these keys did."""
        keys = [bytes.fromhex(key) for key in key_hashes]
        known: dict[str, CommandRecord | KeyVoided] = {}
        if self._serving is not None:
            voided = self._query("voided_keys", keys=keys)
            known |= {key: KeyVoided(position=position) for key, position in voided}
        return known | _command_records(self._query("known_commands", keys=keys))

    def read(self, streams: Sequence[str]) -> Iterable[Stored]:
        """All records of these streams, in order."""
        return [_stored(row) for row in self._query("read_streams", streams=list(streams))]

    def read_positions(self, first: int, last: int) -> Sequence[Stored]:
        """The records from `first` to `last`, both included."""
        return [_stored(row) for row in self._query("read_positions", first=first, last=last)]

    def streams_changed(self, after: int) -> tuple[int, frozenset[str] | None]:
        """The sequenced position, and the streams that got records behind `after`.

        Null in their stead where another term was opened since the last call.

        Raises:
            NotServing: with the log on Kafka, this process does not serve.
        """
        position, is_other = self._looked_at()
        if is_other:
            return position, None
        if position == after:
            return position, frozenset()
        rows = self._query("streams_changed", after=after, upto=position)
        return position, frozenset(row[0] for row in rows)

    def streams_under(self, prefix: str) -> tuple[int, frozenset[str]]:
        """The sequenced position, and all streams whose names begin with `prefix`.

        Raises:
            NotServing: with the log on Kafka, this process does not serve.
        """
        position, _ = self._looked_at()
        behind = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        rows = self._query("streams_under", prefix=prefix, behind=behind, upto=position)
        return position, frozenset(row[0] for row in rows)

    def _looked_at(self) -> tuple[int, bool]:
        """The sequenced position, and whether another term was opened since the last look."""
        if self._serving is None:
            return self.position(), False
        entered = self._serving.entered
        standing = _standing(self._query("standing", entered=entered.position))
        self._serving.require(standing, entered)
        assert standing is not None, "it serves"
        is_other = standing.incarnation != self._incarnation
        self._incarnation = standing.incarnation
        return standing.position, is_other

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


def _standing(found: psycopg.Cursor[TupleRow]) -> Standing | None:
    row = found.fetchone()
    return None if row is None else standing_of(row)


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
    if any(row.type == EVENTSOURCING_STORED for row in rows):
        connection.execute(_SQL["number_notifications"], {"after": rows[0].position - 1})


def _given(piece: Sequence[Append]) -> dict[str, Any]:
    """The versions that the eventsourcing library gives, with their streams."""
    drafts = [draft for one in piece for draft in one.drafts if draft.type == EVENTSOURCING_STORED]
    return {
        "given_streams": [draft.stream for draft in drafts],
        "given_versions": [draft.version for draft in drafts],
    }


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
            case "voided":
                ground.voided[name] = first
            case "version":
                ground.versions[name] = first
            case "taken":
                ground.taken.add((name, first))
            case _:
                identifier = Identifier(kind=IdentifierKind(name), value=value)
                ground.holders[identifier] = SubjectId(subject)
    return ground


def _command_records(cursor: psycopg.Cursor[TupleRow]) -> dict[str, CommandRecord]:
    return {
        key: CommandRecord(command_hash=command, first=first, last=last, chain=chain)
        for key, command, first, last, chain in cursor
    }


def _holders(cursor: psycopg.Cursor[TupleRow]) -> dict[Identifier, SubjectId]:
    return {
        Identifier(kind=IdentifierKind(kind), value=value): SubjectId(subject)
        for kind, value, subject in cursor
    }


def _stored(row: TupleRow) -> Stored:
    position, event_id, stream, version, stored_name, value = row
    return Stored(position, EventId(event_id), stream, version, stored_name, value)
