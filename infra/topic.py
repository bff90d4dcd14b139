"""The topic that a ledger's log lives in: made with every setting said, read back, and judged.

The judgement is pure: from what was read, what forbids writing and what is only to be warned of.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from kafka import KafkaAdminClient, TopicPartition, errors
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.protocol.consumer import OffsetSpec
from kafka.protocol.metadata import MetadataRequest

from . import clock
from .kafka_clients import PATIENCE_S, UNREACHABLE, KafkaUnreachable, administrator

__all__ = [
    "LedgerTopic",
    "Objections",
    "TooFewBrokers",
    "Topic",
    "TopicGone",
    "TopicTaken",
    "administer",
    "create_topic",
    "describe_topic",
    "find_topic_id",
    "ledger_topic",
    "objections",
    "topic_name",
    "topics_of",
    "written_topic",
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
_PAUSE_S: Final = 0.05
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


class TooFewBrokers(RuntimeError):
    """There are not as many brokers as the topic shall have copies."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerTopic:
    """The topic of a ledger as it is found; `topic` is null where there is none.

    `end` is the offset behind its last record. `is_new`: it was made just now. `former` are the
    other topics of this ledger, oldest first.
    """

    name: str
    topic: Topic | None
    end: int
    is_new: bool
    former: tuple[str, ...]
    objections: Objections


def topic_name(ledger: str) -> str:
    """The name of the first topic of a ledger."""
    return f"{ledger}.log"


def topics_of(admin: KafkaAdminClient, ledger: str) -> tuple[str, ...]:
    """The names of all topics of a ledger, oldest first: `x.log`, `x.log.2`, `x.log.3` and on."""
    first = re.escape(topic_name(ledger))
    found = (re.fullmatch(rf"{first}(?:\.([0-9]+))?", name) for name in admin.list_topics())
    numbered = sorted((int(one[1] or 1), one[0]) for one in found if one is not None)
    return tuple(name for _, name in numbered)


def written_topic(admin: KafkaAdminClient, ledger: str) -> str:
    """The newest topic of a ledger that is not empty; else its oldest, or the name of its first."""
    names = topics_of(admin, ledger)
    for name in reversed(names):
        log = TopicPartition(name, 0)
        if admin.list_partition_offsets({log: OffsetSpec.LATEST})[log].offset:
            return name
    return names[0] if names else topic_name(ledger)


def ledger_topic(
    address: str, ledger: str, *, single_broker: bool, create: bool = False
) -> LedgerTopic:
    """The newest topic of a ledger, judged; one that is there is never touched.

    Which topic a ledger lives on is known to its database alone. This asks Kafka and nothing else,
    so it can be asked before there is a database.

    Args:
        address: where brokers are found: `host:port`, several with commas.
        ledger: the ledger's name.
        single_broker: the ledger says that it lives on a single broker.
        create: make the first topic where the ledger has none.

    Raises:
        KafkaUnreachable: no broker answers.
        TooFewBrokers: it cannot be made here.
    """
    with administer(address) as admin:
        names = topics_of(admin, ledger)
        is_new = create and not names and _made(admin, ledger, single_broker=single_broker)
        name = names[-1] if names else topic_name(ledger)
        try:
            found = describe_topic(admin, name)
        except TopicGone as error:
            missing = Objections(complaints=(str(error),))
            return LedgerTopic(
                name=name, topic=None, end=0, is_new=False, former=names[:-1], objections=missing
            )
        log = TopicPartition(name, 0)
        end = admin.list_partition_offsets({log: OffsetSpec.LATEST})[log].offset
    said = objections(found, single_broker=single_broker)
    return LedgerTopic(
        name=name, topic=found, end=end, is_new=is_new, former=names[:-1], objections=said
    )


def _made(admin: KafkaAdminClient, ledger: str, *, single_broker: bool) -> bool:
    """Make the first topic of a ledger; false where somebody else did so meanwhile."""
    try:
        create_topic(admin, topic_name(ledger), single_broker=single_broker)
    except TopicTaken:
        return False
    return True


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

    Three copies, two of which must be there for a write; on a single broker one. Returns when every
    broker knows of it.

    Raises:
        TopicTaken: the name is taken; the topic of that name is left as it is.
        TooFewBrokers: there are fewer brokers than copies.
        KafkaUnreachable: it is made, and a broker does not come to know of it.
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
    except errors.InvalidReplicationFactorError as error:
        raise TooFewBrokers(
            f"topic {name} shall have {copies} copies, and Kafka has not as many brokers: start "
            "them, or set LEDGER_SINGLE_BROKER=true for a ledger that lives on one broker"
        ) from error
    _wait_until_known(admin, name)
    return find_topic_id(admin, name)


def _wait_until_known(admin: KafkaAdminClient, name: str) -> None:
    """Until every broker knows of a new topic.

    One after another learns of it, and whoever connects may come to any of them: to one that has
    not heard of it yet, the topic would be gone.
    """
    deadline = clock.elapsed() + PATIENCE_S
    while unknowing := [number for number in _brokers(admin) if not _knows(admin, number, name)]:
        if clock.elapsed() > deadline:
            raise KafkaUnreachable(f"brokers {unknowing} do not know the new topic {name} in time")
        time.sleep(_PAUSE_S)


def _brokers(admin: KafkaAdminClient) -> list[int]:
    """The brokers that take part; one that is away is fenced after some seconds."""
    brokers = admin.describe_cluster()["brokers"]
    return [each["broker_id"] for each in brokers if not each["is_fenced"]]


def _knows(admin: KafkaAdminClient, broker: int, name: str) -> bool:
    """Whether this very broker knows a topic: the library's own question goes to any of them."""
    asked = MetadataRequest(
        topics=[MetadataRequest.MetadataRequestTopic(name=name)], allow_auto_topic_creation=False
    )
    connections = admin._manager  # noqa: SLF001  # nothing public asks one broker for a topic

    async def ask() -> Any:  # noqa: ANN401  # the library has no types
        return await connections.send(asked, node_id=broker)

    try:
        told = connections.run(ask)
    except UNREACHABLE:
        return False
    return all(errors.for_code(each.error_code) is errors.NoError for each in told.topics)


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
