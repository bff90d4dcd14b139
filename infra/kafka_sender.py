"""The relay's producer on Kafka: one send outstanding, thrown away after any error.

kafka-python loses batches that were in flight when its producer id is renewed, and can stop without
an error; so nothing of its state is trusted, and its own time-outs never end a send: whatever is
not acknowledged as a whole, in time, ends this producer, and the log's tail is read again.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from . import clock
from .fetches import SIGNATURE
from .relay import Outgoing, SendFailed

__all__ = ["KafkaSender"]

CONTENT_TYPE: Final = ("content-type", b"application/cloudevents+json; charset=UTF-8")
_REQUEST_BYTES: Final = 512 * 1024
"""Records that travel together: half of what the topic takes as one batch."""
_NEVER_MS: Final = 86_400_000
_BLOCK_MS: Final = 10_000


class KafkaSender:
    """Sends to partition 0 of one topic."""

    def __init__(self, address: str, topic: str) -> None:
        """Send to `topic` at `address`; connects with the first send."""
        self._topic = topic
        self._producer = KafkaProducer(
            bootstrap_servers=address,
            bootstrap_timeout_ms=_BLOCK_MS,
            acks="all",
            enable_idempotence=True,
            max_in_flight_requests_per_connection=1,
            delivery_timeout_ms=_NEVER_MS,
            batch_size=_REQUEST_BYTES,
            linger_ms=0,
            max_block_ms=_BLOCK_MS,
            allow_auto_create_topics=False,
            reconnect_backoff_max_ms=1_000,
            metrics_enabled=False,
        )

    def send(self, records: Sequence[Outgoing], timeout_s: float) -> int:
        """Send all and wait until the broker has acknowledged them; the offset of the last one.

        Raises:
            SendFailed: not all were acknowledged in time.
        """
        deadline = clock.elapsed() + timeout_s
        try:
            sent = [self._put(record) for record in records]
            last: Any = sent[-1].get(timeout=max(deadline - clock.elapsed(), 0.001))
        except (KafkaError, ValueError) as error:
            first = records[0].position
            raise SendFailed(f"the send from position {first} on failed: {error!r}") from error
        if not all(one.succeeded() for one in sent):
            raise SendFailed(f"of {len(sent)} records not all were acknowledged")
        return int(last.offset)

    def _put(self, record: Outgoing) -> Any:  # noqa: ANN401  # the client's own future
        headers = [CONTENT_TYPE]
        if record.signature is not None:
            headers.append((SIGNATURE, record.signature))
        return self._producer.send(
            self._topic,
            value=record.value,
            key=record.subject.encode(),
            partition=0,
            headers=headers,
        )

    def close(self) -> None:
        """Drop its connections at once, without waiting for anything."""
        with suppress(Exception):
            self._producer.close(timeout=0)
