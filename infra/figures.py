"""The figures by which operators watch a ledger, as PostgreSQL has them at one look.

All that is counted over the ledger's life is read from the database, so that it is right after a
restart, and the same in every process of the service.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from ledger.record import Head

from . import clock
from .codec import parse_instant
from .connections import connect
from .log_source import pinned_in
from .serving import Serving, standing_of, why_not_serving
from .sql import queries
from .stops import word_of
from .tally import appended_by_type

__all__ = [
    "LastRebuild",
    "RunningRebuild",
    "Stored",
    "StoredFigures",
    "Waiting",
    "add_refused",
    "begin_rebuild",
    "end_rebuild",
    "put_halt",
]

_SQL: Final = queries("infra/figures.sql")
_STANDING: Final = queries("infra/sequencer.sql")["standing"]

Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The first record that somebody has not come to yet, and when it was recorded."""

    position: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRebuild:
    """Views that are made anew just now, and up to where."""

    begun_at: datetime
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRebuild:
    """The last time that the views were made anew, indexes and comparison included."""

    ended_at: datetime
    events: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What PostgreSQL knew at one look.

    `state` is that of `ledger_head`, null where the database holds no ledger; `why_not` a word of
    `infra.stops` where this process does not serve. `generation` and `former` are null where there
    is none; `halted` is the position before which the projector has stopped. `unentered` and
    `unshown` are the first records that wait for the relay and for the projector. `appended` is
    null while an old log is still counted. `refused`: (source, reason) -> how often. `topic` is
    the pinned one.
    """

    position: int
    term: int
    state: str | None
    why_not: str | None
    generation: int | None
    former: int | None
    shown: int
    halted: int | None
    unentered: Waiting | None
    unshown: Waiting | None
    appended: Mapping[str, int] | None
    refused: Mapping[tuple[str, str], int]
    running_rebuild: RunningRebuild | None
    last_rebuild: LastRebuild | None
    topic: str | None


class StoredFigures:
    """Looks at one database on a connection of its own, from one thread at a time."""

    def __init__(
        self,
        database_url: str,
        entered: Callable[[], Head],
        serving: Serving | None,
        why_read_only: str | None,
    ) -> None:
        """Look at this database.

        Args:
            database_url: where it is.
            entered: the head that this process knows to be entered.
            serving: null where the log is the table.
            why_read_only: why this process could not sign; null where it can.
        """
        self._database_url = database_url
        self._entered = entered
        self._serving = serving
        self._why_read_only = why_read_only
        self._open: Connection | None = None

    def look(self) -> Stored:
        """What is stored now; a dozen short statements, none of which reads the whole log.

        Raises:
            psycopg.Error: it cannot be told now.
        """
        try:
            return self._looked()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the connection back."""
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def _looked(self) -> Stored:
        connection = self._connection()
        entered = self._entered()
        row = connection.execute(_STANDING, {"entered": entered.position}).fetchone()
        standing = None if row is None else standing_of(row)
        position = 0 if standing is None else standing.position
        pinned = pinned_in(connection)
        views = connection.execute(_SQL["views"]).fetchone() or (None, None, 0, None, None)
        shown = int(views[2])
        return Stored(
            position=position,
            term=0 if standing is None else standing.term,
            state=None if standing is None else standing.state,
            why_not=self._why_not(row, entered),
            generation=views[0],
            former=views[1],
            shown=shown,
            halted=views[4],
            unentered=_waiting(connection, entered.position + 1, position),
            unshown=_waiting(connection, shown + 1, min(entered.position, position)),
            appended=appended_by_type(connection),
            refused=_refused(connection),
            running_rebuild=_running_rebuild(connection),
            last_rebuild=_last_rebuild(connection),
            topic=None if pinned is None else pinned.name,
        )

    def _why_not(self, row: TupleRow | None, entered: Head) -> str | None:
        """The word for why this process does not write."""
        standing = None if row is None else standing_of(row)
        state = "" if standing is None else standing.state
        if self._serving is not None or state != "open":
            reason = why_not_serving(standing, entered)
            if reason is not None:
                return word_of(state, reason)
        return None if self._why_read_only is None else word_of("open", self._why_read_only)

    def _connection(self) -> Connection:
        if self._open is None:
            self._open = connect(self._database_url)
            self._open.execute(_SQL["session"])
        return self._open


def _waiting(connection: Connection, position: int, end: int) -> Waiting | None:
    """The record at a position, where it is not behind `end`."""
    if position > end:
        return None
    row = connection.execute(_SQL["recorded_at"], {"position": position}).fetchone()
    if row is None:
        return None
    with suppress(ValueError):
        return Waiting(position=position, since=parse_instant(row[0]))
    return Waiting(position=position, since=clock.now())


def _refused(connection: Connection) -> Mapping[tuple[str, str], int]:
    rows = connection.execute(_SQL["refused"])
    return {(source, reason): times for source, reason, times in rows}


def _running_rebuild(connection: Connection) -> RunningRebuild | None:
    row = connection.execute(_SQL["running_rebuild"]).fetchone()
    return None if row is None else RunningRebuild(begun_at=row[0], position=int(row[1]))


def _last_rebuild(connection: Connection) -> LastRebuild | None:
    row = connection.execute(_SQL["last_rebuild"]).fetchone()
    return None if row is None else LastRebuild(ended_at=row[0], events=row[1], seconds=row[2])


# What others leave to be seen -----------------------------------------------------------------


def add_refused(connection: Connection, source: str, reasons: Mapping[str, int]) -> None:
    """Count what a command of the command line refused (`source`: import, record), by its code."""
    if reasons:
        counted = {"reasons": list(reasons), "times": list(reasons.values())}
        connection.execute(_SQL["count_refused"], {"source": source, **counted})


def begin_rebuild(connection: Connection, generation: int) -> None:
    """A generation begins to be made anew."""
    connection.execute(_SQL["begin_rebuild"], {"generation": generation, "at": clock.now()})


def end_rebuild(connection: Connection, generation: int, events: int, seconds: float) -> None:
    """It is made."""
    ended = {"generation": generation, "events": events, "seconds": seconds, "at": clock.now()}
    connection.execute(_SQL["end_rebuild"], ended)


def put_halt(connection: Connection, position: int, event: str, stored_name: str) -> None:
    """The projector of the generation that is read has stopped before this record."""
    halt = {"position": position, "event": event, "type": stored_name, "at": clock.now()}
    connection.execute(_SQL["put_halt"], halt)
