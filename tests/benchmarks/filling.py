"""A ledger's log on Kafka filled with a province's history, as its relay would have written it.

The records are chained and signed in memory, so that a million stand on the topic in two minutes;
they are not in PostgreSQL, which a reader of the log never asks for one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from confluent_kafka import Producer

from infra.batch import Admitted, build
from infra.codec import instant
from infra.fetches import SIGNATURE

from .told import Told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.batch import Row
    from ledger.record import Head
    from tests.infra.kafka_ledger import KafkaLedger

    from .province import Province

__all__ = ["filled"]

_BATCH: Final = 1_000
_TIME: Final = instant(datetime(2026, 1, 1, tzinfo=UTC))
_CONTENT_TYPE: Final = ("content-type", b"application/cloudevents+json; charset=UTF-8")


def filled(ledger: KafkaLedger, province: Province) -> int:
    """Put the history behind the ledger's head on its topic; how many records stand there then."""
    producer = Producer(
        {
            "bootstrap.servers": ledger.address,
            "acks": "all",
            "enable.idempotence": True,
            "batch.size": 512 * 1024,
            "linger.ms": 5,
            "allow.auto.create.topics": False,
        }
    )
    told = Told(province.events)
    topic, head = ledger.pinned(), ledger.head()
    first = head.position
    for rows, head in _batches(ledger, province, head):  # noqa: B020  # it goes on from there
        for row in rows:
            _send(producer, topic, row)
        assert producer.flush() == 0, "not all records were acknowledged"
        told.tell(head.position - first)
    return head.position


def _batches(
    ledger: KafkaLedger, province: Province, head: Head
) -> Iterator[tuple[list[Row], Head]]:
    appends = province.appends()
    while batch := list(islice(appends, _BATCH)):
        admitted = [
            Admitted(append, position, position)  # each has one record
            for position, append in enumerate(batch, head.position + 1)
        ]
        rows, head = build(
            admitted, ledger=ledger.name, before=head, time=_TIME, sign=ledger.signer.sign
        )
        yield rows, head


def _send(producer: Producer, topic: str, row: Row) -> None:
    headers: list[tuple[str, str | bytes | None]] = [_CONTENT_TYPE]
    if row.signature is not None:
        headers.append((SIGNATURE, row.signature))
    producer.produce(topic, row.value, row.subject.encode(), partition=0, headers=headers)
