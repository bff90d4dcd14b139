"""What the relay's producer writes, as a raw dump shows it."""

import secrets
from collections.abc import Iterator

import pytest

from infra.kafka_sender import KafkaSender
from infra.local import Kafka
from infra.relay import Outgoing
from infra.topic import administer, create_topic

from .dump import dump

pytestmark = [pytest.mark.kafka, pytest.mark.smoke]

CONTENT_TYPE = ("content-type", b"application/cloudevents+json; charset=UTF-8")


@pytest.fixture
def topic(kafka: Kafka) -> Iterator[str]:
    """A topic for one test."""
    name = f"test-{secrets.token_hex(6)}.log"
    with administer(kafka.address) as admin:
        create_topic(admin, name, single_broker=True)
        yield name
        admin.delete_topics([name])


def test_a_batch_is_sent_as_it_is_with_one_signature_on_its_last_record(
    kafka: Kafka, topic: str
) -> None:
    signature = b"s" * 64
    sender = KafkaSender(kafka.address, topic)
    try:
        sender.send(
            [
                Outgoing(1, b"one", None, "s-1", b"1" * 32),
                Outgoing(2, b"two", signature, "s-2", b"2" * 32),
            ],
            timeout_s=30,
        )
    finally:
        sender.close()
    first, last = dump(kafka.address, topic)
    assert (first.value, first.key, first.headers) == (b"one", b"s-1", (CONTENT_TYPE,))
    assert (last.value, last.key) == (b"two", b"s-2")
    assert last.headers == (CONTENT_TYPE, ("sig", signature))
