"""The arithmetic of the log.

A record's leaf, the hash chain, the message that a batch's signature covers.

Everything here is bytes and hashes. A record is stored as the bytes of one canonical CloudEvent;
they are hashed as they are and never serialised again.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

__all__ = [
    "BATCH_BYTES_MAX",
    "BATCH_RECORDS_MAX",
    "EVENTSOURCING_STORED",
    "GENESIS",
    "NUMBER_MAX",
    "TERM_OPENED",
    "Head",
    "chain_hash",
    "leaf_hash",
    "signed_message",
]

GENESIS: Final = bytes(32)
"""The chain hash before the first record."""
BATCH_RECORDS_MAX: Final = 1_000
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
NUMBER_MAX: Final = 2_147_483_647
"""The largest CloudEvents integer: no position, term or subject version exceeds it."""
TERM_OPENED: Final = "term-opened"
EVENTSOURCING_STORED: Final = "eventsourcing-stored"
"""An event of an application of the eventsourcing library; its stream counts as it likes."""

_LEAF_PREFIX: Final = b"\x00"
_BATCH_CONTEXT: Final = b"credit-ledger batch v1\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last record of a history.

    Its position, chain hash and term. Before the first record: 0, zeros, 0.
    """

    position: int = 0
    chain: bytes = GENESIS
    term: int = 0


def leaf_hash(value: bytes) -> bytes:
    """The Merkle leaf of a record's bytes: SHA-256(0x00 ‖ bytes)."""
    return sha256(_LEAF_PREFIX + value).digest()


def chain_hash(before: bytes, leaf: bytes) -> bytes:
    """The chain hash of a record: SHA-256(chain hash before it ‖ its leaf)."""
    return sha256(before + leaf).digest()


def signed_message(ledger: str, head: Head) -> bytes:
    """What the signature of a batch covers.

    The ledger's name and the head that the batch's last record makes.
    """
    name = ledger.encode("ascii")
    return b"".join(
        (
            _BATCH_CONTEXT,
            len(name).to_bytes(1, "big"),
            name,
            head.term.to_bytes(8, "big"),
            head.position.to_bytes(8, "big"),
            head.chain,
        )
    )
