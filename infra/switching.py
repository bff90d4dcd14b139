"""Reads the former generation of the views again, without any reader seeing the ledger go back.

A generation that is not read stands still. So it is first brought level: folded on, from its own
place, while the other one is read as before. Only the last few records are folded while the place
of the one that is read is held; in the same transaction the other is read. A position that was
shown is therefore shown ever after, and who waited to read what he wrote reads it.

Whatever ends this early leaves the generation that is read as it was; the former one is a little
further, which nobody sees.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from ledger.acceptance import Verify

from . import clock
from .connections import connect
from .failpoints import reach
from .generations import Generation, stored, switch_to, tables_of_views
from .log_source import OpenLog
from .logs import without_values
from .projector import Projector, ProjectorStopped
from .reader import PlaceLost
from .sql import queries

__all__ = ["GenerationSeen", "NotSwitchable", "Switch", "planned_switch", "switch_back"]

_SQL: Final = queries("infra/switching.sql")
_BATCH: Final = 5_000
_NEAR: Final = 500
"""So few records may be left to fold while readers' generation is held."""
_STALLED_S: Final = 5.0
_UNFIT: Final = (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError)

Connection = psycopg.Connection[TupleRow]
Progress = Callable[[int, int], None]
"""Told the position that was reached and the one to reach."""


class NotSwitchable(RuntimeError):
    """The former generation cannot be read again; the one that is read stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSeen:
    """A generation, and up to where it shows the log."""

    number: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Which generation is read, and which was read before and is kept."""

    read: GenerationSeen
    former: GenerationSeen

    @property
    def behind(self) -> int:
        """How many records the former one has still to fold to be level."""
        return max(0, self.read.position - self.former.position)


def planned_switch(database_url: str) -> Switch:
    """What is read now, and what would be; nothing is changed.

    Raises:
        NotSwitchable: there is nothing to switch back to, or it does not fit this version.
    """
    with connect(database_url) as connection:
        return _planned(connection)


def switch_back(
    database_url: str,
    open_log: OpenLog,
    verify: Verify,
    progress: Progress | None = None,
) -> Switch:
    """Bring the former generation level and read it; what is read from now on.

    A service that runs goes on by itself: its projector fills what is read. Switched back once
    more, the other one is read again.

    Raises:
        NotSwitchable: it cannot be done; what is read stays.
        One of `LOG_AWAY`: the log cannot be read now; what is read stays.
    """
    with connect(database_url) as connection:
        row = connection.execute(_SQL["try_rebuild"]).fetchone()
        if row is None or not row[0]:
            raise NotSwitchable(
                "views are being made anew or verified just now, and the former generation may be"
                " dropped: wait for the end of that"
            )
        before = _planned(connection)
        former = Generation(before.former.number)
        with closing(
            Projector(database_url, open_log=open_log, verify=verify, generation=former)
        ) as projector:
            try:
                _approach(connection, projector, progress)
                _switch_level(connection, projector, before)
            except (ProjectorStopped, PlaceLost) as error:
                raise _not_level(before, str(error)) from error
            except _UNFIT as error:
                raise _not_level(before, without_values(error)) from error
        return _planned(connection)


def _planned(connection: Connection) -> Switch:
    row = connection.execute(_SQL["generations"]).fetchone()
    if row is None:
        raise NotSwitchable("no generation of the views was made yet; start the service")
    live, shown, former, shown_by_former = row
    if former is None:
        raise NotSwitchable(
            f"generation {live} is read, and no former one is kept: one is kept by a rebuild"
        )
    _require_fit(connection, Generation(former))
    return Switch(
        read=GenerationSeen(number=live, position=shown or 0),
        former=GenerationSeen(number=former, position=shown_by_former or 0),
    )


def _require_fit(connection: Connection, former: Generation) -> None:
    """Refuse a generation without the tables that this version reads and writes."""
    if former not in stored(connection):
        raise NotSwitchable(
            f"generation {former.number} is not there any more (schema {former.schema}):"
            " `credit-ledger rebuild` makes a new one"
        )
    found = set(connection.execute(_SQL["columns"], {"schema": former.schema}))
    wanted = {(table.name, name) for table in tables_of_views() for name, _ in table.columns}
    missing = sorted(f"{table}.{name}" for table, name in wanted - found)
    if missing:
        raise NotSwitchable(
            f"generation {former.number} was made by another version of the service, and has not"
            f" {', '.join(missing[:3])}{' …' if len(missing) > len(missing[:3]) else ''}:"
            " `credit-ledger rebuild` makes the views anew"
        )


def _not_level(before: Switch, reason: str) -> NotSwitchable:
    return NotSwitchable(
        f"generation {before.former.number} cannot be brought level with generation"
        f" {before.read.number}, which is read as before: {reason}"
    )


def _approach(connection: Connection, projector: Projector, progress: Progress | None) -> None:
    """Fold until the former generation is close behind, or before, the one that is read."""
    last = clock.elapsed()
    while True:
        shown = _planned(connection).read.position
        if projector.step(_BATCH):
            last = clock.elapsed()
        reach("switch_back_between_batches")
        if progress is not None:
            progress(min(projector.position, shown), shown)
        if projector.position >= shown - _NEAR:
            return
        if clock.elapsed() - last > _STALLED_S:
            raise PlaceLost(
                f"the log is accepted up to position {projector.position} and no further"
            )


def _switch_level(connection: Connection, projector: Projector, before: Switch) -> None:
    """Hold the place of the generation that is read, fold up to it, and switch."""
    with connection.transaction():
        row = connection.execute(_SQL["hold_place"], {"generation": before.read.number}).fetchone()
        shown = 0 if row is None else int(row[0])
        last = clock.elapsed()
        while projector.position < shown:
            if projector.step(_BATCH, upto=shown):
                last = clock.elapsed()
            elif clock.elapsed() - last > _STALLED_S:
                raise PlaceLost(
                    f"the log is accepted up to position {projector.position} and not to {shown}"
                )
        reach("switch_back_before_switch")
        now = _planned(connection)
        if (now.read.number, now.former.number) != (before.read.number, before.former.number):
            raise NotSwitchable("another process has switched meanwhile: look what is read now")
        switch_to(connection, Generation(before.former.number))
    reach("switch_back_after_switch")
