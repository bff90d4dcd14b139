"""The ledgers that an application of the eventsourcing library may have: in memory, on PostgreSQL.

Both append through the sequencer that the service appends through, and both show what is entered
and nothing else: until then a record may still lose against the log, and its notification id be
given out again.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import psycopg
from eventsourcing.persistence import IntegrityError, OperationalError
from eventsourcing.utils import retry
from psycopg.rows import TupleRow

from ledger.record import NUMBER_MAX
from ledger.sequencing import Append, Appended, AppendOutcome, Sequencer

from . import clock
from .connections import Pool
from .creation import KeyMissing
from .follower import Follower
from .memory import MemoryStore
from .sequencer import PostgresSequencer
from .serving import LedgerNotOpen, NotServing
from .sourced_records import stored_event
from .sql import queries

__all__ = [
    "Entered",
    "EnteredOnKafka",
    "EnteredOnTable",
    "MemoryLedger",
    "NotEntered",
    "PostgresLedger",
    "SourcedLedger",
]

_SQL: Final = {**queries("infra/sequenced.sql"), **queries("infra/sourcing.sql")}
_SETTLE_S: Final = 10.0
"""So long is it tried to find out whether a save was recorded, and to record it if it was not."""
_LOOK_S: Final = 0.1
_ATTEMPTS: Final = 6
"""More than the pool has connections: after a restart of the server each of them may be dead."""
_CONNECTION_S: Final = 5.0
_SHOWN_MAX: Final = 3


class NotEntered(OperationalError):
    """What was saved is sequenced, and not read back from Kafka in time: it will be, or it lost.

    Nothing shows it meanwhile, and what is saved at its versions meets an `IntegrityError`.
    """


class SourcedLedger(Protocol):
    """A log of the library's events, each with its stream and version, and a notification id.

    Notification ids are 1, 2, 3 … in the order of the log. Used from any thread. What it raises are
    the library's own errors.
    """

    def append(self, append: Append) -> Sequence[int]:
        """Record all or nothing; the notification ids, once the records are entered.

        Raises:
            IntegrityError: a stream has one of the versions already; nothing was recorded.
            NotEntered: they are recorded, and were not entered in time.
            OperationalError: nothing was recorded, unless the message says that nobody knows.
        """
        ...

    def events(
        self, stream: str, *, above: int, upto: int, backwards: bool, limit: int | None
    ) -> Sequence[bytes]:
        """Entered records of a stream, by version: above one and up to another."""
        ...

    def notifications(
        self, first: int, last: int, topics: Sequence[str], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """Entered records with these notification ids, in order; only of `topics`, if any."""
        ...

    def newest(self) -> int:
        """The last notification id that is entered; 0 before the first."""
        ...


# On PostgreSQL ------------------------------------------------------------------------------------


class Entered(Protocol):
    """What of that which PostgreSQL has sequenced is entered."""

    def upto(self) -> int:
        """The position up to which all is entered."""
        ...

    def wait(self, appended: Appended) -> None:
        """Return once these very records are entered.

        Raises:
            NotEntered: they were not in time.
        """
        ...


class EnteredOnTable:
    """On the table log sequencer and log are one: what is committed is entered."""

    def upto(self) -> int:
        """All there is."""
        return NUMBER_MAX

    def wait(self, appended: Appended) -> None:
        """It is."""


class EnteredOnKafka:
    """What the follower has read back from Kafka and accepted."""

    def __init__(self, follower: Follower, committed: Callable[[], None], wait_s: float) -> None:
        """Wait for at most `wait_s`; `committed` has the relay look for what it has to send."""
        self._follower = follower
        self._committed = committed
        self._wait_s = wait_s

    def upto(self) -> int:
        """The follower's position."""
        return self._follower.entered.position

    def wait(self, appended: Appended) -> None:
        """Wait for the follower.

        Raises:
            NotEntered: it did not come so far in time.
        """
        self._committed()
        is_entered = threading.Event()
        self._follower.tell(appended.last, appended.chain, lambda _: is_entered.set())
        if not is_entered.wait(self._wait_s):
            raise NotEntered(
                f"recorded at the positions {appended.first} to {appended.last}, and not entered on"
                f" Kafka within {self._wait_s:g} s: do not save it again, read later what became of"
                " it"
            )


class PostgresLedger:
    """The ledger in a database, with its log as a table there or on Kafka."""

    def __init__(self, sequencer: PostgresSequencer, pool: Pool, entered: Entered) -> None:
        """Append through `sequencer`, one at a time; read through `pool`."""
        self._sequencer = sequencer
        self._sequencing = threading.Lock()
        self._pool = pool
        self._entered = entered

    def append(self, append: Append) -> Sequence[int]:
        """As `SourcedLedger.append`."""
        with self._sequencing:
            appended = self._recorded(append)
        self._entered.wait(appended)
        ((first,),) = self._rows("notification_of", position=appended.first)
        return range(first, first + len(append.drafts))

    def _recorded(self, append: Append) -> Appended:
        """Append, and where the outcome is unknown look it up: never record anything twice."""
        deadline = clock.elapsed() + _SETTLE_S
        while True:
            try:
                (outcome,) = self._sequencer.append([append])
                if isinstance(outcome, Appended):
                    return outcome
                if not _history_is_another(self._sequencer):
                    raise _conflict(append, outcome)
            except (psycopg.OperationalError, NotServing) as error:
                found = self._settled(append, deadline, error)
                if found is not None:
                    return found
            except (LedgerNotOpen, KeyMissing) as error:
                raise OperationalError(f"nothing was recorded: {error}") from error

    def _settled(self, append: Append, deadline: float, error: Exception) -> Appended | None:
        """Where the records stand; null where it is sure that they do not, and time is left.

        Raises:
            OperationalError: time is up; it says what is known then.
        """
        ids = [draft.id for draft in append.drafts]
        while True:
            time.sleep(_LOOK_S)
            is_late = clock.elapsed() > deadline
            try:
                _history_is_another(self._sequencer)  # what it has of these records counts, too
                found = self._sequencer.positions_of(ids)
                if found:
                    last = found[ids[-1]]
                    return Appended(first=found[ids[0]], last=last, chain=self._chain_at(last))
            except (psycopg.OperationalError, OperationalError, NotServing) as again:
                if is_late:
                    raise OperationalError(
                        f"nobody knows whether the record {ids[0]} is on the log, and those saved"
                        f" with it: {again}"
                    ) from again
            else:
                if is_late:
                    raise OperationalError(f"nothing was recorded: {error}") from error
                return None

    def events(
        self, stream: str, *, above: int, upto: int, backwards: bool, limit: int | None
    ) -> Sequence[bytes]:
        """As `SourcedLedger.events`."""
        name = "events_backwards" if backwards else "events"
        rows = self._rows(
            name,
            entered=self._entered.upto(),
            stream=stream,
            above=above,
            upto=upto,
            limit=limit,
        )
        return [value for (value,) in rows]

    def notifications(
        self, first: int, last: int, topics: Sequence[str], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """As `SourcedLedger.notifications`."""
        asked = {"entered": self._entered.upto(), "first": first, "last": last, "limit": limit}
        if not topics:
            return self._numbered("notifications", **asked)
        return self._numbered("notifications_of_topics", **asked, topics=list(topics))

    def newest(self) -> int:
        """As `SourcedLedger.newest`."""
        rows = self._rows("newest_notification", entered=self._entered.upto())
        return rows[0][0] if rows else 0

    def _numbered(self, name: str, **asked: object) -> list[tuple[int, bytes]]:
        return [(number, value) for number, value in self._rows(name, **asked)]

    def _chain_at(self, position: int) -> bytes:
        ((chain,),) = self._rows("chain_at", position=position)
        return bytes(chain)

    @retry(OperationalError, max_attempts=_ATTEMPTS, wait=_LOOK_S)
    def _rows(self, name: str, **asked: object) -> list[TupleRow]:
        """The rows of a query; asked again where a connection of the pool was a dead one.

        Raises:
            OperationalError: the database cannot be reached.
        """
        try:
            with self._pool.connection(_CONNECTION_S) as connection:
                return connection.execute(_SQL[name], asked).fetchall()
        except psycopg.OperationalError as error:
            raise OperationalError(str(error)) from error


def _history_is_another(sequencer: Sequencer) -> bool:
    """Whether another term was opened since anything was appended here; it is taken over now."""
    _, streams = sequencer.streams_changed(NUMBER_MAX)
    return streams is None


def _conflict(append: Append, outcome: AppendOutcome) -> IntegrityError:
    saved = ", ".join(f"{draft.version} of {draft.stream}" for draft in append.drafts[:_SHOWN_MAX])
    more = " …" if len(append.drafts) > _SHOWN_MAX else ""
    return IntegrityError(f"nothing was recorded of {saved}{more}: {outcome}")


# In memory ----------------------------------------------------------------------------------------


class MemoryLedger:
    """A ledger in memory, as durable as the process: for tests and for trying out."""

    def __init__(self, store: MemoryStore) -> None:
        """Append to `store`, and keep beside it what its records are."""
        self._store = store
        self._lock = threading.Lock()
        self._numbered: list[bytes] = []
        self._streams: dict[str, dict[int, bytes]] = {}

    def append(self, append: Append) -> Sequence[int]:
        """As `SourcedLedger.append`."""
        with self._lock:
            (outcome,) = self._store.append([append])
            if not isinstance(outcome, Appended):
                raise _conflict(append, outcome)
            first = len(self._numbered) + 1
            for stored in self._store.read_positions(outcome.first, outcome.last):
                self._numbered.append(stored.value)
                self._streams.setdefault(stored.stream, {})[stored.version] = stored.value
        return range(first, first + len(append.drafts))

    def events(
        self, stream: str, *, above: int, upto: int, backwards: bool, limit: int | None
    ) -> Sequence[bytes]:
        """As `SourcedLedger.events`."""
        with self._lock:
            versions = self._streams.get(stream, {})
            wanted = sorted((at for at in versions if above < at <= upto), reverse=backwards)
            return [versions[at] for at in wanted[:limit]]

    def notifications(
        self, first: int, last: int, topics: Sequence[str], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """As `SourcedLedger.notifications`."""
        with self._lock:
            found = list(enumerate(self._numbered[max(first, 1) - 1 : last], start=max(first, 1)))
        if topics:
            found = [one for one in found if stored_event(one[1]).topic in topics]
        return found[:limit]

    def newest(self) -> int:
        """As `SourcedLedger.newest`."""
        return len(self._numbered)
