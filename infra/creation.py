"""The beginning of a ledger.

Its head, its key, and `term-opened` of term 1 as its first record, a batch of its own.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from ledger.events import TermOpened
from ledger.record import GENESIS
from ledger.sequencing import Append
from ledger.values import EventId

from .codec import canonical, instant, term_opened_draft
from .log_source import LivesOnKafka, pinned_in
from .sequencer import PostgresSequencer
from .signer import PublicKey, Signer
from .sql import queries

__all__ = [
    "KeyMissing",
    "OtherLedger",
    "create_ledger",
    "create_on_table",
    "holds_ledger",
    "public_keys",
    "require_ledger",
    "write_keys",
]

_SQL: Final = queries("infra/creation.sql")
_HEAD: Final = queries("infra/sequencer.sql")["head"]


class OtherLedger(RuntimeError):
    """The database holds another ledger than the one that was asked for."""


class KeyMissing(RuntimeError):
    """The private key of the ledger's present term is not here: it can be read, not written."""


@dataclass(frozen=True, slots=True)
class _Server:
    system_identifier: str
    timeline: int
    started_at: datetime


def create_ledger(
    connection: psycopg.Connection[TupleRow],
    *,
    ledger: str,
    signer: Callable[[], Signer],
    fresh: Callable[[], EventId],
    now: Callable[[], datetime],
) -> bool:
    """Create the ledger where the database holds none; whether it was created now.

    Head, key and first record come in one transaction. `signer` is asked for the key only when it
    is needed.

    Raises:
        OtherLedger: the database holds another ledger.
    """
    with connection.transaction():
        connection.execute(_SQL["hold_creation"])
        row = connection.execute(_HEAD).fetchone()
        if row is not None:
            _refuse_other(row[0], ledger)
            return False
        _begin(connection, ledger, signer(), fresh, now)
    return True


def create_on_table(
    connection: psycopg.Connection[TupleRow],
    *,
    ledger: str,
    signer: Callable[[], Signer],
    fresh: Callable[[], EventId],
    now: Callable[[], datetime],
) -> bool:
    """As `create_ledger`, for whoever runs the ledger on the table log.

    Raises:
        OtherLedger: the database holds another ledger.
        LivesOnKafka: it has lived on a topic of Kafka.
    """
    pinned = pinned_in(connection)
    if pinned is not None:
        raise LivesOnKafka(pinned)
    return create_ledger(connection, ledger=ledger, signer=signer, fresh=fresh, now=now)


def holds_ledger(connection: psycopg.Connection[TupleRow]) -> bool:
    """Whether the database holds a ledger."""
    return connection.execute(_HEAD).fetchone() is not None


def require_ledger(connection: psycopg.Connection[TupleRow], ledger: str) -> None:
    """Go on only where the database holds this ledger; nothing is created.

    Raises:
        OtherLedger: it holds another ledger, or none.
    """
    row = connection.execute(_HEAD).fetchone()
    if row is None:
        raise OtherLedger(f"this database holds no ledger yet; {ledger} is made when it is used")
    _refuse_other(row[0], ledger)


def _refuse_other(found: str, ledger: str) -> None:
    if found != ledger:
        raise OtherLedger(
            f"this database holds the ledger {found}, not {ledger}: "
            f"set LEDGER_ID={found}, or name another database"
        )


def _begin(
    connection: psycopg.Connection[TupleRow],
    ledger: str,
    signer: Signer,
    fresh: Callable[[], EventId],
    now: Callable[[], datetime],
) -> None:
    found = connection.execute(_SQL["server"]).fetchone()
    assert found is not None, "a server knows itself"
    server = _Server(*found)
    opened = TermOpened(
        term=1,
        incarnation=fresh(),
        system_identifier=server.system_identifier,
        server_timeline=server.timeline,
        server_started_at=instant(server.started_at),
        from_position=1,
        reason="created",
        public_key=signer.public_key.hex(),
    )
    connection.execute(
        _SQL["insert_head"],
        {
            "ledger": ledger,
            "chain": GENESIS,
            "recorded_at": now(),
            "incarnation": opened.incarnation,
            "system_identifier": server.system_identifier,
            "server_timeline": server.timeline,
            "server_started_at": server.started_at,
        },
    )
    connection.execute(
        _SQL["insert_key"], {"public_key": signer.public_key, "first_term": opened.term}
    )
    PostgresSequencer.within(connection, ledger, signer.sign, now).append(
        [
            Append(
                drafts=(term_opened_draft(opened, fresh()),),
                key_hash=None,
                command_hash=sha256(canonical(opened)).hexdigest(),
                actor="local",
            )
        ]
    )


def public_keys(connection: psycopg.Connection[TupleRow]) -> tuple[PublicKey, ...]:
    """The keys of the ledger, first term first."""
    return tuple(
        PublicKey(key=key, first_term=first, last_term=last)
        for key, first, last in connection.execute(_SQL["keys"])
    )


def write_keys(path: Path, ledger: str, keys: Sequence[PublicKey]) -> None:
    """Keep the public keys in a file, for readers that have no database.

    Such a reader finds the former file or the new one, never half of one.
    """
    listed = [
        {"public_key": one.key.hex(), "first_term": one.first_term, "last_term": one.last_term}
        for one in keys
    ]
    text = json.dumps({"ledger": ledger, "keys": listed}, indent=2) + "\n"
    if path.exists() and path.read_text("utf-8") == text:
        return
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    unfinished.write_text(text, "utf-8")
    unfinished.replace(path)
