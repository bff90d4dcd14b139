"""The views: whether they follow the log, before which record they stop, what is kept of others."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from ledger.events import STORED_NAMES, ProjectionSkipApproved
from ledger.record import BATCH_RECORDS_MAX

from .. import clock
from ..codec import UnreadableRecord, parse_instant, read_envelope
from ..sql import queries
from .finding import PAGE, Finding, Severity, in_words

__all__ = ["of_views"]

_SQL: Final = queries("infra/diagnosis/diagnosis.sql")
_GENERATIONS: Final = queries("infra/switching.sql")["generations"]
_LATE_S: Final = 10.0
_TOO_LATE_S: Final = 60.0

Connection = psycopg.Connection[TupleRow]


def of_views(connection: Connection, entered: int, *, has_service: bool) -> Iterator[Finding]:
    """What is to be said of them; `entered` is the position that they could show."""
    row = connection.execute(_GENERATIONS).fetchone()
    if row is None:
        yield Finding(
            check="projector",
            severity=Severity.NOTE,
            what="no views were made yet",
            why="the service's projector makes them",
            run="credit-ledger up",
        )
        return
    live, shown, former, shown_by_former = row
    yield _projector(connection, live, shown or 0, entered, has_service=has_service)
    yield from _generations(connection, live, former, shown_by_former or 0)


def _projector(
    connection: Connection, live: int, shown: int, entered: int, *, has_service: bool
) -> Finding:
    halt = _halt(connection, live, shown, entered)
    if halt is not None:
        position, event, stored_name = halt
        return Finding(
            check="projector",
            severity=Severity.ERROR,
            what=f"the views stop before position {position} (event {event}, {stored_name})",
            why="this version does not understand the record, and shows nothing from it on: install"
            " one that does, or let it pass",
            run=f"credit-ledger approve-skip {position} --reason WHY_IT_MAY_BE_PASSED_OVER",
            see=f"{PAGE}README.md",
        )
    behind = entered - shown
    if behind <= 0:
        return Finding(check="projector", what=f"generation {live} shows all up to {shown}")
    waits_s = _waits_s(connection, shown)
    what = f"the views show position {shown} of {entered}; the next waits for {in_words(waits_s)}"
    if not has_service:
        return Finding(
            check="projector",
            severity=Severity.NOTE,
            what=what,
            why="no service runs, so nobody projects; every command that reads does first",
            run="credit-ledger up",
        )
    if waits_s < _LATE_S:
        return Finding(check="projector", what=what)
    return Finding(
        check="projector",
        severity=Severity.ERROR if waits_s > _TOO_LATE_S else Severity.WARNING,
        what=what,
        why="readers see the ledger as it was then; after a bulk it catches up by itself, else the"
        " service says `projector ended` on stderr, and why",
        run="credit-ledger doctor",
        see=f"{PAGE}README.md",
    )


def _halt(
    connection: Connection, live: int, shown: int, entered: int
) -> tuple[int, str, str] | None:
    """The record before which a projector has stopped, or will: the next ones are looked at."""
    approved = _approved(connection, shown)
    row = connection.execute(_SQL["halt"], {"generation": live, "shown": shown}).fetchone()
    if row is not None and row[0] not in approved:
        return row[0], row[1], row[2]
    limit = min(BATCH_RECORDS_MAX, entered - shown)
    for position, value in connection.execute(
        _SQL["records"], {"after": shown, "limit": max(0, limit)}
    ):
        named = ("unknown", "unknown")
        try:
            envelope = read_envelope(value)
            named = (envelope.id, envelope.type)
            if envelope.critical or envelope.type in STORED_NAMES:
                envelope.event()
        except (UnreadableRecord, ValueError):
            if position not in approved:
                return position, *named
    return None


def _approved(connection: Connection, shown: int) -> frozenset[int]:
    """The positions that operators have let pass, as far as that is recorded behind a position."""
    found = set()
    for (value,) in connection.execute(_SQL["approvals"], {"after": shown}):
        event = read_envelope(value).event()
        assert isinstance(event, ProjectionSkipApproved), "its type says so"
        found.add(event.position)
    return frozenset(found)


def _waits_s(connection: Connection, shown: int) -> float:
    """For how long the first record behind a position has been recorded."""
    row = connection.execute(_SQL["records"], {"after": shown, "limit": 1}).fetchone()
    if row is None:
        return 0.0
    with suppress(UnreadableRecord, ValueError):
        recorded_at = parse_instant(read_envelope(row[1]).time)
        return max(0.0, (clock.now() - recorded_at).total_seconds())
    return 0.0


def _generations(
    connection: Connection, live: int, former: int | None, shown_by_former: int
) -> Iterator[Finding]:
    row = connection.execute(_SQL["schemas"]).fetchone()
    assert row is not None, "an aggregate gives one row"
    schemas, is_rebuilding = row
    if live not in schemas:
        yield Finding(
            check="generations",
            severity=Severity.ERROR,
            what=f"generation {live} is to be read, and there is no schema views_{live}",
            why="nothing can be read",
            run="credit-ledger rebuild --yes",
            see=f"{PAGE}README.md",
        )
    left = sorted(set(schemas) - {live, former})
    if left and is_rebuilding:
        yield Finding(
            check="generations",
            severity=Severity.NOTE,
            what=f"generation {left[-1]} is being made just now",
            why="a rebuild, or a verification, runs; it is read, or dropped, at its end",
            run="credit-ledger doctor",
        )
    elif left:
        named = ", ".join(map(str, left))
        yield Finding(
            check="generations",
            severity=Severity.WARNING,
            what=f"generation {named} is left of a rebuild that was cut off half done",
            why="it takes room, and nobody reads it; the next rebuild or verification drops it",
            run="credit-ledger rebuild --yes",
            see=f"{PAGE}README.md",
        )
    kept = (
        "no former one is kept"
        if former is None
        else f"{former} is kept, up to position {shown_by_former}, for `credit-ledger switch-back`"
    )
    yield Finding(check="generations", what=f"generation {live} is read, {kept}")
