"""What must hold at the end of a history, from the raw topic and what everybody wrote down.

Nothing is shared with the service: records are read with `json`, hashed with `hashlib`, and the
rule of acceptance is written down once more. Invariants bear the names that they have in the
protocol of the log; 2.6 (what a key is told), 2.7 (terms) and 2.8 (the gate) are its sections.
"""

import hmac
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

from .requests import Call, name_of

__all__ = ["Entry", "Evidence", "Raw", "Violation", "accepted", "check"]

GENESIS: Final = bytes(32)
PENDING_MAX: Final = 16
"""How many records may wait for a signature; twice the largest batch, here eight records."""

Raw = tuple[bytes, bytes | None]
"""A record as it stands in a topic: its bytes and its signature."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and how it is seen."""

    invariant: str
    message: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.message}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A record that was read: its attributes, and the hashes that its bytes make."""

    value: bytes
    fields: dict[str, Any]
    prev: bytes
    leaf: bytes
    chain: bytes

    @property
    def position(self) -> int:
        """The position that it claims."""
        return int(self.fields["position"])


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What is left of a history.

    `topic` is the raw dump of the pinned topic, `sequenced` and `aside` are the records of
    PostgreSQL and their terms, `seen` is what any reader ever accepted (position and chain hash ->
    who), `places` where the running readers stand, `doubts` why a gate has stopped in doubt, `key`
    signs.
    """

    topic: Sequence[Raw]
    sequenced: Sequence[bytes]
    aside: Sequence[bytes]
    voided: frozenset[str]
    calls: Sequence[Call]
    seen: dict[tuple[int, bytes], str]
    places: dict[str, int]
    doubts: Sequence[str]
    take_overs: int
    are_repeats_excused: bool
    key: bytes


# Reading the log once more ------------------------------------------------------------------------


@lru_cache(maxsize=20_000)
def read(value: bytes) -> Entry | None:
    """The record in these bytes; null where they are none."""
    try:
        fields = json.loads(value)
        prev = bytes.fromhex(fields["prev"])
        if len(prev) != len(GENESIS) or fields["position"] < 1 or fields["term"] < 0:
            return None
    except (ValueError, KeyError, TypeError):
        return None
    leaf = sha256(b"\0" + value).digest()
    return Entry(value, fields, prev, leaf, sha256(prev + leaf).digest())


def is_signed(entry: Entry, signature: bytes | None, key: bytes) -> bool:
    """Whether the ledger has signed the batch that ends with this record."""
    if signature is None:
        return False
    name = entry.fields["source"].removeprefix("/ledgers/").encode()
    numbers = entry.fields["term"].to_bytes(8, "big") + entry.position.to_bytes(8, "big")
    message = b"credit-ledger batch v1\0" + bytes([len(name)]) + name + numbers + entry.chain
    return hmac.compare_digest(hmac.digest(key, message, "sha512"), signature)


def accepted(topic: Sequence[Raw], key: bytes) -> list[Entry]:
    """What a reader accepts that reads this topic from its beginning, in order."""
    log: list[Entry] = []
    waiting: dict[bytes, Entry] = {}
    for value, signature in topic:
        entry = read(value)
        if entry is None or entry.position <= len(log):
            continue
        head, term = (log[-1].chain, log[-1].fields["term"]) if log else (GENESIS, 0)
        follows_head = entry.prev == head and entry.position == len(log) + 1
        opens = entry.fields["type"] == "term-opened"
        parent = waiting.get(entry.prev)
        follows = parent is not None and parent.position + 1 == entry.position
        branch: list[Entry] = []
        if opens:
            is_next = follows_head and entry.fields["term"] == term + 1
            branch = [entry] if is_next and is_signed(entry, signature, key) else []
        elif entry.fields["term"] == term and (follows_head or follows):
            waiting.pop(entry.chain, None)
            waiting[entry.chain] = entry
            if is_signed(entry, signature, key):
                branch = _back_to(head, entry, waiting)
        if branch:
            log += branch
            waiting.clear()
        while len(waiting) > PENDING_MAX:
            del waiting[next(iter(waiting))]
    return log


def _back_to(head: bytes, entry: Entry, waiting: dict[bytes, Entry]) -> list[Entry]:
    branch = [entry]
    while branch[0].prev != head:
        if branch[0].prev not in waiting:
            return []
        branch.insert(0, waiting[branch[0].prev])
    return branch


# The invariants -----------------------------------------------------------------------------------


def check(found: Evidence) -> list[Violation]:
    """Every invariant that does not hold."""
    log = accepted(found.topic, found.key)
    return [
        *_is_a_chain(log),
        *_has_one_of_each(log),
        *_keeps_what_was_acknowledged(log, found.calls),
        *_has_one_outcome_for_each_key(log, found),
        *_repeats_only_where_excused(found),
        *_was_the_same_for_every_reader(log, found),
        *_is_the_same_in_both_stores(log, found),
        *_keeps_the_order_of_time(log, found.calls),
        *_names_ever_later_instances(log, found),
        *_never_loses_against_an_older_term(log, found),
        *_stops_only_with_cause(found),
        *_has_no_reader_that_is_stuck(log, found),
    ]


def _is_a_chain(log: Sequence[Entry]) -> Iterator[Violation]:
    before = GENESIS
    for number, entry in enumerate(log, start=1):
        if entry.position != number:
            yield Violation("I2", f"position {entry.position} stands where {number} should")
        if entry.prev != before:
            yield Violation("I6", f"position {number} does not name the hash before it")
        before = entry.chain


def _has_one_of_each(log: Sequence[Entry]) -> Iterator[Violation]:
    versions: Counter[str] = Counter()
    for entry in log:
        subject = entry.fields["subject"]
        versions[subject] += 1
        if entry.fields["subjectversion"] != versions[subject]:
            yield Violation("I4", f"{subject} has not version {versions[subject]} where it should")
    ids = Counter(entry.fields["id"] for entry in log)
    for event_id, count in ids.items():
        if count > 1:
            yield Violation("I7", f"event {event_id} is entered {count} times")


def _keeps_what_was_acknowledged(
    log: Sequence[Entry], calls: Sequence[Call]
) -> Iterator[Violation]:
    for call in calls:
        if call.answer is None or call.answer.told is None:
            continue
        told, key = call.answer.told, call.operation.key
        entry = log[told.position - 1] if told.position <= len(log) else None
        if entry is None or (entry.leaf, entry.chain) != (told.leaf, told.chain):
            yield Violation("I1", f"key {name_of(key)} was told 201 at {told.position}, it is lost")
        elif entry.fields.get("idemkeyhash") != key:
            yield Violation("I1", f"key {name_of(key)} was told the position of another command")


def _has_one_outcome_for_each_key(log: Sequence[Entry], found: Evidence) -> Iterator[Violation]:
    where: dict[str, list[int]] = {}
    for entry in log:
        if key := entry.fields.get("idemkeyhash"):
            where.setdefault(key, []).append(entry.position)
    operations = {call.operation.key: call.operation for call in found.calls}
    for key, positions in where.items():
        operation = operations[key]
        if positions != list(range(positions[0], positions[0] + operation.records)):
            yield Violation("I3", f"key {name_of(key)} has its records at {positions}")
        version = log[positions[0] - 1].fields["subjectversion"]
        if operation.if_match is not None and version != operation.if_match + 1:
            yield Violation(
                "I4", f"key {name_of(key)} was allowed on another version than it named"
            )
    answered = [
        (call.operation.key, call.answer.code) for call in found.calls if call.answer is not None
    ]
    for key, code in answered:
        if code in {409, 412} and key in where:
            yield Violation(
                "I3", f"key {name_of(key)} was told {code} and is entered at {where[key]}"
            )
    for lost in map(read, found.aside):
        assert lost is not None, "what was sequenced is a record"
        key = lost.fields.get("idemkeyhash")
        if key and key not in where and key not in found.voided:
            yield Violation("2.6", f"key {name_of(key)} was set aside, and nothing says so")


def _repeats_only_where_excused(found: Evidence) -> Iterator[Violation]:
    values = Counter(value for value, _ in found.topic)
    repeated = [read(value) for value, count in values.items() if count > 1]
    if repeated and not found.are_repeats_excused:
        positions = [entry.position for entry in repeated if entry is not None]
        yield Violation("I5", f"positions {positions} stand in the topic twice, and nothing failed")


def _was_the_same_for_every_reader(log: Sequence[Entry], found: Evidence) -> Iterator[Violation]:
    for (position, chain), who in found.seen.items():
        if position > len(log) or log[position - 1].chain != chain:
            yield Violation("I7", f"{who} accepted a record at {position} that is not there")


def _is_the_same_in_both_stores(log: Sequence[Entry], found: Evidence) -> Iterator[Violation]:
    kafka, postgres = _root([entry.value for entry in log]), _root(found.sequenced)
    if kafka != postgres:
        yield Violation(
            "I9", f"PostgreSQL has {len(found.sequenced)} records, the log another {len(log)}"
        )


def _root(values: Sequence[bytes]) -> bytes:
    """The Merkle root over some records (RFC 9162)."""
    if len(values) <= 1:
        return sha256(b"\0" + values[0]).digest() if values else sha256(b"").digest()
    half = 1 << ((len(values) - 1).bit_length() - 1)
    return sha256(b"\1" + _root(values[:half]) + _root(values[half:])).digest()


def _keeps_the_order_of_time(log: Sequence[Entry], calls: Sequence[Call]) -> Iterator[Violation]:
    """What was answered before something else was asked stands before it."""
    first: dict[str, int] = {}
    for entry in log:
        if key := entry.fields.get("idemkeyhash"):
            first.setdefault(key, entry.position)
    asked: dict[str, int] = {}
    moments: list[tuple[int, bool, str, int]] = []
    for call in calls:
        key = call.operation.key
        asked[key] = min(asked.get(key, call.invoked), call.invoked)
        if call.answer is not None and call.answer.told is not None:
            assert call.completed is not None, "an answer has its moment"
            moments.append((call.completed, False, key, call.answer.told.position))
    moments += [(when, True, key, first[key]) for key, when in asked.items() if key in first]
    furthest = 0
    for _, is_asked, key, position in sorted(moments):
        if is_asked and position < furthest:
            yield Violation("I21", f"key {name_of(key)} stands before what was answered before it")
        elif not is_asked:
            furthest = max(furthest, position)


def _names_ever_later_instances(log: Sequence[Entry], found: Evidence) -> Iterator[Violation]:
    """Two servers never take the log from each other in turns; an operator may once."""
    opened = [entry.fields["data"] for entry in log if entry.fields["type"] == "term-opened"]
    instances = [(one["server_timeline"], one["server_started_at"]) for one in opened]
    back = sum(after < before for before, after in pairwise(instances))
    if back > found.take_overs:
        yield Violation("2.7", f"an earlier server took the log back {back} times")


def _never_loses_against_an_older_term(
    log: Sequence[Entry], found: Evidence
) -> Iterator[Violation]:
    """Commands are sequenced when their term is entered: no older one can win against them."""
    for value in found.aside:
        entry = read(value)
        assert entry is not None, "what was sequenced is a record"
        is_command = "idemkeyhash" in entry.fields
        if not is_command or entry.position > len(log):
            continue
        winner = log[entry.position - 1]
        if winner.fields["term"] <= entry.fields["term"]:
            yield Violation(
                "2.7",
                f"a command of term {entry.fields['term']} was set aside at {entry.position} for"
                f" one of term {winner.fields['term']}",
            )


def _stops_only_with_cause(found: Evidence) -> Iterator[Violation]:
    """While one store has everything, no gate may say that it is lost, or changed."""
    for doubt in found.doubts:
        yield Violation("2.8", doubt)


def _has_no_reader_that_is_stuck(log: Sequence[Entry], found: Evidence) -> Iterator[Violation]:
    for who, position in found.places.items():
        if position != len(log):
            yield Violation("L2", f"{who} stands at {position} of {len(log)}")
    for call in found.calls:
        if call.completed is None:
            yield Violation("L2", f"key {name_of(call.operation.key)} waits for ever")
