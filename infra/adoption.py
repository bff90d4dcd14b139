"""Takes entered records into PostgreSQL: the rows of `ledger_record`, and all that they imply.

Keys, versions and identifiers are read from the records, so that the sequencer knows what it would
know had it sequenced them itself. Whole batches, each with its signature; a crash between two
transactions leaves a shorter history that is adopted further.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.events import (
    CommandsVoided,
    IdentifierAdded,
    SubjectRegistered,
    TermOpened,
)
from ledger.identifiers import Identifier, index_keys
from ledger.log import Place
from ledger.record import EVENTSOURCING_STORED, chain_hash, leaf_hash

from .codec import Envelope, parse_instant, read_envelope
from .places import put_place
from .reader import Accepted
from .sql import queries

__all__ = ["adopt"]

_SQL: Final = queries("infra/adoption.sql")
_GATE: Final = queries("infra/gate_store.sql")
_SEQUENCER: Final = queries("infra/sequencer.sql")
_RECORDS_MAX: Final = 5_000
_TELLING: Final = frozenset(
    {"subject-registered", "identifier-added", "commands-voided", "term-opened"}
)
"""The events that say something to the sequencer's own tables."""


@dataclass(slots=True)
class _Taken:
    """The rows of some batches."""

    records: list[tuple[Any, ...]] = field(default_factory=list)
    commands: list[tuple[bytes, bytes, int, int]] = field(default_factory=list)
    identifiers: list[tuple[Identifier, str, int]] = field(default_factory=list)
    voided: list[tuple[int, list[bytes]]] = field(default_factory=list)
    keys: list[tuple[bytes, int]] = field(default_factory=list)
    numbers_notifications: bool = False
    term: int = 0
    recorded_at: datetime | None = None


def adopt(connection: Connection[TupleRow], batches: Iterator[Accepted], at: datetime) -> int:
    """Insert the batches behind the head, some thousand records a transaction; how many it were."""
    count = 0
    while group := list(_group(batches)):
        taken = _Taken()
        for batch in group:
            _take(taken, batch)
        with connection.transaction():
            _insert(connection, taken, group[-1].place, at)
        count += len(taken.records)
    return count


def _group(batches: Iterator[Accepted]) -> Iterator[Accepted]:
    records = 0
    for batch in batches:
        yield batch
        records += len(batch.records)
        if records >= _RECORDS_MAX:
            return


def _take(taken: _Taken, batch: Accepted) -> None:
    for arrival in batch.records:
        envelope = read_envelope(arrival.value)
        leaf = leaf_hash(arrival.value)
        taken.records.append(
            (
                envelope.position,
                envelope.id,
                chain_hash(bytes.fromhex(envelope.prev), leaf),
                leaf,
                envelope.term,
                envelope.type,
                envelope.subject,
                envelope.subjectversion,
                arrival.value,
                arrival.signature,
            )
        )
        taken.term = envelope.term
        taken.recorded_at = parse_instant(envelope.time)
        _take_key(taken, envelope)
        if envelope.type in _TELLING:
            _take_event(taken, envelope)
        elif envelope.type == EVENTSOURCING_STORED:
            taken.numbers_notifications = True


def _take_key(taken: _Taken, envelope: Envelope) -> None:
    """The records of one command follow one another and bear one key."""
    if envelope.idemkeyhash is None:
        return
    key = bytes.fromhex(envelope.idemkeyhash)
    if taken.commands and taken.commands[-1][0] == key:
        _, command, first, _ = taken.commands.pop()
        taken.commands.append((key, command, first, envelope.position))
    else:
        command = bytes.fromhex(envelope.commandhash)
        taken.commands.append((key, command, envelope.position, envelope.position))


def _take_event(taken: _Taken, envelope: Envelope) -> None:
    match envelope.event():
        case SubjectRegistered(identifiers=identifiers):
            found = [key for one in identifiers for key in index_keys(one)]
        case IdentifierAdded(identifier=identifier):
            found = list(index_keys(identifier))
        case CommandsVoided(keys=keys):
            taken.voided.append((envelope.position, [bytes.fromhex(key) for key in keys]))
            return
        case TermOpened(public_key=key, term=term):
            taken.keys.append((bytes.fromhex(key), term))
            return
        case _:
            return
    taken.identifiers += [(one, envelope.subject, envelope.position) for one in found]


def _insert(connection: Connection[TupleRow], taken: _Taken, place: Place, at: datetime) -> None:
    columns = list(map(list, zip(*taken.records, strict=True)))
    names = (
        "positions",
        "event_ids",
        "chains",
        "leaves",
        "terms",
        "types",
        "subjects",
        "versions",
        "values",
        "signatures",
    )
    connection.execute(_SQL["insert_records"], dict(zip(names, columns, strict=True)))
    if taken.numbers_notifications:
        after = taken.records[0][0] - 1
        connection.execute(_SEQUENCER["number_notifications"], {"after": after})
    if taken.commands:
        keys, commands, firsts, lasts = map(list, zip(*taken.commands, strict=True))
        asked = {"keys": keys, "commands": commands, "firsts": firsts, "lasts": lasts}
        connection.execute(_SQL["insert_commands"], asked)
    if taken.identifiers:
        connection.execute(
            _SQL["insert_identifiers"],
            {
                "kinds": [one.kind.value for one, _, _ in taken.identifiers],
                "values": [one.value for one, _, _ in taken.identifiers],
                "subjects": [subject for _, subject, _ in taken.identifiers],
                "positions": [position for _, _, position in taken.identifiers],
            },
        )
    for position, voided in taken.voided:
        connection.execute(_GATE["insert_voided"], {"position": position, "keys": voided})
    for key, term in taken.keys:
        connection.execute(_GATE["insert_key"], {"public_key": key, "first_term": term})
    connection.execute(
        _GATE["take_head"],
        {
            "position": place.position,
            "chain": place.chain,
            "term": taken.term,
            "recorded_at": taken.recorded_at,
        },
    )
    put_place(connection, place, at)
