"""The beginning of a ledger.

Its head, its key, and `term-opened` of term 1 as its first record, a batch of its own.
"""

import json
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
from ledger.service import Append
from ledger.values import EventId

from .codec import canonical, instant, term_opened_draft
from .sequencer import PostgresSequencer
from .signer import PublicKey, Signer
from .sql import queries

__all__ = ["KeyMissing", "OtherLedger", "create_ledger", "public_keys", "write_keys"]

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
            if row[0] != ledger:
                raise OtherLedger(
                    f"this database holds the ledger {row[0]}, not {ledger}: "
                    f"set LEDGER_ID={row[0]}, or name another database"
                )
            return False
        _begin(connection, ledger, signer(), fresh, now)
    return True


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
    """Keep the public keys in a file, for readers that have no database."""
    listed = [
        {"public_key": one.key.hex(), "first_term": one.first_term, "last_term": one.last_term}
        for one in keys
    ]
    text = json.dumps({"ledger": ledger, "keys": listed}, indent=2) + "\n"
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
