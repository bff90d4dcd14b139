"""What a stranger with a broker's rights writes to the topic, and what a relay of ours would write.

The bytes of true records come from PostgreSQL; nothing here is the service's code.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kafka import KafkaProducer

from .site import Site

__all__ = ["Sent", "chain_of", "follow", "forge", "planter", "rows_behind", "sign_by_stranger"]

_ACKED_S: Final = 30

Sent = tuple[bytes, bytes | None]
"""A record's bytes, and its signature if it bears one."""

_BEHIND: Final = "SELECT bytes, sig FROM ledger_record WHERE position > %s ORDER BY position"
_LAST: Final = "SELECT bytes FROM ledger_record ORDER BY position DESC LIMIT 1"


class Planter:
    """Writes to a topic past every proxy, each record in a batch of Kafka's own."""

    def __init__(self, producer: KafkaProducer, topic: str) -> None:
        """Write by this producer."""
        self._producer = producer
        self._topic = topic

    def plant(self, *records: Sent) -> None:
        """Write records one after the other; returns when all are acknowledged."""
        for value, signature in records:
            self.send(value, signature).get(timeout=_ACKED_S)

    def send(self, value: bytes, signature: bytes | None) -> Any:
        """Write without waiting."""
        headers = [] if signature is None else [("sig", signature)]
        return self._producer.send(
            self._topic, value=value, key=b"planted", headers=headers, partition=0
        )

    def flush(self) -> None:
        """Wait until everything is written."""
        self._producer.flush()


@contextmanager
def planter(site: Site) -> Iterator[Planter]:
    """Somebody who may write to the ledger's topic."""
    producer = KafkaProducer(bootstrap_servers=site.broker.address, acks="all", linger_ms=0)
    try:
        yield Planter(producer, site.topic)
    finally:
        producer.close()


def rows_behind(site: Site, position: int) -> list[Sent]:
    """The records that PostgreSQL has behind a position."""
    found = site.query(_BEHIND, position)
    return [(bytes(value), None if sig is None else bytes(sig)) for value, sig in found]


def last_record(site: Site) -> bytes:
    """The bytes of the last record that PostgreSQL has."""
    return bytes(site.query(_LAST)[0][0])


def chain_of(value: bytes) -> bytes:
    """The chain hash of a record."""
    prev = bytes.fromhex(json.loads(value)["prev"])
    return sha256(prev + sha256(b"\0" + value).digest()).digest()


def follow(value: bytes, **said: Any) -> bytes:
    """A record that continues the chain behind this one, and says what it likes."""
    fields = json.loads(value)
    subject = f"planted-{fields['position']}-{said.get('id', '')}"
    made = fields | {
        "position": fields["position"] + 1,
        "prev": chain_of(value).hex(),
        "id": f"00000000-0000-4000-8000-{fields['position'] + 1:012d}",
        "type": "subject-registered",
        "subject": subject,
        "subjectversion": 1,
        "data": {},
        **said,
    }
    return json.dumps(made, sort_keys=True).encode()


def forge(behind: bytes, count: int, **said: Any) -> Iterable[bytes]:
    """So many records that continue the chain one behind the other."""
    for _ in range(count):
        behind = follow(behind, **said)
        yield behind


def sign_by_stranger(ledger: str, value: bytes) -> bytes:
    """A signature over the head that this record makes, by a key that nobody knows."""
    fields = json.loads(value)
    message = b"credit-ledger batch v1\0" + bytes([len(ledger)]) + ledger.encode()
    message += fields["term"].to_bytes(8, "big") + fields["position"].to_bytes(8, "big")
    return Ed25519PrivateKey.generate().sign(message + chain_of(value))


def without_signatures(rows: Sequence[Sent]) -> list[Sent]:
    """The same records, none of which bears its signature."""
    return [(value, None) for value, _ in rows]
