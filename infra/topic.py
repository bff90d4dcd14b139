"""The topic that a ledger's log lives in: made with every setting said, read back, and judged.

The judgement is pure: from what was read, what forbids writing and what is only to be warned of.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from kafka import KafkaAdminClient, TopicPartition, errors
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.protocol.consumer import OffsetSpec

from .kafka_clients import UNREACHABLE, KafkaUnreachable, administrator

__all__ = [
    "Objections",
    "Topic",
    "TopicGone",
    "TopicTaken",
    "administer",
    "create_topic",
    "describe_topic",
    "find_topic_id",
    "objections",
    "topic_name",
]

COPIES: Final = 3
_SETTINGS: Final = MappingProxyType(
    {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "unclean.leader.election.enable": "false",
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(1024 * 1024),
    }
)
_ENOUGH_COPIES: Final = "min.insync.replicas"
_BROKER_SETTINGS: Final = MappingProxyType(
    {
        "auto.create.topics.enable": "false",  # else a reader makes a deleted topic anew, empty
        "delete.topic.enable": "false",
    }
)


class TopicGone(RuntimeError):
    """There is no topic of this name."""


class TopicTaken(RuntimeError):
    """There is a topic of this name already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as its brokers describe it.

    `topic_id` names this very topic: one that is made anew has another. `copies` is the fewest
    replicas of any partition, `beginning` the first offset of partition 0. `brokers`: number of a
    broker -> its settings.
    """

    name: str
    topic_id: str
    partitions: int
    copies: int
    beginning: int
    settings: Mapping[str, str]
    brokers: Mapping[int, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objections:
    """What is wrong with a topic: nothing may be written while there are complaints."""

    complaints: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def topic_name(ledger: str) -> str:
    """The name of the first topic of a ledger."""
    return f"{ledger}.log"


@contextmanager
def administer(address: str) -> Iterator[KafkaAdminClient]:
    """A client for the questions and orders of this module, at `host:port`, several with commas.

    Raises:
        KafkaUnreachable: no broker answers there, or they stop answering before the end.
    """
    admin = administrator(address)
    try:
        yield admin
    except UNREACHABLE as error:
        raise KafkaUnreachable(f"Kafka at {address} stopped answering: {error!r}") from error
    finally:
        admin.close()


def create_topic(admin: KafkaAdminClient, name: str, *, single_broker: bool) -> str:
    """Make the topic with one partition and every setting that `objections` asks for; its id.

    Three copies, two of which must be there for a write; on a single broker one.

    Raises:
        TopicTaken: the name is taken; the topic of that name is left as it is.
    """
    copies = 1 if single_broker else COPIES
    wanted = {
        name: {
            "num_partitions": 1,
            "replication_factor": copies,
            "configs": {**_SETTINGS, _ENOUGH_COPIES: _enough(copies)},
        }
    }
    try:
        admin.create_topics(wanted, wait_for_metadata=True)
    except errors.TopicAlreadyExistsError as error:
        raise TopicTaken(f"there is a topic {name} already") from error
    return find_topic_id(admin, name)


def find_topic_id(admin: KafkaAdminClient, name: str) -> str:
    """The id of the topic that bears this name now.

    Raises:
        TopicGone: there is none.
    """
    return str(_described(admin, name)["topic_id"])


def describe_topic(admin: KafkaAdminClient, name: str) -> Topic:
    """The topic of this name, with its settings and those of all brokers.

    Raises:
        TopicGone: there is none.
    """
    described = _described(admin, name)
    log = TopicPartition(name, 0)
    offsets = admin.list_partition_offsets({log: OffsetSpec.EARLIEST})
    brokers = [each["broker_id"] for each in admin.describe_cluster()["brokers"]]
    return Topic(
        name=name,
        topic_id=str(described["topic_id"]),
        partitions=len(described["partitions"]),
        copies=min(len(each["replica_nodes"]) for each in described["partitions"]),
        beginning=offsets[log].offset,
        settings=_settings(admin, ConfigResourceType.TOPIC, name),
        brokers={
            number: _settings(admin, ConfigResourceType.BROKER, str(number)) for number in brokers
        },
    )


def objections(found: Topic, *, single_broker: bool) -> Objections:
    """What must be otherwise before anything is written to this topic, and what should be.

    On a ledger that says it lives on a single broker, too few copies and the settings of the broker
    itself are only warned of.
    """
    of_the_cluster = (*_on_copies(found), *_on_brokers(found))
    of_the_topic = tuple(_on_topic(found))
    if single_broker:
        return Objections(complaints=of_the_topic, warnings=of_the_cluster)
    return Objections(complaints=(*of_the_topic, *of_the_cluster))


def _on_topic(found: Topic) -> Iterator[str]:
    if found.partitions != 1:
        yield f"topic {found.name} has {found.partitions} partitions, must have 1"
    if found.beginning != 0:
        yield f"topic {found.name} begins at offset {found.beginning}, must begin at 0"
    wanted = {**_SETTINGS, _ENOUGH_COPIES: _enough(found.copies)}
    yield from _differences(f"topic {found.name}", found.settings, wanted)


def _on_copies(found: Topic) -> Iterator[str]:
    if found.copies < COPIES:
        yield f"topic {found.name} has replication factor {found.copies}, must have {COPIES}"


def _on_brokers(found: Topic) -> Iterator[str]:
    for number, settings in sorted(found.brokers.items()):
        yield from _differences(f"broker {number}", settings, _BROKER_SETTINGS)


def _differences(
    whose: str, settings: Mapping[str, str], wanted: Mapping[str, str]
) -> Iterator[str]:
    for name, value in wanted.items():
        if settings.get(name) != value:
            yield f"{whose} has {name}={settings.get(name, 'unknown')}, must have {value}"


def _enough(copies: int) -> str:
    """How many copies must be there for a write: two, which a single copy cannot be."""
    return str(min(copies, COPIES - 1))


def _described(admin: KafkaAdminClient, name: str) -> dict[str, Any]:
    described: dict[str, Any] = admin.describe_topics([name])[0]
    error = errors.for_code(described["error_code"])
    if error is errors.UnknownTopicOrPartitionError:
        raise TopicGone(f"there is no topic {name}")
    if error is not errors.NoError:
        raise error(f"topic {name} cannot be described")
    return described


def _settings(admin: KafkaAdminClient, kind: ConfigResourceType, name: str) -> dict[str, str]:
    told = admin.describe_configs([ConfigResource(kind, name)], config_filter="all")
    values = told[kind.name.lower()][name]
    return {setting: each["value"] for setting, each in values.items()}
