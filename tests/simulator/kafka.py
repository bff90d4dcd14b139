"""A Kafka in memory: topics that lose their tails, answer late, are deleted and made anew."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from infra.codec import read_fields
from infra.gate import Pinned
from infra.relay import Outgoing, SendFailed
from ledger.acceptance import Arrival
from ledger.log import Log, OffsetGone

from .clockwork import Clockwork
from .postgres import LEDGER

__all__ = ["Cluster", "Late", "Sender", "Topic", "Unreachable", "WatchedTopic"]

_READ_RATE: Final = 0.25
"""One read in so many is a point at which others may come in between."""


class Unreachable(RuntimeError):
    """No broker answers, or none knows the topic."""


@dataclass(frozen=True, slots=True)
class Late:
    """Records of a send that failed, and that may still land."""

    topic_id: str
    records: tuple[Outgoing, ...]


@dataclass(slots=True)
class Topic:
    """One topic: its records, and whether it is still as it was made."""

    topic_id: str
    name: str
    epoch: int = 0
    beginning: int = 0
    is_deleted: bool = False
    records: list[Arrival] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether it is there, from its first record on."""
        return not self.is_deleted and not self.beginning

    def put(self, value: bytes, signature: bytes | None) -> None:
        """Add a record at the end, under the leader of now."""
        offset = len(self.records)
        self.records.append(Arrival(value, signature, offset, self.epoch, read_fields(value)))


class Cluster:
    """All topics, and whether they can be reached."""

    def __init__(self, clockwork: Clockwork) -> None:
        """A cluster with the first topic of the ledger, empty."""
        self.clockwork = clockwork
        self.topics: list[Topic] = []
        self.is_reachable = True
        self.late: list[Late] = []
        self.lands_rates = (0.0, 0.0)
        """How often a send fails, and how often what did not land comes late."""
        self.are_repeats_excused = False
        """Whether something happened after which a record may stand in the topic twice."""
        self.make()

    def make(self) -> Topic:
        """The next topic of the ledger."""
        number = len(self.topics) + 1
        name = f"{LEDGER}.log" if number == 1 else f"{LEDGER}.log.{number}"
        self.topics.append(Topic(f"topic-{number}", name))
        return self.topics[-1]

    def named(self, name: str) -> Topic:
        """The topic of this name; deleted ones keep theirs, for nobody makes them anew."""
        return next(topic for topic in self.topics if topic.name == name)

    def watched(self, pinned: Pinned | None) -> "WatchedTopic":
        """The pinned topic, or the first one, as the gate has it described."""
        return WatchedTopic(self, self.topics[0] if pinned is None else self.named(pinned.name))

    def fail_send(self, topic: Topic, records: Sequence[Outgoing]) -> int:
        """A send that fails: how many records have landed now; others may land later."""
        self.are_repeats_excused = True
        landed = self.clockwork.random.randint(0, len(records))
        rest = tuple(records[landed:])
        if rest and self.clockwork.is_so(self.lands_rates[1]):
            self.late.append(Late(topic.topic_id, rest))
        return landed

    def land(self, late: Late) -> None:
        """What was on its way arrives, if its topic is still there."""
        self.late.remove(late)
        topic = next(one for one in self.topics if one.topic_id == late.topic_id)
        if not topic.is_deleted:
            for record in late.records:
                topic.put(record.value, record.signature)


class _TopicLog:
    """A topic, as readers have it (`ledger.log.Log`)."""

    def __init__(self, cluster: Cluster, topic: Topic) -> None:
        self._cluster = cluster
        self._topic = topic
        self.topic_id = topic.topic_id

    def read(self, offset: int, limit: int) -> Sequence[Arrival]:
        clockwork = self._cluster.clockwork
        if clockwork.is_so(_READ_RATE):
            clockwork.point("a topic is read")
        records = self._reached()
        if not self._topic.beginning <= offset <= len(records):
            raise OffsetGone(f"offset {offset} of {self._topic.beginning} to {len(records)}")
        return records[offset : offset + limit]

    def end(self) -> int:
        return len(self._reached())

    def _reached(self) -> list[Arrival]:
        if self._topic.is_deleted or not self._cluster.is_reachable:
            raise Unreachable(f"nobody answers for {self._topic.name}")
        return self._topic.records


@dataclass(frozen=True, slots=True)
class WatchedTopic:
    """The topic as the gate sees it (`infra.gate.Topic`)."""

    cluster: Cluster
    topic: Topic

    @property
    def topic_id(self) -> str:
        """Its id."""
        return self.topic.topic_id

    @property
    def warnings(self) -> tuple[str, ...]:
        """Nothing of it should be otherwise."""
        return ()

    @property
    def name(self) -> str:
        """Its name."""
        return self.topic.name

    def objections(self, pinned: Pinned | None) -> tuple[str, ...]:
        """What is not as it must be."""
        if not self.cluster.is_reachable:
            raise Unreachable("nobody answers")
        if self.topic.is_deleted:
            return (f"there is no topic {self.name}",)
        if pinned is not None and pinned.topic_id != self.topic_id:
            return (f"topic {self.name} is {self.topic_id}, pinned is {pinned.topic_id}",)
        if self.topic.beginning:
            return (f"topic {self.name} begins at offset {self.topic.beginning}",)
        return ()

    @contextmanager
    def open(self) -> Iterator[Log]:
        """Its records."""
        yield self.log()

    def log(self) -> Log:
        """Its records."""
        return _TopicLog(self.cluster, self.topic)


class Sender:
    """A producer of one topic (`infra.relay.Sender`); any failure is its last."""

    def __init__(self, cluster: Cluster, topic: Topic) -> None:
        """A producer of this topic."""
        self._cluster = cluster
        self._topic = topic
        self._is_closed = False

    def send(self, records: Sequence[Outgoing], timeout_s: float) -> int:
        """Send all; the offset of the last one."""
        assert timeout_s > 0
        assert not self._is_closed, "a producer that failed is thrown away"
        clockwork = self._cluster.clockwork
        clockwork.point("relay sends")
        if self._topic.is_deleted or not self._cluster.is_reachable:
            raise SendFailed("nobody answers")
        fails = clockwork.is_so(self._cluster.lands_rates[0])
        landed = self._cluster.fail_send(self._topic, records) if fails else len(records)
        for record in records[:landed]:
            self._topic.put(record.value, record.signature)
        clockwork.tell(f"relay sends {records[0].position}…{records[-1].position}, {landed} land")
        clockwork.point("relay has sent")
        if fails:
            raise SendFailed(f"{landed} of {len(records)} records landed")
        return len(self._topic.records) - 1

    def close(self) -> None:
        """Drop the connections."""
        self._is_closed = True
