"""What must hold of the log, seen from outside: from what clients wrote down, and a raw dump.

Nothing is shared with the service: records are read with `json`, hashed with `hashlib`, signatures
checked with `cryptography`, and the rule of acceptance is written down once more. Invariants bear
the names that they have in the protocol of the log. Run as a program it checks the artefacts that a
test left in a folder: `python -m tests.faults.check_history FOLDER`.
"""

import json
import re
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .dump import Record, TopicSeen, load

__all__ = [
    "Entry",
    "Evidence",
    "Key",
    "Line",
    "Row",
    "Violation",
    "accepted",
    "chain_of",
    "check",
    "key_hash",
    "keys_in",
    "leaf_of",
]

GENESIS: Final = bytes(32)
PENDING_MAX: Final = 2_000
PENDING_BYTES_MAX: Final = 8 * 1024 * 1024
NUMBER_MAX: Final = 2_147_483_647
TERM_OPENED: Final = "term-opened"
VOIDS: Final = "commands-voided"
CLOCK_MS: Final = 2
"""Two readings of one clock, one of them cut to milliseconds, differ by so much at most."""
_HASH: Final = re.compile(r"[0-9a-f]{64}")
SETTINGS: Final = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "unclean.leader.election.enable": "false",
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": "1048576",
}

Line = Mapping[str, Any]
"""`{seq, proc, op, key, invoke_ns, complete_ns, type, answer}`; `op` is record, ask or probe."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and how that is seen."""

    invariant: str
    message: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key and the terms that it signs; `last_term` null: it is in use."""

    public_key: bytes
    first_term: int
    last_term: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A record as PostgreSQL has it."""

    position: int
    value: bytes
    signature: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An accepted record. `entered_ms`: when the record stood there that completed its batch."""

    fields: Mapping[str, Any]
    value: bytes
    signature: bytes | None
    leaf: bytes
    chain: bytes
    entered_ms: int

    @property
    def position(self) -> int:
        """Its position."""
        return int(self.fields["position"])


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What a run leaves behind.

    `dumps` are raw dumps of the topic in order of time, the last one from the end. `rows` is what
    PostgreSQL holds at the end; null where that was not looked at. `topic` is the topic at the end,
    `pinned` the id that the ledger has pinned. `are_repeats_excused`: a sender lost an answer, two
    relays ran, a tail was lost or somebody planted records. `has_gaps`: a stranger's transaction
    left markers among the offsets. `refused`: how many records the service counts as refused.
    """

    ledger: str
    keys: Sequence[Key]
    lines: Sequence[Line]
    dumps: Sequence[Sequence[Record]]
    rows: Sequence[Row] | None = None
    topic: TopicSeen | None = None
    pinned: str | None = None
    are_repeats_excused: bool = False
    has_gaps: bool = False
    refused: int | None = None


def keys_in(text: str) -> list[Key]:
    """The keys of a file `keys.json`."""
    return [
        Key(
            public_key=bytes.fromhex(one["public_key"]),
            first_term=one["first_term"],
            last_term=one["last_term"],
        )
        for one in json.loads(text)["keys"]
    ]


# The log, read once more --------------------------------------------------------------------------


@dataclass(slots=True)
class _Acceptance:
    """The rule by which records of a topic become the log."""

    ledger: str
    keys: Sequence[Key]
    position: int = 0
    chain: bytes = GENESIS
    term: int = 0
    pending: OrderedDict[bytes, tuple[dict[str, Any], Record]] = field(default_factory=OrderedDict)
    pending_bytes: int = 0
    entries: list[Entry] = field(default_factory=list)
    refused: int = 0
    left_over: list[tuple[dict[str, Any], bytes]] = field(default_factory=list)
    """Refused records that somebody of ours has signed, and their chain hashes."""

    def feed(self, record: Record) -> None:
        fields = _fields(record.value)
        if fields is None or fields["position"] <= self.position:
            self.refused += 1
            return
        prev = bytes.fromhex(fields["prev"])
        chain = chain_of(prev, leaf_of(record.value))
        on_head = prev == self.chain and fields["position"] == self.position + 1
        is_signed = self._is_signed(fields, chain, record)
        if fields["type"] == TERM_OPENED:
            if on_head and fields["term"] == self.term + 1 and is_signed:
                self._accept([(fields, record)], record)
            else:
                self._refuse(fields, chain, is_signed=is_signed)
            return
        parent = self.pending.get(prev)
        follows = parent is not None and fields["position"] == parent[0]["position"] + 1
        if fields["term"] != self.term or not (on_head or follows):
            self._refuse(fields, chain, is_signed=is_signed)
            return
        self._forget(chain)
        self.pending[chain] = fields, record
        self.pending_bytes += len(record.value)
        branch = self._branch(chain) if is_signed else []
        if branch:
            self._accept(branch, record)
        while len(self.pending) > PENDING_MAX or self.pending_bytes > PENDING_BYTES_MAX:
            self._forget(next(iter(self.pending)))

    def _refuse(self, fields: dict[str, Any], chain: bytes, *, is_signed: bool) -> None:
        self.refused += 1
        if is_signed:
            self.left_over.append((fields, chain))

    def _forget(self, chain: bytes) -> None:
        found = self.pending.pop(chain, None)
        if found is not None:
            self.pending_bytes -= len(found[1].value)

    def _branch(self, chain: bytes) -> list[tuple[dict[str, Any], Record]]:
        branch = []
        while chain != self.chain:
            found = self.pending.get(chain)
            if found is None:
                return []
            branch.append(found)
            chain = bytes.fromhex(found[0]["prev"])
        return branch[::-1]

    def _accept(self, branch: Sequence[tuple[dict[str, Any], Record]], completes: Record) -> None:
        for fields, record in branch:
            leaf = leaf_of(record.value)
            self.chain = chain_of(bytes.fromhex(fields["prev"]), leaf)
            self.position, self.term = fields["position"], fields["term"]
            self.entries.append(
                Entry(
                    fields=fields,
                    value=record.value,
                    signature=record.signature,
                    leaf=leaf,
                    chain=self.chain,
                    entered_ms=completes.at_ms,
                )
            )
        self.pending.clear()
        self.pending_bytes = 0

    def _is_signed(self, fields: dict[str, Any], chain: bytes, record: Record) -> bool:
        signature = record.signature
        if signature is None:
            return False
        name, term = self.ledger.encode("ascii"), fields["term"]
        message = b"credit-ledger batch v1\0" + len(name).to_bytes(1, "big") + name
        message += term.to_bytes(8, "big") + fields["position"].to_bytes(8, "big") + chain
        for key in self.keys:
            if key.first_term <= term and (key.last_term is None or term <= key.last_term):
                try:
                    Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)
                except InvalidSignature:
                    continue
                return True
        return False


def accepted(records: Iterable[Record], ledger: str, keys: Sequence[Key]) -> list[Entry]:
    """The logical log that stands in a raw dump."""
    return _read(records, ledger, keys).entries


def _read(records: Iterable[Record], ledger: str, keys: Sequence[Key]) -> _Acceptance:
    rule = _Acceptance(ledger, keys)
    for record in records:
        rule.feed(record)
    return rule


def _fields(value: bytes) -> dict[str, Any] | None:
    """The attributes of a record; null where the bytes are none."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        return None
    numbers = [found.get("position"), found.get("term")]
    are_good = all(type(one) is int and 0 < one <= NUMBER_MAX for one in numbers)
    prev = found.get("prev")
    return found if are_good and isinstance(prev, str) and _HASH.fullmatch(prev) else None


def leaf_of(value: bytes) -> bytes:
    """The leaf hash of a record's bytes."""
    return sha256(b"\0" + value).digest()


def chain_of(before: bytes, leaf: bytes) -> bytes:
    """The chain hash of a record, from the one before it and its leaf."""
    return sha256(before + leaf).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root of the Merkle tree over leaf hashes (RFC 6962, section 2.1), by its definition."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + root(leaves[:half]) + root(leaves[half:])).digest()


def key_hash(key: str) -> str:
    """The hash that stands in the records of a command sent under this key."""
    return sha256(b"\0" + key.encode("ascii")).hexdigest()


# The invariants -----------------------------------------------------------------------------------


def check(evidence: Evidence) -> list[Violation]:
    """Everything that does not hold."""
    rule = _read(evidence.dumps[-1], evidence.ledger, evidence.keys)
    earlier = [accepted(one, evidence.ledger, evidence.keys) for one in evidence.dumps[:-1]]
    log = rule.entries
    return [
        *_log_is_whole(rule, evidence),
        *_log_is_one(log, earlier),
        *_receipts_stand(evidence.lines, log),
        *_keys_did_one_thing(evidence.lines, log),
        *_repeats_are_refused(evidence, rule),
        *_nothing_was_shown_early(evidence.lines, [*earlier, log]),
        *_real_time_is_kept(evidence.lines, log),
        *_stores_are_equal(evidence.rows, log),
        *_topic_is_as_it_must_be(evidence),
    ]


def _log_is_whole(rule: _Acceptance, evidence: Evidence) -> Iterator[Violation]:
    log = rule.entries
    for number, entry in enumerate(log, start=1):
        if entry.position != number:
            yield Violation("I2", f"position {entry.position} stands where {number} should")
    for number, record in enumerate(evidence.dumps[-1]):
        if record.offset != number and not evidence.has_gaps:
            yield Violation("I2", f"offset {record.offset} stands where {number} should")
            break
    for fields, chain in rule.left_over:
        if fields["term"] == rule.term and fields["position"] > rule.position:
            yield Violation(
                "I2",
                f"position {fields['position']} ({chain.hex()[:12]}) is signed and the log ends at"
                f" {rule.position}: there is a hole before it",
            )
    before = GENESIS
    for entry in log:
        if entry.fields["prev"] != before.hex():
            yield Violation("I6", f"position {entry.position} does not follow the one before it")
        before = chain_of(before, leaf_of(entry.value))
    for one, other in pairwise(log):
        if other.fields["time"] < one.fields["time"]:
            yield Violation("I15", f"position {other.position} was recorded before the one before")
    yield from _versions_are_whole(log)


def _versions_are_whole(log: Sequence[Entry]) -> Iterator[Violation]:
    versions: dict[str, int] = defaultdict(int)
    for entry in log:
        subject, version = entry.fields["subject"], entry.fields["subjectversion"]
        versions[subject] += 1
        if version != versions[subject]:
            yield Violation("I4", f"{subject} has version {version} as its {versions[subject]}th")


def _log_is_one(log: Sequence[Entry], earlier: Sequence[Sequence[Entry]]) -> Iterator[Violation]:
    ids = Counter(entry.fields["id"] for entry in log)
    yield from (Violation("I7", f"event {one} stands twice") for one, n in ids.items() if n > 1)
    for number, former in enumerate(earlier, start=1):
        for entry in former:
            now = log[entry.position - 1] if entry.position <= len(log) else None
            if now is None or now.chain != entry.chain:
                said = "is gone" if now is None else "is another"
                yield Violation("I7", f"position {entry.position} of dump {number} {said}")
                break


def _is_entered(line: Line) -> bool:
    answer = line["answer"]
    return line["type"] == "ok" and answer is not None and answer.get("state") == "entered"


def _receipts_stand(lines: Sequence[Line], log: Sequence[Entry]) -> Iterator[Violation]:
    for line in filter(_is_entered, lines):
        answer, key = line["answer"], line["key"]
        position = answer["position"]
        entry = log[position - 1] if 0 < position <= len(log) else None
        if entry is None:
            yield Violation("I1", f"{key} was entered at {position}; the log ends at {len(log)}")
        elif (entry.leaf.hex(), entry.chain.hex()) != (answer["leaf_hash"], answer["chain_hash"]):
            yield Violation("I1", f"{key} was entered at {position}, where another record stands")
        elif entry.fields.get("idemkeyhash") != key_hash(key):
            yield Violation("I1", f"{key} was entered at {position}, which bears another key")
        elif answer["version"] != entry.fields["subjectversion"]:
            yield Violation("I4", f"{key} was told another version than position {position} has")


def _keys_did_one_thing(lines: Sequence[Line], log: Sequence[Entry]) -> Iterator[Violation]:
    places: dict[str, list[int]] = defaultdict(list)
    voided: dict[str, int] = {}
    for entry in log:
        if entry.fields["type"] == VOIDS:
            voided |= dict.fromkeys(entry.fields["data"]["keys"], entry.position)
        elif "idemkeyhash" in entry.fields:
            places[entry.fields["idemkeyhash"]].append(entry.position)
    for hashed, found in places.items():
        first = log[found[0] - 1]
        are_one = found[-1] - found[0] == len(found) - 1
        same = {log[one - 1].fields["commandhash"] for one in found}
        if not are_one or len(same) > 1:
            yield Violation("I3", f"key {hashed[:12]} did something at each of {found}")
        if hashed in voided:
            yield Violation("I3", f"key {hashed[:12]} is voided and stands at {first.position}")
    calls: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line["key"] is not None:
            calls[line["key"]].append(line)
    for key, made in calls.items():
        where = places.get(key_hash(key), [])
        yield from _key_was_told_the_truth(key, made, where, voided, log)


def _key_was_told_the_truth(
    key: str,
    lines: Sequence[Line],
    where: Sequence[int],
    voided: Mapping[str, int],
    log: Sequence[Entry],
) -> Iterator[Violation]:
    sent = [line for line in lines if line["op"] == "record"]
    # One that nobody waited for any longer may be worked on later, so that no end of it is known.
    is_open = any((line["answer"] or {}).get("error") == "timeout" for line in sent)
    last_ns = max((line["complete_ns"] for line in sent), default=0)
    for line in lines:
        answer = line["answer"] or {}
        status, code = answer.get("status"), answer.get("code")
        if code == "voided":
            if where:
                yield Violation("I3", f"{key} was told voided and stands at {where[0]}")
            elif key_hash(key) not in voided:
                yield Violation("I3", f"{key} was told voided and the log does not say so")
        elif line["op"] == "record" and line["type"] == "fail" and where:
            yield Violation("I3", f"{key} was refused with {status} and stands at {where[0]}")
        elif code == "unknown-key" and where and line["invoke_ns"] > last_ns and not is_open:
            yield Violation("I3", f"{key} was told unknown, was not sent again, and is entered")
    for line in filter(_is_entered, sent):
        wanted = line["asked"].get("version")
        if wanted is not None and where:
            version = log[where[0] - 1].fields["subjectversion"]
            if version != wanted + 1:
                yield Violation("I4", f"{key} wanted version {wanted} and made {version}")


def _repeats_are_refused(evidence: Evidence, rule: _Acceptance) -> Iterator[Violation]:
    repeats = sum(Counter(record.value for record in evidence.dumps[-1]).values()) - len(
        {record.value for record in evidence.dumps[-1]}
    )
    if repeats and not evidence.are_repeats_excused:
        yield Violation("I5", f"{repeats} records stand in the topic twice, and nothing excuses it")
    if evidence.refused is not None and evidence.refused != rule.refused:
        yield Violation(
            "I5", f"the topic holds {rule.refused} refused records, and {evidence.refused} counted"
        )


def _nothing_was_shown_early(
    lines: Sequence[Line], histories: Sequence[Sequence[Entry]]
) -> Iterator[Violation]:
    """Nothing was told or shown before it stood on Kafka, by the clock of this one machine."""
    entered: dict[int, int] = {}
    for log in histories:
        for entry in log:
            entered[entry.position] = min(
                entry.entered_ms, entered.get(entry.position, entry.entered_ms)
            )
    for line in lines:
        shown = _shown(line)
        if shown == 0:
            continue
        at_ms = line["complete_ns"] // 1_000_000 + CLOCK_MS
        if shown not in entered:
            yield Violation("I8", f"call {line['seq']} shows {shown}, which no log ever had")
        elif entered[shown] > at_ms:
            late = entered[shown] - at_ms
            yield Violation("I8", f"call {line['seq']} shows {shown} {late} ms before it entered")


def _shown(line: Line) -> int:
    """The furthest position that an answer says or shows; 0 where it does neither."""
    if line["type"] != "ok" or line["answer"] is None:
        return 0
    if line["op"] == "probe":
        return int(line["answer"]["shown"])
    return int(line["answer"]["position"]) if _is_entered(line) else 0


def _real_time_is_kept(lines: Sequence[Line], log: Sequence[Entry]) -> Iterator[Violation]:
    """What was answered before another was sent stands before it."""
    places = {
        entry.fields["idemkeyhash"]: entry.position
        for entry in log
        if "idemkeyhash" in entry.fields
    }
    began: dict[str, int] = {}
    ended: dict[str, int] = {}
    for line in lines:
        if line["op"] == "record":
            key = line["key"]
            began[key] = min(line["invoke_ns"], began.get(key, line["invoke_ns"]))
        if _is_entered(line):
            ended[line["key"]] = min(
                line["complete_ns"], ended.get(line["key"], line["complete_ns"])
            )
    known = {key: places[key_hash(key)] for key in began if key_hash(key) in places}
    moments = [(ended[key], 0, key) for key in known if key in ended]
    moments += [(began[key], 1, key) for key in known]
    furthest, whose = 0, ""
    for _, is_begin, key in sorted(moments):
        if is_begin and known[key] < furthest and key != whose:
            yield Violation("I21", f"{key} was sent after {whose} was answered and stands before")
        elif not is_begin and known[key] > furthest:
            furthest, whose = known[key], key


def _stores_are_equal(rows: Sequence[Row] | None, log: Sequence[Entry]) -> Iterator[Violation]:
    if rows is None:
        return
    if len(rows) != len(log):
        yield Violation("I9", f"PostgreSQL holds {len(rows)} records and Kafka {len(log)}")
    size = min(len(rows), len(log))
    ours, theirs = (
        root([leaf_of(one.value) for one in rows[:size]]),
        root([one.leaf for one in log[:size]]),
    )
    if ours != theirs:
        first = next(n for n in range(size) if rows[n].value != log[n].value) + 1
        yield Violation("I9", f"the roots over {size} records differ, from position {first} on")
    for row, entry in zip(rows, log, strict=False):
        if row.signature != entry.signature:
            yield Violation("I9", f"the signatures at position {entry.position} differ")


def _topic_is_as_it_must_be(evidence: Evidence) -> Iterator[Violation]:
    topic = evidence.topic
    if topic is None:
        return
    if evidence.pinned is not None and topic.topic_id != evidence.pinned:
        yield Violation("I10", f"topic {topic.topic_id} is there, {evidence.pinned} is pinned")
    if topic.partitions != 1:
        yield Violation("I10", f"the topic has {topic.partitions} partitions")
    if topic.beginning != 0:
        yield Violation("I10", f"the topic begins at {topic.beginning}")
    for name, value in SETTINGS.items():
        if topic.settings.get(name) != value:
            yield Violation("I10", f"{name} is {topic.settings.get(name)}, must be {value}")


# As a program -------------------------------------------------------------------------------------


def _from_folder(folder: Path) -> Evidence:
    """What a test kept of its run."""
    said = json.loads((folder / "evidence.json").read_text("utf-8"))
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    rows = [
        Row(
            position=one["position"],
            value=bytes.fromhex(one["value"]),
            signature=None if one["signature"] is None else bytes.fromhex(one["signature"]),
        )
        for one in said["rows"] or ()
    ]
    return Evidence(
        ledger=said["ledger"],
        keys=keys_in((folder / "keys.json").read_text("utf-8")),
        lines=lines,
        dumps=[load(one) for one in sorted(folder.glob("dump-*.jsonl"))],
        rows=None if said["rows"] is None else rows,
        topic=None if said["topic"] is None else TopicSeen(**said["topic"]),
        pinned=said["pinned"],
        are_repeats_excused=said["are_repeats_excused"],
        has_gaps=said["has_gaps"],
        refused=said["refused"],
    )


def main() -> None:
    """Say what does not hold; exit code 1 if anything does not."""
    found = check(_from_folder(Path(sys.argv[1])))
    for violation in found:
        print(violation)  # noqa: T201  # what this program is for
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
