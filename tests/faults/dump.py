"""A raw dump of a topic, and the topic as its brokers describe it.

Shares nothing with the service: the client library alone, every record from the first offset on.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

__all__ = ["Record", "TopicSeen", "describe", "dump", "load", "save"]

_POLL_MS: Final = 1_000
_BARREN_MAX: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record as it stands in a partition; `at_ms` is when the broker appended it."""

    offset: int
    at_ms: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @property
    def signature(self) -> bytes | None:
        """The value of its one header `sig`."""
        found = [value for name, value in self.headers if name == "sig"]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSeen:
    """A topic as its brokers describe it; `end` is the offset behind its last record."""

    name: str
    topic_id: str
    partitions: int
    beginning: int
    end: int
    settings: Mapping[str, str]


def dump(address: str, topic: str, *, is_damaged: bool = False) -> tuple[Record, ...]:
    """All records of partition 0 that there are when this is called, in order of offset.

    Of a topic that `is_damaged` records come as they are, whatever their checksums say.
    """
    partition = TopicPartition(topic, 0)
    consumer = _consumer(address, check_crcs=not is_damaged)
    try:
        consumer.assign([partition])
        end = consumer.end_offsets([partition])[partition]
        consumer.seek(partition, consumer.beginning_offsets([partition])[partition])
        found: list[Record] = []
        barren = 0
        while consumer.position(partition) < end:
            came = consumer.poll(_POLL_MS, max_records=5_000).get(partition, ())
            found += [_record(one) for one in came]
            barren = 0 if came else barren + 1
            assert barren < _BARREN_MAX, f"{topic} has {end} records and does not give them"
    finally:
        consumer.close(autocommit=False)
    return tuple(one for one in found if one.offset < end)


def describe(address: str, topic: str) -> TopicSeen:
    """The topic of this name, as it is now."""
    partition = TopicPartition(topic, 0)
    admin = KafkaAdminClient(bootstrap_servers=address)
    consumer = _consumer(address)
    try:
        described = admin.describe_topics([topic])[0]
        told = admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all"
        )
        settings = told["topic"][topic]
        return TopicSeen(
            name=topic,
            topic_id=str(described["topic_id"]),
            partitions=len(described["partitions"]),
            beginning=consumer.beginning_offsets([partition])[partition],
            end=consumer.end_offsets([partition])[partition],
            settings={name: str(one["value"]) for name, one in settings.items()},
        )
    finally:
        consumer.close(autocommit=False)
        admin.close()


def save(records: Iterable[Record], file: Path) -> None:
    """Keep records as JSON lines, bytes in base64."""
    with file.open("w", encoding="utf-8") as lines:
        for one in records:
            headers = [[name, base64.b64encode(value).decode()] for name, value in one.headers]
            said = {
                "offset": one.offset,
                "at_ms": one.at_ms,
                "key": None if one.key is None else one.key.decode("utf-8", "replace"),
                "value": base64.b64encode(one.value).decode(),
                "headers": headers,
            }
            lines.write(json.dumps(said) + "\n")


def load(file: Path) -> Sequence[Record]:
    """The records that `save` kept."""
    return [_loaded(json.loads(line)) for line in file.read_text("utf-8").splitlines()]


def _loaded(said: dict[str, Any]) -> Record:
    key = said["key"]
    return Record(
        offset=said["offset"],
        at_ms=said["at_ms"],
        key=None if key is None else key.encode(),
        value=base64.b64decode(said["value"]),
        headers=tuple((name, base64.b64decode(value)) for name, value in said["headers"]),
    )


def _consumer(address: str, *, check_crcs: bool = True) -> KafkaConsumer:
    consumer = KafkaConsumer(
        bootstrap_servers=address,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_uncommitted",
        check_crcs=check_crcs,
        metrics_enabled=False,
    )
    # The library (3.0.12) forgets that it was told not to make topics by asking for them.
    consumer._client.cluster.config["allow_auto_create_topics"] = False
    return consumer


def _record(one: Any) -> Record:
    return Record(
        offset=one.offset,
        at_ms=one.timestamp,
        key=one.key,
        value=one.value or b"",
        headers=tuple((name, value or b"") for name, value in one.headers),
    )
