"""The rule by which a record of the log counts as entered.

One pure class serves everybody who reads the log: relay, gate, API, projector and verifier. Given
the same records from the same place it gives the same answer. A record is accepted when it
continues the accepted chain and the last record of its batch bears a valid signature; a batch is
accepted whole or not at all.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from .record import NUMBER_MAX, TERM_OPENED, Head, chain_hash, leaf_hash

__all__ = [
    "PENDING_BYTES_MAX",
    "PENDING_RECORDS_MAX",
    "Acceptance",
    "Arrival",
    "RecordFields",
    "Verify",
]

PENDING_RECORDS_MAX: Final = 2_000
PENDING_BYTES_MAX: Final = 8 * 1024 * 1024


class RecordFields(NamedTuple):
    """What acceptance must know of a record.

    Its position, the chain hash before it, its term and type.
    """

    position: int
    prev: bytes
    term: int
    type: str


class Arrival(NamedTuple):
    """A record as it was read from the log; `fields` is null where its bytes are not a record.

    A tuple, as its fields are: millions are made, each in a third of the time of a dataclass.
    """

    value: bytes
    signature: bytes | None
    offset: int
    leader_epoch: int
    fields: RecordFields | None

    @property
    def position(self) -> int:
        """Where an accepted record stands in the ledger."""
        assert self.fields is not None, "an accepted record has its fields"
        return self.fields.position

    @property
    def chain(self) -> bytes:
        """The chain hash that this record makes, accepted or not; worked out at each asking."""
        assert self.fields is not None, "a record that can be read has its fields"
        return chain_hash(self.fields.prev, leaf_hash(self.value))


Verify = Callable[[Head, bytes, bytes], bool]
"""Whether a signature over this head is good.

Head, signature, record bytes (for the key that `term-opened` names).
"""


@dataclass(frozen=True, slots=True)
class _Pending:
    arrival: Arrival
    fields: RecordFields
    chain: bytes


class Acceptance:
    """The accepted head, and what waits behind it for a signature.

    `refused` counts by reason: `unreadable`, `behind` (a repeat of what was accepted),
    `another-record` (at an accepted position), `term`, `unknown-prev`, `unsigned`; and
    `invalid-signature`, which is looked at even where the record may still be completed.

    Feed records in the order of the log. The bounds on what waits are part of the protocol: readers
    with other bounds could disagree. They are twice the largest batch, so a batch that stands
    without a gap behind the accepted head is accepted whatever came before it.
    """

    def __init__(self, verify: Verify, head: Head | None = None) -> None:
        """Start behind `head` (default: before the first record)."""
        self.head = head or Head()
        self.refused: Counter[str] = Counter()
        self._verify = verify
        self._lately: deque[bytes] = deque(maxlen=PENDING_RECORDS_MAX)
        """Chain hashes of the last accepted records: no answer depends on them, only a count."""
        self._pending: dict[bytes, _Pending] = {}
        self._pending_bytes = 0

    @property
    def pending(self) -> int:
        """How many records wait for a signature."""
        return len(self._pending)

    def awaits(self, chain: bytes) -> bool:
        """Whether the record with this chain hash waits for the signature of its batch."""
        return chain in self._pending

    def feed_all(self, arrivals: Sequence[Arrival]) -> Iterator[tuple[Arrival, ...]]:
        """Take records; give each batch that is newly accepted, oldest record first.

        The rule is that of `feed`. Batches that stand whole behind the head, as nearly all do, are
        accepted without a look at each possibility for each of their records.
        """
        first = 0
        while first < len(arrivals):
            chains = self._standing(arrivals, first)
            behind = first + max(len(chains), 1)
            if chains:
                accepted = self._go_on(tuple(arrivals[first:behind]), chains)
            else:
                accepted = self.feed(arrivals[first])
            if accepted:
                yield accepted
            first = behind

    def _standing(self, arrivals: Sequence[Arrival], first: int) -> list[bytes]:
        """The chain hashes of the batch that stands whole behind the head from `first` on, if any.

        Whatever waits, `feed` would accept it too: no more of it waits than may, so that none of it
        would be dropped before its signature comes.
        """
        head = self.head
        position, chain, size = head.position, head.chain, 0
        chains: list[bytes] = []
        for at in range(first, min(len(arrivals), first + PENDING_RECORDS_MAX + 1)):
            arrival = arrivals[at]
            fields = arrival.fields
            position += 1
            if (
                fields is None
                or fields.prev != chain
                or fields.position != position
                or fields.term != head.term
                or fields.type == TERM_OPENED
                or position > NUMBER_MAX
            ):
                break
            chain = chain_hash(chain, leaf_hash(arrival.value))
            chains.append(chain)
            if arrival.signature is not None:
                made = Head(position=position, chain=chain, term=head.term)
                return chains if self._verify(made, arrival.signature, arrival.value) else []
            size += len(arrival.value)
            if size > PENDING_BYTES_MAX:
                break
        return []

    def feed(self, arrival: Arrival) -> tuple[Arrival, ...]:
        """Take one record; give the records that are newly accepted, oldest first."""
        fields = arrival.fields
        if fields is None or not 0 < fields.position <= NUMBER_MAX:
            return self._refuse("unreadable")
        chain = chain_hash(fields.prev, leaf_hash(arrival.value))
        if fields.position <= self.head.position:
            is_repeat = self._accepted_at(fields.position) in {None, chain}
            return self._refuse("behind" if is_repeat else "another-record")
        record = _Pending(arrival, fields, chain)
        if fields.type == TERM_OPENED:
            return self._feed_term(record)
        parent = self._pending.get(fields.prev)
        follows = parent is not None and fields.position == parent.fields.position + 1
        if fields.term != self.head.term:
            return self._refuse("term")
        if not (self._is_on_head(fields) or follows):
            return self._refuse("unknown-prev")
        self._forget(chain)
        self._pending[chain] = record
        self._pending_bytes += len(arrival.value)
        if self._is_signed(record):
            branch = self._branch_to(record)
            if branch:
                return self._accept(branch)
        self._drop_oldest()
        return ()

    def _feed_term(self, record: _Pending) -> tuple[Arrival, ...]:
        """A `term-opened` stands alone: it is accepted on the head at once, or refused."""
        if not self._is_on_head(record.fields):
            return self._refuse("unknown-prev")
        if record.fields.term != self.head.term + 1:
            return self._refuse("term")
        if not self._is_signed(record):
            return self._refuse("unsigned")
        return self._accept([record])

    def _is_on_head(self, fields: RecordFields) -> bool:
        return fields.prev == self.head.chain and fields.position == self.head.position + 1

    def _is_signed(self, record: _Pending) -> bool:
        signature = record.arrival.signature
        if signature is None:
            return False
        head = Head(position=record.fields.position, chain=record.chain, term=record.fields.term)
        if self._verify(head, signature, record.arrival.value):
            return True
        self.refused["invalid-signature"] += 1
        return False

    def _branch_to(self, record: _Pending) -> list[_Pending]:
        """From the head to the record, oldest first; empty if a link was dropped."""
        branch = [record]
        while branch[-1].fields.prev != self.head.chain:
            parent = self._pending.get(branch[-1].fields.prev)
            if parent is None:
                return []
            branch.append(parent)
        branch.reverse()
        return branch

    def _accept(self, branch: Sequence[_Pending]) -> tuple[Arrival, ...]:
        return self._go_on(
            tuple(record.arrival for record in branch), [record.chain for record in branch]
        )

    def _go_on(self, records: tuple[Arrival, ...], chains: Sequence[bytes]) -> tuple[Arrival, ...]:
        """Accept records with these chain hashes: nothing waits behind them."""
        last = records[-1].fields
        assert last is not None, "an accepted record has its fields"
        self.head = Head(position=last.position, chain=chains[-1], term=last.term)
        self._pending.clear()
        self._pending_bytes = 0
        self._lately.extend(chains)
        return records

    def _accepted_at(self, position: int) -> bytes | None:
        """The chain hash of an accepted record; null where that is long ago."""
        ago = self.head.position - position
        return self._lately[-1 - ago] if ago < len(self._lately) else None

    def _refuse(self, reason: str) -> tuple[Arrival, ...]:
        self.refused[reason] += 1
        return ()

    def _forget(self, chain: bytes) -> None:
        known = self._pending.pop(chain, None)
        if known is not None:
            self._pending_bytes -= len(known.arrival.value)

    def _drop_oldest(self) -> None:
        while len(self._pending) > PENDING_RECORDS_MAX or self._pending_bytes > PENDING_BYTES_MAX:
            self._forget(next(iter(self._pending)))
