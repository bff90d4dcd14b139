"""What a store holds, proven from its bytes alone: its head, and the Merkle root over its leaves.

The log is read from its first record on and by the rule of acceptance; PostgreSQL record by record.
Two stores whose proofs are equal hold the same records, byte for byte.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.acceptance import Arrival, Verify
from ledger.log import Log, Place
from ledger.merkle import RunningRoot
from ledger.record import Head, chain_hash, leaf_hash

from .kafka_log import RecordDamaged
from .paging import rows_ahead
from .reader import Accepted, Reader
from .sql import queries

__all__ = [
    "Counted",
    "History",
    "NotProven",
    "Proof",
    "batches_of",
    "head_of",
    "prove_records",
    "read_history",
]

Counted = Callable[[int, int], None]
"""Told how far it is, and how far it is to go."""

_SQL: Final = queries("infra/proof.sql")
_PAGE: Final = 5_000
"""Large, so that few batches are cut by the end of a page."""
_PLACE_EVERY: Final = 10_000
"""So far apart are the places that are kept to fall back on (`infra/places.sql`)."""


class NotProven(RuntimeError):
    """A store does not hold what it should; the message names the position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A history: its last record, and the root of the Merkle tree over all of its leaves."""

    head: Head
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is entered on a log, from its first record on.

    `places` are batch ends, oldest first: one every 10 000 positions, and the last. `chains` holds
    the chain hashes of the positions that were asked for, as far as the history goes. `damaged` is
    why nothing behind the head can be read, where that is so.
    """

    proof: Proof
    places: tuple[Place, ...]
    chains: Mapping[int, bytes]
    refused: Mapping[str, int]
    damaged: str | None = None

    @property
    def head(self) -> Head:
        """The last record that is entered."""
        return self.proof.head

    def holds(self, head: Head) -> bool:
        """Whether this history has that head; its position was asked for."""
        return head.position == 0 or self.chains.get(head.position) == head.chain


def read_history(
    log: Log,
    verify: Verify,
    *,
    watched: Collection[int] = (),
    upto: int | None = None,
    progress: Counted | None = None,
) -> History:
    """Read what is entered on a log: all that it has now, or up to the position `upto`.

    Raises:
        KafkaUnreachable, LogMoved: it cannot be read to its end.
    """
    reader, root = Reader(log, verify), RunningRoot()
    wanted, chains = frozenset(watched), dict[int, bytes]()
    places: list[Place] = []
    head, damaged = Head(), None
    try:
        for batch in batches_of(reader, log, progress):
            for record in batch.records:
                if head.position == upto:
                    break
                leaf = leaf_hash(record.value)
                root.add(leaf)
                head = head_of(record, leaf)
                if head.position in wanted:
                    chains[head.position] = head.chain
            if batch.place.position <= head.position:
                _keep(places, batch.place)
            if head.position == upto:
                break
    except RecordDamaged as error:
        damaged = str(error)
    return History(
        proof=Proof(head=head, root=root.root()),
        places=tuple(places),
        chains=chains,
        refused=reader.refused,
        damaged=damaged,
    )


def batches_of(reader: Reader, log: Log, progress: Counted | None = None) -> Iterator[Accepted]:
    """What a reader accepts up to the end that the log has when it comes there."""
    end = log.end()
    while True:
        before = reader.next_offset
        yield from reader.poll(_PAGE)
        if progress is not None:
            progress(reader.next_offset, max(end, reader.next_offset))
        if reader.next_offset >= end:
            end = log.end()
        if reader.next_offset >= end or reader.next_offset == before:
            return


def head_of(record: Arrival, leaf: bytes) -> Head:
    """The head that an accepted record makes; `leaf` is its leaf hash, which is known already."""
    fields = record.fields
    assert fields is not None, "an accepted record has its fields"
    return Head(position=fields.position, chain=chain_hash(fields.prev, leaf), term=fields.term)


def _keep(places: list[Place], place: Place) -> None:
    """Keep the first place of every 10 000 positions, and behind them the last one."""
    if len(places) > 1 and _stretch(places[-1]) == _stretch(places[-2]):
        places.pop()
    places.append(place)


def _stretch(place: Place) -> int:
    return place.position // _PLACE_EVERY


def prove_records(
    connection: Connection[TupleRow],
    upto: int,
    *,
    verify: Verify | None = None,
    progress: Counted | None = None,
) -> Proof:
    """What PostgreSQL holds up to a position, from the bytes of its records.

    With `verify` the signatures that stand beside them are checked, too.

    Raises:
        NotProven: a record is missing, or its bytes are not what its chain hash says.
    """
    root, head, is_signed = RunningRoot(), Head(), True
    with connection.transaction(), connection.cursor(name="proof") as cursor:
        cursor.execute(_SQL["records"], {"upto": upto}, binary=True)
        for position, value, chain, term, signature in rows_ahead(cursor, _PAGE):
            leaf = leaf_hash(value)
            root.add(leaf)
            here = Head(position=position, chain=chain_hash(head.chain, leaf), term=term)
            if position != head.position + 1 or here.chain != chain:
                raise _changed(head.position + 1)
            is_signed = signature is not None
            if is_signed and verify is not None and not verify(here, signature, value):
                raise _changed(position)
            head = here
            if progress is not None and position % _PAGE == 0:
                progress(position, upto)
    if progress is not None:
        progress(head.position, upto)
    if head.position != upto or not is_signed:
        raise _changed(head.position if head.position == upto else head.position + 1)
    return Proof(head=head, root=root.root())


def _changed(position: int) -> NotProven:
    return NotProven(
        f"PostgreSQL's record {position} is missing or was changed: `credit-ledger verify` says"
        " what is wrong with it"
    )
