"""A log that is made record by record, as a broker would hold it: for what judges logs."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .check_history import (
    GENESIS,
    Entry,
    Evidence,
    Key,
    Line,
    Row,
    accepted,
    chain_of,
    key_hash,
    leaf_of,
)
from .dump import Record

__all__ = ["LEDGER", "SECOND", "Made"]

LEDGER: Final = "checked"
SECOND: Final = 1_000_000_000


@dataclass(slots=True)
class Made:
    """A log that is made record by record, sound unless a test says otherwise."""

    signer: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    position: int = 0
    chain: bytes = GENESIS
    term: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def value(self, **said: Any) -> bytes:
        """The bytes of the next record."""
        subject = said.get("subject", "s-1")
        attributes = {
            "id": f"event-{self.position + 1}-{said.get('subject', '')}",
            "type": "subject-registered",
            "time": f"2026-11-25T00:00:{self.position:02d}.000000Z",
            "position": self.position + 1,
            "prev": self.chain.hex(),
            "term": self.term,
            "subject": subject,
            "subjectversion": self.versions.get(subject, 0) + 1,
            "commandhash": "c" * 64,
            "data": {},
            **said,
        }
        return json.dumps(attributes, sort_keys=True).encode()

    def signature(self, value: bytes, *, signer: Ed25519PrivateKey | None = None) -> bytes:
        fields = json.loads(value)
        chain = chain_of(bytes.fromhex(fields["prev"]), leaf_of(value))
        message = b"credit-ledger batch v1\0" + bytes([len(LEDGER)]) + LEDGER.encode()
        message += fields["term"].to_bytes(8, "big") + fields["position"].to_bytes(8, "big")
        return (signer or self.signer).sign(message + chain)

    def put(self, value: bytes, signature: bytes | None) -> None:
        """Write bytes at the end of the topic, whatever they are."""
        number = len(self.records)
        headers = () if signature is None else (("sig", signature),)
        self.records.append(
            Record(offset=number, at_ms=1_000 + number, key=b"k", value=value, headers=headers)
        )

    def move(self, value: bytes) -> None:
        """Go on behind this record."""
        fields = json.loads(value)
        self.position, self.term = fields["position"], fields["term"]
        self.chain = chain_of(bytes.fromhex(fields["prev"]), leaf_of(value))
        self.versions[fields["subject"]] = fields["subjectversion"]

    def add(self, *, is_signed: bool = True, **said: Any) -> bytes:
        value = self.value(**said)
        self.put(value, self.signature(value) if is_signed else None)
        self.move(value)
        return value

    def open_term(self) -> None:
        self.add(type="term-opened", subject="ledger", term=self.term + 1)

    def command(self, key: str, *, at_s: int, **said: Any) -> bytes:
        """A command that is entered, and what its client wrote down."""
        value = self.add(idemkeyhash=key_hash(key), **said)
        self.told(key, at_s=at_s, answer=self.receipt(value))
        return value

    def receipt(self, value: bytes) -> dict[str, Any]:
        fields = json.loads(value)
        leaf = leaf_of(value)
        return {
            "status": 201,
            "state": "entered",
            "position": fields["position"],
            "leaf_hash": leaf.hex(),
            "chain_hash": chain_of(bytes.fromhex(fields["prev"]), leaf).hex(),
            "version": fields["subjectversion"],
        }

    def told(
        self, key: str | None, *, at_s: int, answer: dict[str, Any], type_: str = "ok", **said: Any
    ) -> None:
        self.lines.append(
            {
                "seq": len(self.lines),
                "proc": 0,
                "op": "record",
                "key": key,
                "invoke_ns": at_s * SECOND,
                "complete_ns": at_s * SECOND + SECOND // 2,
                "type": type_,
                "asked": {},
                "answer": answer,
                **said,
            }
        )

    @property
    def keys(self) -> list[Key]:
        public = self.signer.public_key().public_bytes_raw()
        return [Key(public_key=public, first_term=1, last_term=None)]

    def log(self) -> list[Entry]:
        return accepted(self.records, LEDGER, self.keys)

    def evidence(self, **said: Any) -> Evidence:
        found: dict[str, Any] = {
            "ledger": LEDGER,
            "keys": self.keys,
            "lines": self.lines,
            "dumps": [self.records],
            **said,
        }
        return Evidence(**found)

    def rows(self) -> list[Row]:
        return [
            Row(position=one.position, value=one.value, signature=one.signature)
            for one in self.log()
        ]
