"""Verifies a ledger from the first byte to the last: the log, what stands beside it, and the views.

Nothing is believed but the bytes of the records and the public keys. The columns of a record, the
head, the tables of commands and identifiers and every view follow from the bytes, so each is worked
out anew and compared. What is wrong is named by the position at which it shows.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import TupleRow

from ledger.events import STORED_NAMES, Event, IdentifierAdded, SubjectRegistered, TermOpened
from ledger.identifiers import Identifier, index_keys
from ledger.record import (
    BATCH_RECORDS_MAX,
    EVENTSOURCING_STORED,
    GENESIS,
    TERM_OPENED,
    Head,
    chain_hash,
    leaf_hash,
)

from . import clock
from .codec import Envelope, UnreadableRecord, parse_instant, read_envelope
from .connections import connect
from .creation import public_keys
from .log_source import OpenLog
from .paging import rows_ahead
from .projector import ProjectorStopped
from .reader import Reader
from .rebuild import Progress, verify_views
from .signer import PublicKey, Verifier
from .sql import queries
from .stores import compare_stores
from .table_log import TABLE_TOPIC

__all__ = ["FLAWS_MAX", "CheckedLog", "Flaw", "Verified", "verify", "verify_log"]

FLAWS_MAX: Final = 100
"""How many flaws are named; all are counted."""

_SQL: Final = queries("infra/verification.sql")
_FETCH: Final = 2_000
_PROGRESS_EVERY: Final = 10_000

Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong: at which record (null: at none), a stable word, and a sentence."""

    position: int | None
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedLog:
    """What came of reading the log: how many records it has, the last one's position, the flaws.

    `flaws` are the first `FLAWS_MAX`, in the order of the log; `flaw_count` counts all.
    """

    events: int
    head: int
    flaws: tuple[Flaw, ...]
    flaw_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Whether a ledger is what its log says, and if not, what is wrong.

    `head` is the last record that PostgreSQL has, `entered` the last one that is accepted from the
    log; with the log on Kafka `root` is the Merkle root over all that is entered, in hexadecimal.
    `tables` holds the SHA-256 of each view's table as the log makes it, empty where the views could
    not be compared; `differences` names the tables that are read and differ from that.
    """

    ok: bool
    events: int
    head: int
    entered: int
    root: str | None
    seconds: float
    tables: Mapping[str, str]
    differences: tuple[str, ...]
    problems: tuple[Flaw, ...]
    problem_count: int


def verify(
    database_url: str,
    open_log: OpenLog,
    verifier: Verifier,
    progress: Progress | None = None,
) -> Verified:
    """Verify the log, then fold it anew and compare the views that are read with that.

    With the log on Kafka both stores are held against each other, too.
    Nothing is changed. Views are compared only where the whole log is accepted: what they should
    show behind a broken record nobody can say.
    """
    begun = clock.elapsed()
    with connect(database_url) as connection:
        log = verify_log(connection, verifier, progress)
        known = int(_one(connection, "known_entered")[0])
    flaws = list(log.flaws)
    tables: Mapping[str, str] = {}
    differences: tuple[str, ...] = ()
    entered, root, is_whole = log.head, None, True
    if is_table(open_log):
        entered = log.head if not flaws else _accepted(open_log, verifier)
        is_whole = entered >= log.head
    else:
        stores = compare_stores(database_url, open_log, verifier, progress)
        flaws += [Flaw(position=at, code=code, message=say) for at, code, say in stores.differences]
        entered, root, is_whole = stores.entered.position, stores.root.hex(), stores.is_whole
        if is_whole and entered < known:
            is_whole = False
            flaws.append(_lost_tail(entered, known))
    if not is_whole:
        message = f"the log is accepted up to position {entered} of {log.head}: views not compared"
        flaws.append(Flaw(position=entered + 1, code="not-accepted", message=message))
    else:
        try:
            views = verify_views(database_url, open_log, verifier, progress)
        except ProjectorStopped as stopped:
            flaws.append(Flaw(position=stopped.position, code="unreadable", message=str(stopped)))
        else:
            tables, differences = views.tables, views.differences
            flaws += map(_view_differs, differences)
    return Verified(
        ok=not flaws,
        events=log.events,
        head=log.head,
        entered=entered,
        root=root,
        seconds=clock.elapsed() - begun,
        tables=tables,
        differences=differences,
        problems=_first(flaws),
        problem_count=log.flaw_count + len(flaws) - len(log.flaws),
    )


def _lost_tail(entered: int, known: int) -> Flaw:
    message = (
        f"the log was entered up to position {known}, and ends at {entered} now: Kafka has lost its"
        " end, which the relay sends again while the service runs"
    )
    return Flaw(position=entered + 1, code="not-entered", message=message)


def is_table(open_log: OpenLog) -> bool:
    """Whether the log is the table of PostgreSQL itself."""
    log = open_log()
    try:
        return log.topic_id == TABLE_TOPIC
    finally:
        log.close()


def _accepted(open_log: OpenLog, verifier: Verifier) -> int:
    """Up to which position a reader accepts the log."""
    log = open_log()
    try:
        reader = Reader(log, verifier)
        # The log of a running service grows meanwhile; its end at the beginning is enough.
        for _ in range(0, log.end(), _FETCH):
            reader.poll(_FETCH)
        return reader.place.position
    finally:
        log.close()


def _view_differs(table: str) -> Flaw:
    message = f"the table {table} that is read is not what the log makes; a rebuild makes it anew"
    return Flaw(position=None, code="view-differs", message=message)


def _first(flaws: Sequence[Flaw]) -> tuple[Flaw, ...]:
    """The first flaws in the order of the log; behind them those that stand at no record."""
    ordered = sorted(flaws, key=lambda flaw: (flaw.position is None, flaw.position or 0))
    return tuple(ordered[:FLAWS_MAX])


def verify_log(
    connection: Connection, verifier: Verifier, progress: Progress | None = None
) -> CheckedLog:
    """Read every record in order and hold it, and what was kept beside it, against its bytes.

    One snapshot, so that a ledger may be verified while it is written.
    """
    found = _Flaws()
    with _snapshot(connection):
        end = int(_one(connection, "last")[0])
        keys = public_keys(connection)
        walk = _Walk(verifier, keys, found)
        beside = _Beside(connection, found)
        for row in _cursor(connection, "records"):
            record = _Record(*row)
            run = walk.take(record)
            if run is not None:
                beside.compare(run)
            if progress is not None and record.position % _PROGRESS_EVERY == 0:
                progress(record.position, end)
        last = walk.end()
        if last is not None:
            beside.compare(last)
        beside.end()
        _compare_notifications(connection, found)
        _compare_head(connection, walk, found)
    if progress is not None:
        progress(end, end)
    return CheckedLog(
        events=walk.count, head=walk.position, flaws=_first(found.first), flaw_count=found.count
    )


@contextmanager
def _snapshot(connection: Connection) -> Iterator[None]:
    before = connection.isolation_level
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction():
            yield
    finally:
        connection.isolation_level = before


def _cursor(connection: Connection, name: str) -> Iterator[TupleRow]:
    with connection.cursor(name=f"verify_{name}") as cursor:
        cursor.execute(_SQL[name], binary=True)
        yield from rows_ahead(cursor, _FETCH)


def _one(connection: Connection, name: str, **values: Any) -> TupleRow:  # noqa: ANN401  # parameters of SQL
    row = connection.execute(_SQL[name], values).fetchone()
    assert row is not None, "an aggregate gives one row"
    return row


@dataclass(slots=True)
class _Flaws:
    """The first flaws found, and how many there were."""

    first: list[Flaw] = field(default_factory=list)
    count: int = 0

    def add(self, position: int | None, code: str, message: str) -> None:
        self.count += 1
        # Records, commands and identifiers are walked side by side, a little out of step.
        if len(self.first) < 3 * FLAWS_MAX:
            self.first.append(Flaw(position=position, code=code, message=message))


# The records --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Record:
    """A row of `ledger_record`."""

    position: int
    event_id: str
    chain: bytes
    leaf: bytes
    term: int
    type: str
    subject: str
    version: int
    value: bytes
    signature: bytes | None


@dataclass(slots=True)
class _Run:
    """The records of one command: they follow one another, in one batch."""

    first: int
    last: int
    subject: str
    command: str
    key: str | None
    time: str
    claims: list[Identifier] = field(default_factory=list)

    def goes_on(self, envelope: Envelope) -> bool:
        """Whether the record behind it is of the same command."""
        return (
            self.key == envelope.idemkeyhash
            and self.command == envelope.commandhash
            and self.subject == envelope.subject
            and self.time == envelope.time
        )


class _Walk:
    """Goes from record to record and knows what must come next."""

    def __init__(self, verifier: Verifier, keys: Sequence[PublicKey], found: _Flaws) -> None:
        self.count = 0
        self.position = 0
        self.term = 0
        self.time = ""
        self.chain = GENESIS
        """The chain hash behind the last record, worked out from bytes."""
        self._stored_chain = GENESIS
        self._unsigned = 0
        self._versions: dict[str, int] = {}
        self._run: _Run | None = None
        self._verifier = verifier
        self._keys = keys
        self._found = found

    def take(self, record: _Record) -> _Run | None:
        """Check a record; give the command that ended before it, if one did."""
        self.count += 1
        follows = record.position == self.position + 1
        if not follows:
            span = f"positions {self.position + 1} to {record.position - 1} are missing"
            self._found.add(self.position + 1, "missing", span)
            self._unsigned = 0  # whether a signature is missing too cannot be told
        self.position = record.position
        leaf = leaf_hash(record.value)
        if leaf != record.leaf:
            self._wrong("leaf", "its bytes are not those that its leaf hash was made of")
        try:
            envelope = read_envelope(record.value)
        except UnreadableRecord as error:
            self._wrong("unreadable", str(error))
            self.chain = self._stored_chain = record.chain
            self._check_version(record.type, record.subject, record.version)
            return None
        self._check_batch(record, envelope)
        self._check_chain(record, envelope, leaf, follows=follows)
        self._check_term(envelope)
        self._check_columns(record, envelope)
        self._check_version(envelope.type, envelope.subject, envelope.subjectversion)
        return self._take_event(envelope)

    def end(self) -> _Run | None:
        """Check how the log ends; give its last command."""
        if self._unsigned:
            self._wrong("signature", "the log ends within a batch: its last record is not signed")
        return self._run

    def _wrong(self, code: str, message: str) -> None:
        self._found.add(self.position, code, message)

    def _check_batch(self, record: _Record, envelope: Envelope) -> None:
        """The records of a batch are recorded at one instant, and a term is opened alone."""
        ended = envelope.time != self.time or envelope.type == TERM_OPENED
        if self._unsigned and (ended or self._unsigned >= BATCH_RECORDS_MAX):
            message = "it ends a batch and is not signed"
            self._found.add(record.position - 1, "signature", message)
            self._unsigned = 0
        if envelope.time < self.time:
            self._wrong("time", f"it is recorded at {envelope.time}, before the one before it")
        self.time = envelope.time

    def _check_chain(
        self, record: _Record, envelope: Envelope, leaf: bytes, *, follows: bool
    ) -> None:
        before = bytes.fromhex(envelope.prev)
        if follows and before not in {self.chain, self._stored_chain}:
            message = f"it does not continue position {record.position - 1}: one of them is changed"
            self._wrong("chain", message)
        self.chain = chain_hash(before, leaf)
        self._stored_chain = record.chain
        if record.chain != self.chain:
            self._wrong("chain", "its chain hash is not that of its bytes")
        if record.signature is None:
            self._unsigned += 1
            return
        self._unsigned = 0
        head = Head(position=envelope.position, chain=self.chain, term=envelope.term)
        if not self._verifier(head, record.signature, record.value):
            self._wrong("signature", f"its signature is not one of term {envelope.term}")

    def _check_term(self, envelope: Envelope) -> None:
        wanted = self.term + 1 if envelope.type == TERM_OPENED else self.term
        if envelope.term != wanted:
            self._wrong("term", f"it is of term {envelope.term}; {wanted} is due here")
        self.term = envelope.term

    def _check_columns(self, record: _Record, envelope: Envelope) -> None:
        said: tuple[tuple[str, object, object], ...] = (
            ("position", record.position, envelope.position),
            ("event_id", record.event_id, envelope.id),
            ("term", record.term, envelope.term),
            ("type", record.type, envelope.type),
            ("subject", record.subject, envelope.subject),
            ("subject_version", record.version, envelope.subjectversion),
        )
        for column, stored, signed in said:
            if stored != signed:
                message = f"the column {column} says {stored}, the record itself {signed}"
                self._wrong("column", message)

    def _check_version(self, stored_name: str, subject: str, version: int) -> None:
        if stored_name == EVENTSOURCING_STORED:
            return  # the library counts as it likes; no two are the same, says the table
        wanted = self._versions.get(subject, 0) + 1
        if version != wanted:
            message = f"it is version {version} of {subject}; {wanted} is due"
            self._wrong("version", message)
        self._versions[subject] = version

    def _take_event(self, envelope: Envelope) -> _Run | None:
        ended = None
        run = self._run
        if run is None or not run.goes_on(envelope):
            ended = run
            run = self._run = _Run(
                first=self.position,
                last=self.position,
                subject=envelope.subject,
                command=envelope.commandhash,
                key=envelope.idemkeyhash,
                time=envelope.time,
            )
        run.last = self.position
        if envelope.type in STORED_NAMES:
            try:
                self._note(envelope.event(), run)
            except UnreadableRecord as error:
                self._wrong("unreadable", str(error))
        return ended

    def _note(self, event: Event, run: _Run) -> None:
        """What of the event stands elsewhere too: identifiers, and the key of a term."""
        match event:
            case SubjectRegistered(identifiers=identifiers):
                run.claims += (key for one in identifiers for key in index_keys(one))
            case IdentifierAdded(identifier=identifier):
                run.claims += index_keys(identifier)
            case TermOpened(term=term, public_key=public):
                if not any(_signs(key, term) and key.key.hex() == public for key in self._keys):
                    self._wrong("key", f"the key that opened term {term} is not in ledger_key")
            case _:
                pass


def _signs(key: PublicKey, term: int) -> bool:
    return key.first_term <= term and (key.last_term is None or term <= key.last_term)


# What stands beside them --------------------------------------------------------------------------


class _Rows:
    """Rows in the order of the position that each begins with, taken as the records go by."""

    def __init__(self, rows: Iterator[TupleRow]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def upto(self, position: int) -> Iterator[TupleRow]:
        while self._next is not None and self._next[0] <= position:
            yield self._next
            self._next = next(self._rows, None)

    def rest(self) -> Iterator[TupleRow]:
        while self._next is not None:
            yield self._next
            self._next = next(self._rows, None)


class _Beside:
    """The tables of commands and identifiers, which the records rebuild."""

    def __init__(self, connection: Connection, found: _Flaws) -> None:
        self._connection = connection
        self._commands = _Rows(_cursor(connection, "commands"))
        self._identifiers = _Rows(_cursor(connection, "identifiers"))
        self._found = found

    def compare(self, run: _Run) -> None:
        """Hold the rows of this command's positions against what its records say."""
        self._compare_commands(run)
        self._compare_identifiers(run)

    def end(self) -> None:
        """Every row behind the last record is one of nothing."""
        for row in self._commands.rest():
            self._stray_command(row)
        for row in self._identifiers.rest():
            self._stray_identifier(row)

    def _compare_commands(self, run: _Run) -> None:
        rows = list(self._commands.upto(run.last))
        if run.key is not None:
            wanted = (run.first, run.key, run.command, run.last)
            if wanted in rows:
                rows.remove(wanted)
            else:
                message = f"ledger_command does not say that a key did {run.first} to {run.last}"
                self._found.add(run.first, "command", message)
        for row in rows:
            self._stray_command(row)

    def _compare_identifiers(self, run: _Run) -> None:
        rows = set(self._identifiers.upto(run.last))
        wanted = {(run.first, one.kind.value, one.value, run.subject) for one in run.claims}
        for _, kind, value, subject in sorted(wanted - rows):
            asked = {"kind": kind, "value": value}
            held = self._connection.execute(_SQL["holder"], asked).fetchone()
            # One that the subject held already stays where it was.
            if held is None or held[0] != subject or held[1] >= run.first:
                message = f"ledger_identifier does not lead from its {kind} to {subject}"
                self._found.add(run.first, "identifier", message)
        for row in sorted(rows - wanted):
            self._stray_identifier(row)

    def _stray_command(self, row: TupleRow) -> None:
        message = f"ledger_command says that key {row[1]} did {row[0]} to {row[3]}; no record does"
        self._found.add(row[0], "command", message)

    def _stray_identifier(self, row: TupleRow) -> None:
        # The value is not shown: it may be what leads to a person.
        message = f"ledger_identifier leads from a {row[1]} to {row[3]}; no record does"
        self._found.add(row[0], "identifier", message)


def _compare_notifications(connection: Connection, found: _Flaws) -> None:
    for position, due, stored in connection.execute(_SQL["notifications"]):
        message = f"ledger_notification numbers it {stored}; {due} is due here"
        found.add(position, "notification", message)


def _compare_head(connection: Connection, walk: _Walk, found: _Flaws) -> None:
    row = connection.execute(_SQL["head"]).fetchone()
    if row is None:
        found.add(None, "head", "the head row is missing")
        return
    position, chain, term, recorded_at, notifications, numbered = row
    said: tuple[tuple[str, object, object], ...] = (
        ("position", position, walk.position),
        ("chain_hash", chain.hex(), walk.chain.hex()),
        ("term", term, walk.term),
        ("recorded_at", recorded_at, _instant(walk.time)),
        ("notifications", notifications, numbered),
    )
    for column, stored, signed in said:
        if stored != signed:
            message = f"the head's {column} is {stored}, the last record's {signed}"
            found.add(walk.position, "head", message)


def _instant(time: str) -> datetime | None:
    return parse_instant(time) if time else None
