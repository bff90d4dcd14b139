"""The sequencer, its identifier index and its log in memory.

The same contracts, for tests and for previews.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from ledger.acceptance import Arrival
from ledger.identifiers import Identifier, SubjectId
from ledger.record import Head
from ledger.sequencing import Append, AppendOutcome, CommandRecord, Stored
from ledger.values import EventId

from .batch import Ground, Row, Sign, admit, build, cut, outcomes
from .codec import instant, read_fields

__all__ = ["MemoryStore"]


class MemoryStore:
    """A ledger in memory. What is appended is as durable as the process."""

    topic_id = "memory"

    def __init__(self, ledger: str, sign: Sign, now: Callable[[], datetime]) -> None:
        """An empty ledger: before `term-opened`, at term 0."""
        self._ledger = ledger
        self._sign = sign
        self._now = now
        self._head = Head()
        self._recorded_at: datetime | None = None
        self._ground = Ground()
        self._rows: list[Row] = []
        self._event_ids: set[str] = set()

    # The sequencer -------------------------------------------------------------------------------

    def append(self, batch: Sequence[Append]) -> tuple[AppendOutcome, ...]:
        """Append all that can be appended, one batch after the other."""
        self._ground.left_out.clear()
        return tuple(outcome for piece in cut(batch) for outcome in self._append(piece))

    def open_term(self, append: Append) -> None:
        """Append a `term-opened`, which begins the next term, as a batch of its own."""
        self._head = Head(
            position=self._head.position, chain=self._head.chain, term=self._head.term + 1
        )
        self._append([append])

    def _append(self, piece: Sequence[Append]) -> list[AppendOutcome]:
        answers, admitted = admit(piece, self._ground, self._head.position)
        rows: list[Row] = []
        if admitted:
            now = self._now()
            self._recorded_at = max(now, self._recorded_at or now)
            rows, self._head = build(
                admitted,
                ledger=self._ledger,
                before=self._head,
                time=instant(self._recorded_at),
                sign=self._sign,
            )
            for row in rows:
                assert row.event_id not in self._event_ids, f"the id {row.event_id} stands already"
                self._event_ids.add(row.event_id)
            self._rows += rows
        return outcomes(answers, rows)

    def position(self) -> int:
        """The position of the last record."""
        return self._head.position

    def commands(self, key_hashes: Sequence[str]) -> Mapping[str, CommandRecord]:
        """What these keys did."""
        known = self._ground.commands
        return {key: known[key] for key in key_hashes if key in known}

    def read(self, streams: Sequence[str]) -> Iterable[Stored]:
        """All records of these streams, in order."""
        wanted = set(streams)
        return [_stored(row) for row in self._rows if row.subject in wanted]

    def read_positions(self, first: int, last: int) -> Sequence[Stored]:
        """The records from `first` to `last`, both included."""
        return [_stored(row) for row in self._rows[first - 1 : last]]

    def streams_changed(self, after: int) -> tuple[int, frozenset[str]]:
        """The streams that got records behind a position."""
        return self._head.position, frozenset(row.subject for row in self._rows[after:])

    def streams_under(self, prefix: str) -> tuple[int, frozenset[str]]:
        """The streams whose names begin with a prefix."""
        names = (row.subject for row in self._rows)
        return self._head.position, frozenset(name for name in names if name.startswith(prefix))

    # The identifier index ------------------------------------------------------------------------

    def find(self, identifiers: Sequence[Identifier]) -> Mapping[Identifier, SubjectId]:
        """The subjects that these identifiers name."""
        holders = self._ground.holders
        return {one: holders[one] for one in identifiers if one in holders}

    # The log -------------------------------------------------------------------------------------

    def arrivals(self, offset: int, limit: int) -> Sequence[Arrival]:
        """At most `limit` records from `offset` on."""
        return [
            Arrival(row.value, row.signature, row.position - 1, 0, read_fields(row.value))
            for row in self._rows[offset : offset + limit]
        ]

    @property
    def log(self) -> "MemoryLog":
        """The records as a log."""
        return MemoryLog(self)


class MemoryLog:
    """The records of a store in memory, read as a log."""

    def __init__(self, store: MemoryStore) -> None:
        """The log of this store."""
        self._store = store
        self.topic_id = store.topic_id

    def read(self, offset: int, limit: int) -> Sequence[Arrival]:
        """At most `limit` records from `offset` on."""
        return self._store.arrivals(offset, limit)

    def end(self) -> int:
        """The offset behind the last record."""
        return self._store.position()


def _stored(row: Row) -> Stored:
    return Stored(
        row.position, EventId(row.event_id), row.subject, row.version, row.type, row.value
    )
