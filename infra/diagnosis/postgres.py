"""What PostgreSQL says: its version, its tables, its clock, and what it holds of the ledger.

Every question is asked in a session that may only read.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from ledger.gate import Halt
from ledger.log import Place

from .. import clock
from ..creation import public_keys
from ..gate import Pinned
from ..log_source import pinned_in
from ..logs import without_values
from ..migrations import revision, revisions
from ..places import stored_places
from ..settings import Settings
from ..signer import PublicKey
from ..sql import queries
from ..stops import FENCED, section_of
from .address import Addresses
from .finding import PAGE, Finding, Severity, in_words
from .keys import of_keys
from .views import of_views

__all__ = ["Known", "of_postgres"]

_SQL: Final = queries("infra/diagnosis/diagnosis.sql")
_PATIENCE_S: Final = 3
_VERSION_MIN: Final = 150_000
_SKEW_S: Final = 2.0
_SKEWED_S: Final = 60.0
_RUN_ON_STOP: Final = {
    Halt.NOT_AS_PINNED.value: "credit-ledger topic",
    Halt.POSTGRES_LOST.value: "credit-ledger recover",
    FENCED: "credit-ledger recover --take-over",
}
"""What is to be run on a stop; else both stores are to be looked at first."""

Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What PostgreSQL knows of a ledger, as far as Kafka is judged by it."""

    position: int
    pinned: Pinned | None
    places: Sequence[Place]
    keys: Sequence[PublicKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    ledger: str
    position: int
    term: int
    recorded_at: datetime
    state: str
    reason: str | None
    is_here: bool


def of_postgres(settings: Settings, found: Addresses) -> tuple[Known | None, Sequence[Finding]]:
    """What it knows, null where it does not answer or holds no ledger; and what is wrong there."""
    if found.database_url is None:
        return None, ()
    findings: list[Finding] = []
    try:
        with closing(_connected(found.database_url)) as connection:
            known = _asked(settings, found, connection, findings)
    except psycopg.OperationalError as error:
        findings.append(_away(settings, found, error))
        return None, findings
    except psycopg.Error as error:
        findings.append(_odd(error))
        return None, findings
    return known, findings


def _connected(database_url: str) -> Connection:
    connection = psycopg.connect(database_url, autocommit=True, connect_timeout=_PATIENCE_S)
    connection.execute(_SQL["session"])
    return connection


def _away(settings: Settings, found: Addresses, error: psycopg.Error) -> Finding:
    is_named = settings.database_url is not None
    return Finding(
        check="postgresql",
        severity=Severity.ERROR,
        what=f"PostgreSQL cannot be asked: {without_values(error)}",
        why="nothing is recorded or read without it",
        run='pg_isready -d "$LEDGER_DATABASE_URL"'
        if is_named
        else f"tail {found.home.postgres}/log",
        see=f"{PAGE}README.md",
    )


def _odd(error: psycopg.Error) -> Finding:
    return Finding(
        check="postgresql",
        severity=Severity.ERROR,
        what=f"a question was not answered: {without_values(error)}",
        why="a table of the ledger is missing, or this account may not read it",
        run="credit-ledger migrate",
        see=f"{PAGE}README.md",
    )


def _asked(
    settings: Settings, found: Addresses, connection: Connection, findings: list[Finding]
) -> Known | None:
    findings += _of_server(connection)
    revised = _revision(str(found.database_url))
    findings.append(revised)
    if revised.severity is not Severity.OK:
        return None
    head = _head(connection)
    if head is None:
        findings.append(_no_ledger())
        return Known(position=0, pinned=pinned_in(connection), places=(), keys=())
    findings.append(_ledger(settings, head))
    if head.ledger != settings.id:
        return None
    findings.append(_state(head, has_service=found.run is not None))
    findings += _of_time(head)
    keys = public_keys(connection)
    findings += of_keys(settings, found.home, keys)
    pinned = pinned_in(connection)
    findings += _of_log(found, pinned)
    entered = _entered(connection, head, pinned)
    findings += of_views(connection, entered, has_service=found.run is not None)
    places = () if pinned is None else stored_places(connection, pinned.topic_id)
    return Known(position=head.position, pinned=pinned, places=places, keys=keys)


# The server -----------------------------------------------------------------------------------


def _of_server(connection: Connection) -> Iterator[Finding]:
    before = clock.now()
    row = connection.execute(_SQL["server"]).fetchone()
    assert row is not None, "a server knows itself"
    version, number, told, is_durable = row
    skew_s = (told - (before + (clock.now() - before) / 2)).total_seconds()
    if number < _VERSION_MIN:
        yield Finding(
            check="postgresql",
            severity=Severity.ERROR,
            what=f"PostgreSQL {version} is too old: 15 is the first that serves",
            why="statements of the ledger need what came with it",
            run="LEDGER_DATABASE_URL=URL_OF_A_NEWER_SERVER credit-ledger doctor",
            see=f"{PAGE}README.md",
        )
    else:
        yield Finding(check="postgresql", what=f"PostgreSQL {version} answers")
    if not is_durable:
        yield Finding(
            check="durability",
            severity=Severity.WARNING,
            what="the server runs with fsync or full_page_writes off",
            why="a power cut may take what it said was recorded, and more",
            run='psql "$LEDGER_DATABASE_URL" -c "ALTER SYSTEM RESET fsync"'
            ' -c "ALTER SYSTEM RESET full_page_writes" -c "SELECT pg_reload_conf()"',
        )
    yield _clock(skew_s)


def _clock(skew_s: float) -> Finding:
    shown = f"PostgreSQL's clock and this machine's differ by {in_words(abs(skew_s))}"
    if abs(skew_s) < _SKEW_S:
        return Finding(check="clock", what=shown)
    return Finding(
        check="clock",
        severity=Severity.ERROR if abs(skew_s) > _SKEWED_S else Severity.WARNING,
        what=shown,
        why="records carry the time of the machine that writes them: look at both clocks",
        run="timedatectl status",
    )


def _revision(database_url: str) -> Finding:
    found, newest = revision(database_url), revisions()[-1]
    if found is None:
        return Finding(
            check="migrations",
            severity=Severity.NOTE,
            what="nothing was made in this database yet",
            why="the first start makes its tables and the ledger",
            run="credit-ledger up",
            see=f"{PAGE}README.md",
        )
    if found > newest:
        return Finding(
            check="migrations",
            severity=Severity.ERROR,
            what=f"the database is at revision {found}, and this release knows {newest}",
            why="it was migrated by a later release: install that one, as there is no way back",
            run="pip show credit-ledger",
            see=f"{PAGE}README.md",
        )
    if found < newest:
        return Finding(
            check="migrations",
            severity=Severity.ERROR,
            what=f"the database is at revision {found}, and this release needs {newest}",
            why="nothing else can be looked at before; every start migrates by itself",
            run="credit-ledger migrate",
            see=f"{PAGE}README.md",
        )
    return Finding(check="migrations", what=f"the database is at revision {found}, the newest")


# The ledger -----------------------------------------------------------------------------------


def _head(connection: Connection) -> _Head | None:
    row = connection.execute(_SQL["head"]).fetchone()
    if row is None:
        return None
    ledger, position, term, recorded_at, state, reason, is_here = row
    return _Head(
        ledger=ledger,
        position=position,
        term=term,
        recorded_at=recorded_at,
        state=state,
        reason=reason,
        is_here=is_here,
    )


def _no_ledger() -> Finding:
    return Finding(
        check="ledger",
        severity=Severity.NOTE,
        what="this database holds no ledger yet",
        why="the first command that needs one makes it",
        run="credit-ledger up",
        see=f"{PAGE}README.md",
    )


def _ledger(settings: Settings, head: _Head) -> Finding:
    if head.ledger == settings.id:
        what = f"ledger {head.ledger}, term {head.term}, position {head.position}"
        return Finding(check="ledger", what=what)
    return Finding(
        check="ledger",
        severity=Severity.ERROR,
        what=f"the database holds the ledger {head.ledger}, and LEDGER_ID says {settings.id}",
        why="a database holds one ledger; every command refuses another",
        run=f"LEDGER_ID={head.ledger} credit-ledger doctor",
        see=f"{PAGE}README.md",
    )


def _state(head: _Head, *, has_service: bool) -> Finding:
    """Whether the ledger is written; where not, the page that says what to do."""
    section = section_of(head.state, head.reason)
    if head.state in {"stopped", "fenced"}:
        return Finding(
            check="serving",
            severity=Severity.ERROR,
            what=f"the ledger is {head.state}: {head.reason or 'no reason given'}",
            why="nothing is recorded until an operator has acted; reads go on",
            run=_RUN_ON_STOP.get(section, "credit-ledger verify"),
            see=f"{PAGE}stops.md#{section}",
        )
    if head.state == "healing":
        return Finding(
            check="serving",
            severity=Severity.WARNING,
            what=f"the ledger is healing: {head.reason or 'no reason given'}",
            why="the gate takes in what PostgreSQL lacks; it needs seconds, and a service",
            run="credit-ledger doctor" if has_service else "credit-ledger up",
            see=f"{PAGE}stops.md#{section}",
        )
    return Finding(check="serving", what="the ledger is open")


def _of_time(head: _Head) -> Iterator[Finding]:
    ahead_s = (head.recorded_at - clock.now()).total_seconds()
    if ahead_s > _SKEW_S:
        yield Finding(
            check="clock",
            severity=Severity.ERROR if ahead_s > _SKEWED_S else Severity.WARNING,
            what=f"the last record bears a time {in_words(ahead_s)} from now",
            why="a clock was ahead when it was written; records bear that time until it is past",
            run="timedatectl status",
        )


def _of_log(found: Addresses, pinned: Pinned | None) -> Iterator[Finding]:
    if found.is_on_kafka:
        return
    if pinned is not None:
        yield Finding(
            check="log",
            severity=Severity.ERROR,
            what=f"the ledger lives on the topic {pinned.name}, and no Kafka is named",
            why="it is never written on the table log again",
            run="LEDGER_KAFKA=HOST:PORT credit-ledger doctor",
            see=f"{PAGE}stops.md#not-serving",
        )
    else:
        yield Finding(
            check="log",
            severity=Severity.NOTE,
            what="the log is a table in PostgreSQL",
            why="it is for trying out, development and tests",
            run="LEDGER_KAFKA=HOST:PORT credit-ledger up",
            see=f"{PAGE}README.md",
        )


def _entered(connection: Connection, head: _Head, pinned: Pinned | None) -> int:
    """Up to where PostgreSQL knows that records are entered."""
    if pinned is None:
        return head.position
    places = stored_places(connection, pinned.topic_id)
    return places[0].position if places else 0
