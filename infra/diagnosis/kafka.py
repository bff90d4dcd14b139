"""What Kafka says: whether it answers, its topic, its clock, and what of the ledger is entered."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError
from kafka.protocol.consumer import OffsetSpec

from .. import clock
from ..kafka_clients import KafkaUnreachable, administrator
from ..kafka_log import KafkaLog
from ..reader import PlaceLost, Reader
from ..settings import Settings
from ..signer import Verifier
from ..topic import Topic, TopicGone, describe_topic, objections, topics_of, written_topic
from .address import Addresses
from .finding import PAGE, Finding, Severity, in_words
from .postgres import Known

__all__ = ["of_kafka"]

_PATIENCE_S: Final = 5.0
_SKEW_S: Final = 2.0
_WAITING_FEW: Final = 1_000
_WAITING_MAX: Final = 30_000
_ALARMING: Final = ("another-record", "invalid-signature")


def of_kafka(settings: Settings, found: Addresses, known: Known | None) -> Iterator[Finding]:
    """What is to be said of it; `known` is what PostgreSQL knows, null where that is not known."""
    if found.kafka is None:
        return
    try:
        with closing(administrator(found.kafka, patience_s=_PATIENCE_S)) as admin:
            yield Finding(check="kafka", what=f"Kafka answers at {found.kafka}")
            topic = _topic(settings, admin, known)
            yield from _judged(found, known, topic, settings.id)
            if topic is not None:
                yield from _of_clock(admin, topic)
        if topic is not None and known is not None and known.keys:
            yield from _of_relay(settings, found, known, topic)
    except (KafkaUnreachable, KafkaError) as error:
        yield Finding(
            check="kafka",
            severity=Severity.ERROR,
            what=f"Kafka at {found.kafka} cannot be asked: {type(error).__name__}",
            why="what is sequenced waits, and is answered 202; from 30,000 on commands are refused",
            run=f"nc -vz {found.kafka.split(',')[0].replace(':', ' ')}",
            see=f"{PAGE}stops.md#not-serving",
        )


def _topic(settings: Settings, admin: KafkaAdminClient, known: Known | None) -> Topic | None:
    pinned = None if known is None else known.pinned
    if pinned is None and not topics_of(admin, settings.id):
        return None
    try:
        return describe_topic(
            admin, written_topic(admin, settings.id) if pinned is None else pinned.name
        )
    except TopicGone:
        return None


def _judged(
    found: Addresses, known: Known | None, topic: Topic | None, ledger: str
) -> Iterator[Finding]:
    pinned = None if known is None else known.pinned
    if topic is None and pinned is None:
        yield Finding(
            check="topic",
            severity=Severity.NOTE,
            what=f"Kafka has no topic of the ledger {ledger} yet",
            why="the first start makes it, with every setting that the log demands",
            run="credit-ledger topic --create",
            see=f"{PAGE}README.md",
        )
        return
    wrong: list[str] = []
    warned: tuple[str, ...] = ()
    if topic is None:
        assert pinned is not None, "else nothing is missed"
        wrong.append(f"there is no topic {pinned.name}, on which the ledger lives")
    else:
        said = objections(topic, single_broker=found.single_broker)
        wrong, warned = list(said.complaints), said.warnings
        if pinned is not None and pinned.topic_id != topic.topic_id:
            wrong.insert(0, f"topic {topic.name} is another one than the ledger was written to")
    for complaint in wrong:
        yield Finding(
            check="topic",
            severity=Severity.ERROR,
            what=complaint,
            why="nothing is written to a topic that may lose records, or is another one",
            run="credit-ledger topic",
            see=f"{PAGE}stops.md#not-as-pinned",
        )
    for warning in warned:
        yield Finding(
            check="topic",
            severity=Severity.WARNING,
            what=warning,
            why="a single broker is enough to work with, not for a ledger that others rely on",
            run="credit-ledger topic",
            see=f"{PAGE}README.md",
        )
    if topic is not None and not wrong:
        how = "as pinned" if pinned is not None else "and nothing is pinned"
        yield Finding(check="topic", what=f"topic {topic.name} is as it must be, {how}")


def _of_clock(admin: KafkaAdminClient, topic: Topic) -> Iterator[Finding]:
    """Whether the broker wrote a time that is yet to come; that it is behind does not show."""
    log = TopicPartition(topic.name, 0)
    newest = admin.list_partition_offsets({log: OffsetSpec.MAX_TIMESTAMP})[log].timestamp
    if newest is None or newest < 0:
        return
    ahead_s = newest / 1_000 - clock.now().timestamp()
    if ahead_s > _SKEW_S:
        yield Finding(
            check="clock",
            severity=Severity.WARNING,
            what=f"a record of the topic bears a broker's time {in_words(ahead_s)} from now",
            why="the clocks of broker and service differ: look at both",
            run="timedatectl status",
        )


def _of_relay(
    settings: Settings, found: Addresses, known: Known, topic: Topic
) -> Iterator[Finding]:
    """What of the ledger the topic has entered, read by the rule that everybody reads by."""
    assert found.kafka is not None, "it answered"
    with closing(KafkaLog(found.kafka, topic.name, patience_s=_PATIENCE_S)) as log:
        try:
            reader = Reader.from_places(log, Verifier(settings.id, known.keys), known.places)
            end = log.end()
            while reader.next_offset < end and reader.poll_records():
                pass
        except PlaceLost as error:
            yield Finding(
                check="relay",
                severity=Severity.ERROR,
                what=f"the topic has another history than was entered: {error}",
                why="the gate stops writing where it finds that",
                run="credit-ledger verify",
                see=f"{PAGE}stops.md",
            )
            return
    yield _relay(found, known.position - reader.place.position, reader.place.position)
    refused = {name: reader.refused.get(name, 0) for name in _ALARMING}
    if any(refused.values()):
        counted = ", ".join(f"{times} {name}" for name, times in refused.items() if times)
        yield Finding(
            check="log",
            severity=Severity.WARNING,
            what=f"records at the end of the topic were refused: {counted}",
            why="nobody of ours writes such records: somebody else writes to the topic",
            run=f"kafka-acls.sh --bootstrap-server {found.kafka} --list --topic {topic.name}",
            see=f"{PAGE}README.md",
        )


def _relay(found: Addresses, waiting: int, entered: int) -> Finding:
    if waiting < 0:
        return Finding(
            check="relay",
            severity=Severity.WARNING,
            what=f"PostgreSQL lacks {-waiting} records that are entered up to position {entered}",
            why="it was restored from a backup; the gate of a service takes in what it lacks",
            run="credit-ledger up" if found.run is None else "credit-ledger doctor",
            see=f"{PAGE}stops.md#not-serving",
        )
    if waiting == 0:
        return Finding(check="relay", what=f"all is entered on Kafka, up to position {entered}")
    what = f"{waiting} records wait to be entered on Kafka behind position {entered}"
    if found.run is None:
        return Finding(
            check="relay",
            severity=Severity.WARNING,
            what=what,
            why="no service runs, so nobody sends them; nothing of them is shown",
            run="credit-ledger up",
            see=f"{PAGE}stops.md#not-serving",
        )
    if waiting < _WAITING_FEW:
        return Finding(check="relay", what=what)
    return Finding(
        check="relay",
        severity=Severity.ERROR if waiting > _WAITING_MAX else Severity.WARNING,
        what=what,
        why="from 30,000 on commands are refused; a relay that does not catch up has ended, as the"
        " service says on stderr, or cannot send",
        run="credit-ledger topic",
        see=f"{PAGE}stops.md#not-serving",
    )
