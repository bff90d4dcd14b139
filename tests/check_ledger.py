"""An independent check of what a ledger's tables hold; it shares no code with `infra` or `ledger`.

Everything is worked out from the bytes of the records by hashlib, `rfc8785` and `cryptography`:
positions, chain, leaves, signatures, terms, versions, and from them the head and the tables of keys
and identifiers. It is cheap enough to be called at the end of every test that writes.
"""

import json
import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any

import psycopg
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["Kept", "check_ledger", "signed_bytes"]

REQUIRED = {
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "position",
    "prev",
    "term",
    "subjectversion",
    "commandhash",
    "actor",
    "critical",
    "suite",
    "data",
}
OPTIONAL = {"idemkeyhash", "authority", "region", "rulebook"}
SOURCED = "eventsourcing-stored"
OF_LIBRARY = REQUIRED - {"data"} | {"topic", "originatortype", "data_base64"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
HASH = re.compile(r"[0-9a-f]{64}")
INTEGER_MAX = 2**31 - 1
BATCH_RECORDS_MAX, BATCH_BYTES_MAX = 1_000, 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """One record as it stands in the table, and what its bytes say."""

    position: int
    value: bytes
    signature: bytes | None
    said: dict[str, Any]


def signed_bytes(ledger: str, term: int, position: int, chain: bytes) -> bytes:
    """What the signature of a batch covers, written out from the protocol."""
    name = ledger.encode("ascii")
    return (
        b"credit-ledger batch v1\x00"
        + bytes([len(name)])
        + name
        + term.to_bytes(8, "big")
        + position.to_bytes(8, "big")
        + chain
    )


def check_ledger(url: str, *, is_opaque: bool = False) -> tuple[Kept, ...]:
    """Assert that the tables are one sound ledger; its records, in order.

    Args:
        url: the ledger's database.
        is_opaque: records were appended that claim identifiers without naming them in their data.
    """
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        heads = connection.execute(
            "SELECT ledger, position, chain_hash, term, recorded_at, state FROM ledger_head"
        ).fetchall()
        rows = connection.execute(
            "SELECT position, event_id::text, chain_hash, leaf_hash, term, type, subject,"
            " subject_version, bytes, sig FROM ledger_record ORDER BY position"
        ).fetchall()
        keys = connection.execute(
            "SELECT public_key, first_term, last_term FROM ledger_key"
        ).fetchall()
        commands = connection.execute(
            "SELECT encode(key_hash, 'hex'), encode(command_hash, 'hex'), first_position,"
            " last_position FROM ledger_command"
        ).fetchall()
        identifiers = connection.execute(
            "SELECT kind, value, subject, position FROM ledger_identifier"
        ).fetchall()
        ((notifications,),) = connection.execute("SELECT notifications FROM ledger_head").fetchall()
        numbered = connection.execute(
            "SELECT notification_id, position FROM ledger_notification ORDER BY notification_id"
        ).fetchall()
    assert len(heads) == 1, f"{len(heads)} head rows"
    ledger, position, chain, term, recorded_at, _ = heads[0]
    kept = _check_records(ledger, rows, keys)
    _check_batches(kept)
    last = kept[-1]
    assert (position, chain, term) == (last.position, rows[-1][2], last.said["term"])
    assert recorded_at == datetime.fromisoformat(last.said["time"])
    assert sorted(commands) == sorted(_commands(kept))
    sourced = [one.position for one in kept if one.said["type"] == SOURCED]
    assert numbered == list(enumerate(sourced, start=1))
    assert notifications == len(sourced)
    if not is_opaque:
        assert {row[:3]: row[3] for row in identifiers} == _identifiers(kept)
    return kept


def _check_records(ledger: str, rows: list[Any], keys: list[Any]) -> tuple[Kept, ...]:
    kept: list[Kept] = []
    before = bytes(32)
    versions: dict[str, int] = {}
    given: set[tuple[str, int]] = set()
    ids: set[str] = set()
    for place, row in enumerate(rows, start=1):
        position, event_id, chain, leaf, term, stored_name, subject, version, value, sig = row
        said = json.loads(value, parse_float=_no_float)
        assert position == place == said["position"], f"position {place} is missing"
        assert rfc8785.dumps(said) == value, f"{position} is not canonical"
        assert leaf == sha256(b"\x00" + value).digest(), f"leaf of {position}"
        assert said["prev"] == before.hex(), f"prev of {position}"
        assert chain == sha256(before + leaf).digest(), f"chain of {position}"
        _check_attributes(ledger, said)
        columns = (event_id, term, stored_name, subject, version)
        names = ("id", "term", "type", "subject", "subjectversion")
        assert columns == tuple(said[name] for name in names), f"columns of {position}"
        if stored_name == SOURCED:
            assert (subject, version) not in given, f"version of {position}"
            given.add((subject, version))
        else:
            assert version == versions.get(subject, 0) + 1, f"version of {position}"
        assert event_id not in ids, f"{event_id} stands twice"
        if sig is not None:
            _check_signature(sig, signed_bytes(ledger, term, position, chain), term, keys)
        ids.add(event_id)
        versions[subject] = version
        before = chain
        kept.append(Kept(position, value, sig, said))
    first = kept[0].said
    assert (first["type"], first["term"], first["subject"]) == ("term-opened", 1, "ledger")
    assert [key.hex() for key, since, _ in keys if since == 1] == [first["data"]["public_key"]]
    for one, other in pairwise(kept):
        assert one.said["time"] <= other.said["time"], f"time of {other.position} runs back"
        opens = other.said["type"] == "term-opened"
        assert other.said["term"] == one.said["term"] + opens, f"term of {other.position}"
    return tuple(kept)


def _no_float(text: str) -> float:
    raise AssertionError(f"{text} is a float; decimals are strings")


def _check_attributes(ledger: str, said: dict[str, Any]) -> None:
    is_of_library = said["type"] == SOURCED
    if is_of_library:
        assert said.keys() == OF_LIBRARY, sorted(said)
        assert said["originatortype"] in {"uuid", "str"}
        assert said["critical"] is False
        b64decode(said["data_base64"], validate=True)
    else:
        assert REQUIRED <= said.keys() <= REQUIRED | OPTIONAL, sorted(said)
    assert all(value is not None for value in said.values()), "an attribute is null"
    assert said["specversion"] == "1.0"
    assert said["source"] == f"/ledgers/{ledger}"
    content = "application/octet-stream" if is_of_library else "application/json"
    assert said["datacontenttype"] == content
    assert re.fullmatch(rf"urn:credit-ledger:{said['type']}:[1-9]\d*", said["dataschema"])
    assert said["suite"] == "ed25519-sha256"
    assert isinstance(said["critical"], bool)
    assert TIME.fullmatch(said["time"])
    assert UUID.fullmatch(said["id"])
    for name in ("prev", "commandhash", "idemkeyhash"):
        assert name not in said or HASH.fullmatch(said[name]), name
    for name in ("position", "term", "subjectversion"):
        assert type(said[name]) is int, name
        least = 0 if is_of_library and name == "subjectversion" else 1
        assert least <= said[name] <= INTEGER_MAX, name


def _check_signature(signature: bytes, message: bytes, term: int, keys: list[Any]) -> None:
    of_term = [key for key, first, last in keys if first <= term and (last is None or term <= last)]
    assert len(of_term) == 1, f"{len(of_term)} keys of term {term}"
    Ed25519PublicKey.from_public_bytes(of_term[0]).verify(signature, message)


def _check_batches(kept: tuple[Kept, ...]) -> None:
    """Each batch is within its bounds and holds whole commands; a term is opened alone."""
    assert kept[-1].signature is not None, "the last record is not signed"
    batch: list[Kept] = []
    keys_before: set[str] = set()
    for record in kept:
        batch.append(record)
        if record.signature is None:
            continue
        assert len(batch) <= BATCH_RECORDS_MAX
        assert sum(len(one.value) for one in batch) <= BATCH_BYTES_MAX
        assert len({one.said["time"] for one in batch}) == 1, "a batch is recorded at one instant"
        if any(one.said["type"] == "term-opened" for one in batch):
            assert len(batch) == 1, "term-opened is a batch of its own"
        keys_here = {one.said["idemkeyhash"] for one in batch if "idemkeyhash" in one.said}
        assert keys_here.isdisjoint(keys_before), "a command is cut in two, or a key did two things"
        keys_before |= keys_here
        batch = []


def _commands(kept: tuple[Kept, ...]) -> list[tuple[str, str, int, int]]:
    """What the keys did, from the records."""
    spans: dict[str, list[Kept]] = {}
    for record in kept:
        if "idemkeyhash" in record.said:
            spans.setdefault(record.said["idemkeyhash"], []).append(record)
    for key, span in spans.items():
        positions = [one.position for one in span]
        assert positions == list(range(positions[0], positions[-1] + 1)), f"key {key} is scattered"
        assert len({one.said["commandhash"] for one in span}) == 1, f"key {key} did two things"
    return [
        (key, span[0].said["commandhash"], span[0].position, span[-1].position)
        for key, span in spans.items()
    ]


def _identifiers(kept: tuple[Kept, ...]) -> dict[tuple[str, str, str], int]:
    """Which subject each identifier names, and the first position of the command that said so."""
    found: dict[tuple[str, str], tuple[str, int]] = {}
    command: tuple[object, ...] = ()
    first = 0
    for record in kept:
        said = record.said
        now = (said.get("idemkeyhash"), said["commandhash"], said["subject"], said["time"])
        if now != command:
            command, first = now, record.position
        given: list[dict[str, str]] = []
        if said["type"] == "subject-registered":
            given = said["data"]["identifiers"]
        elif said["type"] == "identifier-added":
            given = [said["data"]["identifier"]]
        for one in given:
            names = [(one["kind"], one["value"])]
            if one["kind"] == "uscc":
                # GB 32100-2015: places 9 to 17 are the organisation code.
                names.append(("organisation-code", one["value"][8:17]))
            for name in names:
                holder, _ = found.setdefault(name, (said["subject"], first))
                assert holder == said["subject"], f"a {name[0]} leads to two subjects"
    return {(*name, holder): position for name, (holder, position) in found.items()}
