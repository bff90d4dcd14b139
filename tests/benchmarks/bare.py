"""kafka-python alone with the same records: a producer and a consumer that do nothing else.

Neither checks a hash or a signature, keeps an order over errors, or asks a database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from infra import clock
from infra.topic import administer, create_topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kafka.consumer.fetcher import ConsumerRecord

__all__ = ["Sent", "consumed", "produced", "sent_from"]

_BATCH_BYTES: Final = 512 * 1024
_LINGER_MS: Final = 5
_POLL_MAX: Final = 5_000
_PATIENCE_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Sent:
    """A record as it was sent, and when its broker took it: milliseconds since 1970."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    taken_at_ms: int


def sent_from(address: str, topic: str, offset: int = 0) -> list[Sent]:
    """The records of a topic from an offset on."""
    return [
        Sent(record.key, record.value, list(record.headers), record.timestamp)
        for record in _records(address, topic, offset)
    ]


def produced(address: str, topic: str, records: Sequence[Sent]) -> float:
    """Seconds to send these records to a new topic until all are acknowledged.

    With the guarantees that the relay asks for, in batches as large as its own, several in flight.
    """
    with administer(address) as admin:
        create_topic(admin, topic, single_broker=True)
    producer = KafkaProducer(
        bootstrap_servers=address,
        acks="all",
        enable_idempotence=True,
        batch_size=_BATCH_BYTES,
        linger_ms=_LINGER_MS,
        metrics_enabled=False,
    )
    try:
        producer.partitions_for(topic)  # connected before the clock starts
        begun = clock.elapsed()
        for record in records:
            producer.send(topic, record.value, key=record.key, headers=record.headers, partition=0)
        producer.flush()
        return clock.elapsed() - begun
    finally:
        producer.close()


def consumed(address: str, topic: str) -> tuple[int, float]:
    """How many records a topic has, and the seconds to read them all."""
    begun = clock.elapsed()
    count = sum(1 for _ in _records(address, topic, 0))
    return count, clock.elapsed() - begun


def _records(address: str, topic: str, offset: int) -> Iterator[ConsumerRecord]:
    partition = TopicPartition(topic, 0)
    consumer = KafkaConsumer(
        bootstrap_servers=address, group_id=None, auto_offset_reset="none", metrics_enabled=False
    )
    try:
        consumer.assign([partition])
        consumer.seek(partition, offset)
        end = consumer.end_offsets([partition])[partition]
        while consumer.position(partition) < end:
            polled = consumer.poll(_PATIENCE_MS, max_records=_POLL_MAX)
            assert polled, f"no record came from {topic}, which ends at {end}"
            yield from polled[partition]
    finally:
        consumer.close()
