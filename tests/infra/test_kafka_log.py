"""The log on Kafka, by the contract of `ledger.log.Log`, on real brokers."""

import secrets
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol
from uuid import UUID

import pytest
from kafka import KafkaProducer, TopicPartition

from infra import clock
from infra.kafka_clients import UNREACHABLE, KafkaUnreachable
from infra.kafka_log import KafkaLog, LogCut, OffsetOutOfRange, RecordDamaged, TopicMadeAnew
from infra.live_fetches import LiveFetches
from infra.local import Cluster, Kafka, start_kafka
from infra.memory import MemoryLog, MemoryStore
from infra.reader import PlaceLost, Reader
from infra.signer import PublicKey, Signer, Verifier
from infra.topic import TopicGone, administer, create_topic
from ledger.acceptance import Arrival
from ledger.log import Log
from ledger.record import TERM_OPENED
from ledger.sequencing import Append, Draft
from ledger.values import EventId
from tests.brokers import wait_until_known
from tests.parts import KAFKA_CACHE, REPOSITORY
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

LEDGER = "cn-33"
ALWAYS_LIVE = sys.maxsize
ALWAYS_BULK = -1
Header = tuple[str, bytes]


def draft(stream: str, version: int, type_: str = "subject-registered") -> Draft:
    event = EventId(str(UUID(int=hash((stream, version)) & (1 << 128) - 1, version=4)))
    data = f'{{"name":"杭州例子有限公司","number":{version}}}'
    return Draft(stream=stream, version=version, type=type_, id=event, data=data.encode())


def append(*drafts: Draft) -> Append:
    return Append(drafts=drafts, key_hash=None, command_hash="0" * 64, actor="local")


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.generate(LEDGER)


@pytest.fixture(scope="module")
def verify(signer: Signer) -> Verifier:
    return Verifier(LEDGER, [PublicKey(key=signer.public_key, first_term=1, last_term=None)])


@pytest.fixture(scope="module")
def history(signer: Signer) -> MemoryLog:
    """A real log: a term, and four batches of 1, 2, 3 and 4 records."""
    store = MemoryStore(LEDGER, signer.sign, clock.now)
    store.open_term(append(draft("ledger", 1, TERM_OPENED)))
    for size in (1, 2, 3, 4):
        store.append([append(*(draft(f"s-{size}", version) for version in range(1, size + 1)))])
    return store.log


@pytest.fixture
def topic(kafka: Kafka) -> Iterator[str]:
    """A topic for one test."""
    name = f"test-{secrets.token_hex(6)}.log"
    with administer(kafka.address) as admin:
        create_topic(admin, name, single_broker=True)
        yield name
        if name in admin.list_topics():
            admin.delete_topics([name])


class Reading(Protocol):
    """Opens a log that is read by one client alone."""

    def __call__(
        self, address: str, topic: str, *, patience_s: float = 10
    ) -> AbstractContextManager[KafkaLog]: ...


@pytest.fixture(params=[ALWAYS_LIVE, ALWAYS_BULK], ids=["live", "bulk"])
def reading(request: pytest.FixtureRequest) -> Reading:
    """Whatever the client, it is the same log."""

    @contextmanager
    def reading(address: str, topic: str, *, patience_s: float = 10) -> Iterator[KafkaLog]:
        with closing(KafkaLog(address, topic, patience_s=patience_s, far=request.param)) as opened:
            yield opened

    return reading


@pytest.fixture
def log(kafka: Kafka, topic: str, reading: Reading) -> Iterator[KafkaLog]:
    with reading(kafka.address, topic) as opened:
        yield opened


def send(
    kafka: Kafka | Cluster, topic: str, *records: tuple[bytes | None, Sequence[Header]]
) -> None:
    """Write records one by one, each in a batch of its own; returns when all are acknowledged."""
    producer = KafkaProducer(bootstrap_servers=kafka.address, acks="all")
    for value, headers in records:
        sent = producer.send(topic, value, key=b"s-1", headers=list(headers), partition=0)
        sent.get(timeout=30)
    producer.close()


def as_sent(arrivals: Iterable[Arrival]) -> list[tuple[bytes, list[Header]]]:
    return [
        (one.value, [("sig", one.signature)] if one.signature is not None else [])
        for one in arrivals
    ]


def numbered(*numbers: int) -> list[tuple[bytes, list[Header]]]:
    return [(b"%d" % number, []) for number in numbers]


def values(arrivals: Iterable[Arrival]) -> list[bytes]:
    return [one.value for one in arrivals]


# The contract -------------------------------------------------------------------------------------


def test_a_record_arrives_as_it_was_sent(
    kafka: Kafka, topic: str, log: KafkaLog, history: Log
) -> None:
    sent = history.read(0, 100)
    send(kafka, topic, *as_sent(sent))
    arrived = log.read(0, 100)
    assert list(arrived) == list(sent)
    assert [one.offset for one in arrived] == list(range(11))
    assert sum(one.signature is not None for one in arrived) == 5


def test_an_empty_log_ends_at_offset_0(log: KafkaLog) -> None:
    assert log.end() == 0
    assert log.read(0, 10) == []


@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [(0, 1, [0]), (0, 2, [0, 1]), (1, 2, [1, 2]), (2, 1, [2]), (2, 2, [2]), (3, 1, [])],
)
def test_a_read_gives_at_most_so_many_records_from_an_offset_on(
    kafka: Kafka, topic: str, log: KafkaLog, *, offset: int, limit: int, expected: list[int]
) -> None:
    send(kafka, topic, *numbered(0, 1, 2))
    assert log.end() == 3
    assert values(log.read(offset, limit)) == [b"%d" % number for number in expected]


def test_reads_that_go_on_jump_once_and_miss_nothing(
    kafka: Kafka, topic: str, log: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(kafka, topic, *numbered(*range(10)))
    assert values(log.read(7, 1)) == [b"7"]
    jumps: list[int] = []
    seek = log._fetches.seek

    def counted(offset: int) -> None:
        jumps.append(offset)
        seek(offset)

    monkeypatch.setattr(log._fetches, "seek", counted)
    found = [log.read(offset, 3) for offset in (0, 3, 6, 9, 10)]
    assert [values(each) for each in found] == [
        [b"0", b"1", b"2"],
        [b"3", b"4", b"5"],
        [b"6", b"7", b"8"],
        [b"9"],
        [],
    ]
    assert jumps == [0]
    assert values(log.read(4, 1)) == [b"4"]
    assert values(log.read(5, 1)) == [b"5"]
    assert jumps == [0, 4]


def test_what_was_acknowledged_before_a_read_is_found_by_it(
    kafka: Kafka, topic: str, log: KafkaLog
) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.address, acks="all")
    for number in range(50):
        assert log.read(number, 10) == []
        producer.send(topic, b"%d" % number, partition=0).get(timeout=30)
        assert values(log.read(number, 10)) == [b"%d" % number]
    producer.close()


def test_a_read_that_waits_ends_with_the_next_record(
    kafka: Kafka, topic: str, log: KafkaLog
) -> None:
    assert log.read(0, 10, wait_s=0.2) == []
    later = threading.Timer(0.3, send, (kafka, topic, *numbered(0)))
    later.start()
    assert values(log.read(0, 10, wait_s=60)) == [b"0"]
    later.join()


def test_more_than_one_fetch_brings_is_read_to_the_end(
    kafka: Kafka, topic: str, log: KafkaLog
) -> None:
    large = [(b"%d" % number * 300_000, ()) for number in range(9)]
    send(kafka, topic, *large)
    read: list[Arrival] = []
    while arrived := log.read(len(read), 4):
        assert len(arrived) <= 4
        read += arrived
    assert values(read) == [value for value, _ in large]


# Records ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "signature"),
    [
        ([("sig", b"s" * 64)], b"s" * 64),
        ([("content-type", b"x"), ("sig", b"s")], b"s"),
        ([], None),
        ([("Sig", b"s")], None),
        ([("sig", b"s"), ("sig", b"s")], None),
        ([("sig", b"s"), ("sig", b"t")], None),
    ],
)
def test_the_signature_is_the_value_of_exactly_one_header(
    kafka: Kafka,
    topic: str,
    log: KafkaLog,
    headers: list[Header],
    signature: bytes | None,
) -> None:
    send(kafka, topic, (b"{}", headers))
    (arrived,) = log.read(0, 1)
    assert arrived.signature == signature


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff\x00", b'{"position":0}'])
def test_what_is_not_a_record_arrives_without_fields(
    kafka: Kafka, topic: str, log: KafkaLog, value: bytes | None
) -> None:
    send(kafka, topic, (value, []))
    (arrived,) = log.read(0, 1)
    assert arrived == Arrival(value or b"", None, 0, 0, None)


def test_a_strangers_transaction_that_hangs_stops_nobody(
    kafka: Kafka, topic: str, log: KafkaLog
) -> None:
    stranger = KafkaProducer(bootstrap_servers=kafka.address, transactional_id=topic)
    stranger.init_transactions()
    stranger.begin_transaction()
    stranger.send(topic, b"hanging", partition=0).get(timeout=30)
    send(kafka, topic, *numbered(1))
    assert values(log.read(0, 10)) == [b"hanging", b"1"]
    stranger.abort_transaction()
    wait_until(lambda: log.end() == 3, patience_s=60)  # the marker of the abort takes an offset
    assert log.read(2, 10) == []
    send(kafka, topic, *numbered(3))
    (arrived,) = log.read(2, 10)
    assert (arrived.value, arrived.offset) == (b"3", 3)
    assert values(log.read(0, 10)) == [b"hanging", b"1", b"3"]
    stranger.close()


# A reader on it -----------------------------------------------------------------------------------


def test_a_reader_accepts_whole_batches_from_it(
    kafka: Kafka, topic: str, log: KafkaLog, history: Log, verify: Verifier
) -> None:
    send(kafka, topic, *as_sent(history.read(0, 100)))
    reader = Reader(log, verify)
    batches = [batch for _ in range(11) for batch in reader.poll(1)]
    assert [len(batch.records) for batch in batches] == [1, 1, 2, 3, 4]
    assert batches[-1].place.topic_id == log.topic_id
    assert (batches[-1].place.position, batches[-1].place.offset) == (11, 10)


def test_a_reader_goes_on_behind_a_stored_place_that_the_log_holds(
    kafka: Kafka, topic: str, log: KafkaLog, history: Log, verify: Verifier
) -> None:
    send(kafka, topic, *as_sent(history.read(0, 100)))
    first = Reader(log, verify)
    (*_, batch) = first.poll(4)
    again = Reader(log, verify, batch.place)
    assert [len(each.records) for each in again.poll()] == [3, 4]
    elsewhere = Reader(log, verify, replace(batch.place, chain=bytes(32)))
    with pytest.raises(PlaceLost, match="has another record"):
        elsewhere.poll()


# What a reader must act on ------------------------------------------------------------------------


def test_an_offset_behind_the_end_is_out_of_range(kafka: Kafka, topic: str, log: KafkaLog) -> None:
    send(kafka, topic, *numbered(0, 1))
    for wait_s in (0.0, 30.0):
        with pytest.raises(OffsetOutOfRange, match=r"asked for offset 3, .* 0 and ends at 2"):
            log.read(3, 1, wait_s=wait_s)
    assert log.read(2, 1) == []
    assert values(log.read(0, 5)) == [b"0", b"1"]


def test_an_offset_before_the_beginning_is_out_of_range(
    kafka: Kafka, topic: str, log: KafkaLog
) -> None:
    send(kafka, topic, *numbered(0, 1, 2))
    with administer(kafka.address) as admin:
        admin.delete_records({TopicPartition(topic, 0): 2})
    with pytest.raises(OffsetOutOfRange, match=r"asked for offset 0, .* begins at 2 and ends at 3"):
        log.read(0, 5)
    assert values(log.read(2, 5)) == [b"2"]


def test_a_topic_that_is_not_there_is_not_made_by_reading_it(kafka: Kafka) -> None:
    with pytest.raises(TopicGone, match=r"there is no topic nowhere\.log"):
        KafkaLog(kafka.address, "nowhere.log")
    with administer(kafka.address) as admin:
        assert "nowhere.log" not in admin.list_topics()


def test_a_topic_that_is_deleted_under_its_reader_is_missed_and_not_made_anew(
    kafka: Kafka, topic: str, reading: Reading
) -> None:
    send(kafka, topic, *numbered(0, 1))
    with reading(kafka.address, topic, patience_s=2) as log, administer(kafka.address) as admin:
        assert values(log.read(0, 5)) == [b"0", b"1"]
        admin.delete_topics([topic])
        with suppress(TopicMadeAnew):  # who asks for the end is told at once
            assert log.read(2, 5, wait_s=1) == []
        assert topic not in admin.list_topics()
        with pytest.raises(TopicMadeAnew, match=f"no topic {topic} any more"):
            log.read(0, 5)
        with pytest.raises(TopicMadeAnew):
            log.read(2, 5)
        assert topic not in admin.list_topics()


def test_who_asks_for_the_end_learns_that_the_topic_is_gone(
    kafka: Kafka, topic: str, log: KafkaLog
) -> None:
    send(kafka, topic, *numbered(0, 1))
    assert values(log.read(0, 5)) == [b"0", b"1"]
    with administer(kafka.address) as admin:
        admin.delete_topics([topic])
    with pytest.raises(TopicMadeAnew):
        log.end()
    with pytest.raises(TopicMadeAnew):
        log.read(2, 5)


def test_who_only_waits_makes_sure_of_the_topic_now_and_then(
    kafka: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch, reading: Reading
) -> None:
    monkeypatch.setattr("infra.kafka_log._CHECK_S", 0)
    send(kafka, topic, *numbered(0, 1))
    with reading(kafka.address, topic) as log, administer(kafka.address) as admin:
        assert values(log.read(0, 5)) == [b"0", b"1"]
        assert log.read(2, 5, wait_s=0.1) == []
        admin.delete_topics([topic])
        with pytest.raises(TopicMadeAnew):
            log.read(2, 5, wait_s=0.1)


def test_a_topic_made_anew_under_its_reader_is_told_even_if_it_has_as_many_records(
    kafka: Kafka, topic: str, log: KafkaLog, reading: Reading
) -> None:
    send(kafka, topic, *numbered(0, 1))
    assert values(log.read(0, 5)) == [b"0", b"1"]
    with administer(kafka.address) as admin:
        admin.delete_topics([topic])
        made = create_topic(admin, topic, single_broker=True)
    send(kafka, topic, *numbered(0, 1, 2))
    with pytest.raises(TopicMadeAnew, match=f"had id {log.topic_id}, now it has {made}"):
        log.read(0, 5)
    with reading(kafka.address, topic) as fresh:
        assert fresh.topic_id == made
        assert values(fresh.read(0, 5)) == [b"0", b"1", b"2"]


# Far from the end and near it ---------------------------------------------------------------------


def in_bulk(log: KafkaLog) -> bool:
    return log._bulk is not None


def test_it_is_read_in_bulk_until_its_end_is_near_and_live_from_there(
    kafka: Kafka, topic: str
) -> None:
    send(kafka, topic, *numbered(*range(10)))
    with closing(KafkaLog(kafka.address, topic, far=5)) as log:
        read = [(log.read(offset, 2), in_bulk(log)) for offset in range(0, 10, 2)]
        assert [one.offset for arrivals, _ in read for one in arrivals] == list(range(10))
        assert [bulk for _, bulk in read] == [True] * 5, "up to the end that there was"
        assert (log.read(10, 2), in_bulk(log)) == ([], False)
        send(kafka, topic, *numbered(10, 11))
        assert values(log.read(10, 2)) == [b"10", b"11"]
        assert not in_bulk(log)


def test_it_is_read_on_in_bulk_while_its_end_moves_away(kafka: Kafka, topic: str) -> None:
    send(kafka, topic, *numbered(*range(5)))
    with closing(KafkaLog(kafka.address, topic, far=5)) as log:
        assert len(log.read(0, 5)) == 5
        send(kafka, topic, *numbered(*range(5, 10)))
        read = values(log.read(5, 5))
        assert read == [b"5", b"6", b"7", b"8", b"9"][: len(read) or 1]
        assert in_bulk(log)


def test_who_reads_live_and_is_left_far_behind_goes_on_in_bulk(
    kafka: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.kafka_log._CHECK_S", 0)
    send(kafka, topic, *numbered(0, 1))
    with closing(KafkaLog(kafka.address, topic, far=5)) as log:
        assert values(log.read(0, 1)) == [b"0"]
        assert not in_bulk(log)
        send(kafka, topic, *numbered(*range(2, 10)))
        assert values(log.read(1, 100)) == [b"%d" % number for number in range(1, 10)]
        assert in_bulk(log)


def test_a_jump_near_the_end_is_live_and_one_far_from_it_in_bulk(kafka: Kafka, topic: str) -> None:
    send(kafka, topic, *numbered(*range(10)))
    with closing(KafkaLog(kafka.address, topic, far=5)) as log:
        for offset, bulk in ((6, False), (5, True), (8, False), (0, True), (10, False)):
            assert values(log.read(offset, 1)) == [b"%d" % offset][: 10 - offset]
            assert in_bulk(log) is bulk


def test_many_jumps_give_only_what_stands_where_they_lead(kafka: Kafka, topic: str) -> None:
    """What a client fetched ahead before a jump must not come behind it."""
    send(kafka, topic, *numbered(*range(60)))
    with closing(KafkaLog(kafka.address, topic, far=ALWAYS_BULK)) as log:
        for number in range(60):
            offset = number * 37 % 60
            assert [one.offset for one in log.read(offset, 3)] == list(range(60))[offset:][:3]


@pytest.mark.parametrize("far", range(1, 12, 2))
def test_a_reader_comes_over_the_change_without_a_gap_or_a_repeat(
    kafka: Kafka, topic: str, history: Log, verify: Verifier, far: int
) -> None:
    sent = as_sent(history.read(0, 100))
    send(kafka, topic, *sent[:8])
    with closing(KafkaLog(kafka.address, topic, far=far)) as log:
        reader = Reader(log, verify)
        accepted = [batch for _ in range(8) for batch in reader.poll(2)]
        send(kafka, topic, *sent[8:])
        accepted += [batch for _ in range(8) for batch in reader.poll(2)]
        assert [len(batch.records) for batch in accepted] == [1, 1, 2, 3, 4]
        assert (reader.refused, reader.moved_back) == ({}, 0)
        assert (reader.place.position, reader.place.offset) == (11, 10)
        assert not in_bulk(log)


WITHOUT_CONFLUENT_KAFKA = """
import sys
sys.modules["confluent_kafka"] = None  # so that to import it fails
from infra.kafka_log import KafkaLog
address, topic = sys.argv[1:]
for _ in range(2):
    log = KafkaLog(address, topic, far=-1)
    print([int(one.value) for offset in (0, 2, 4) for one in log.read(offset, 2)])
    log.close()
"""


def test_without_confluent_kafka_it_is_read_by_kafka_python_and_that_is_said_once(
    kafka: Kafka, topic: str
) -> None:
    send(kafka, topic, *numbered(*range(5)))
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_CONFLUENT_KAFKA, kafka.address, topic],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout.count("[0, 1, 2, 3, 4]") == 2
    assert (ran.stdout + ran.stderr).count("confluent-kafka is not installed") == 1


# A broker of its own, which is stopped and whose files are touched --------------------------------


class Broker:
    """A single broker with its files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.kafka = start_kafka(folder, KAFKA_CACHE)

    def start(self) -> None:
        self.kafka = start_kafka(self._folder, KAFKA_CACHE)

    def topic(self) -> str:
        """A topic for one test."""
        name = f"test-{secrets.token_hex(6)}.log"
        with administer(self.kafka.address) as admin:
            create_topic(admin, name, single_broker=True)
        return name

    def segment(self, topic: str) -> Path:
        """The file of the topic's records."""
        (found,) = (self._folder / "1" / "data" / f"{topic}-0").glob("*.log")
        return found


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, kafka: Kafka) -> Iterator[Broker]:
    """Where the session has its Kafka from elsewhere, there may be no jars to start one from."""
    if "jars" not in kafka.path:
        pytest.skip(f"the files of a broker are needed, and Kafka is {kafka.path}")
    started = Broker(tmp_path_factory.mktemp("own") / "kafka")
    yield started
    started.kafka.stop()


def test_a_reader_outlasts_the_absence_of_its_broker(broker: Broker, reading: Reading) -> None:
    topic = broker.topic()
    send(broker.kafka, topic, *numbered(0))
    with reading(broker.kafka.address, topic, patience_s=1) as log:
        assert values(log.read(0, 5)) == [b"0"]
        broker.kafka.stop()
        for _ in range(2):
            with pytest.raises(KafkaUnreachable):
                log.read(1, 5)
        with pytest.raises(KafkaUnreachable):
            log.end()
        with pytest.raises(KafkaUnreachable):
            log.read(0, 5)
        broker.start()
        send(broker.kafka, topic, *numbered(1))
        (arrived,) = read_in_the_end(log, 1)
        assert arrived.value == b"1"
        assert arrived.leader_epoch > 0


def test_nobody_opens_a_log_where_no_broker_is() -> None:
    with pytest.raises(KafkaUnreachable, match=r"127\.0\.0\.1:1"):
        KafkaLog("127.0.0.1:1", "cn-33.log", patience_s=0.5)


def test_a_tail_that_was_lost_and_grew_again_is_told_to_who_had_read_it(
    broker: Broker, reading: Reading
) -> None:
    topic = broker.topic()
    send(broker.kafka, topic, *numbered(0, 1))
    kept = broker.segment(topic).stat().st_size
    send(broker.kafka, topic, *numbered(2, 3))
    with reading(broker.kafka.address, topic, patience_s=5) as log:
        assert values(log.read(0, 10)) == [b"0", b"1", b"2", b"3"]
        broker.kafka.stop()
        with broker.segment(topic).open("r+b") as file:
            file.truncate(kept)
        broker.start()
        send(broker.kafka, topic, *numbered(12, 13, 14))
        with pytest.raises(LogCut):
            read_in_the_end(log, 4)
        arrived = log.read(1, 10)
        assert values(arrived) == [b"1", b"12", b"13", b"14"]
        before, *after = [one.leader_epoch for one in arrived]
        assert before < min(after)


def test_who_only_asks_where_it_is_is_told_of_a_lost_tail_too(broker: Broker) -> None:
    topic = broker.topic()
    send(broker.kafka, topic, *numbered(0, 1))
    kept = broker.segment(topic).stat().st_size
    send(broker.kafka, topic, *numbered(2, 3))
    with closing(LiveFetches(broker.kafka.address, topic, 5.0)) as fetches:
        fetches.seek(0)
        assert values(fetches.poll(10, 5.0)) == [b"0", b"1", b"2", b"3"]
        broker.kafka.stop()
        with broker.segment(topic).open("r+b") as file:
            file.truncate(kept)
        broker.start()
        send(broker.kafka, topic, *numbered(12, 13, 14))

        def asked() -> bool:
            with suppress(*UNREACHABLE):
                fetches.position(0.5)
            return False

        with pytest.raises(LogCut):
            wait_until(asked, 30.0)


def test_a_byte_that_flipped_on_the_brokers_disk_is_noticed(
    broker: Broker, reading: Reading
) -> None:
    topic = broker.topic()
    send(broker.kafka, topic, *numbered(0))
    before = broker.segment(topic).stat().st_size
    send(broker.kafka, topic, (b"a record of some length", []), *numbered(2))
    broker.kafka.stop()
    content = bytearray(broker.segment(topic).read_bytes())
    content[content.index(b"some", before)] ^= 1
    broker.segment(topic).write_bytes(content)
    broker.start()
    with reading(broker.kafka.address, topic) as log:
        assert values(log.read(0, 1)) == [b"0"]
        for _ in range(2):
            with pytest.raises(RecordDamaged, match="offset 1"):
                log.read(1, 1)
        assert values(log.read(2, 1)) == [b"2"]
        assert values(log.read(0, 10)) == [b"0"], "nothing from behind it"
        with pytest.raises(RecordDamaged, match="offset 1"):
            log.read(1, 10)


# Three brokers ------------------------------------------------------------------------------------


def test_a_reader_goes_on_over_the_death_of_a_leader_and_sees_the_epoch_rise(
    three_brokers: Cluster, reading: Reading
) -> None:
    topic = f"three-{secrets.token_hex(6)}.log"
    with administer(three_brokers.address) as admin:
        create_topic(admin, topic, single_broker=False)
        (leader,) = [each["leader_id"] for each in admin.describe_topics([topic])[0]["partitions"]]
    wait_until_known(three_brokers.address, topic)
    with reading(three_brokers.address, topic) as log:
        send(three_brokers, topic, *numbered(0, 1))
        assert values(read_in_the_end(log, 0)) == [b"0", b"1"]
        three_brokers.kill(leader)
        send(three_brokers, topic, *numbered(2))
        arrived = read_in_the_end(log, 2)
        assert values(arrived) == [b"2"]
        assert arrived[0].leader_epoch > 0
        three_brokers.start(leader)
        assert log.end() == 3


def read_in_the_end(log: KafkaLog, offset: int) -> Sequence[Arrival]:
    """The next records, once brokers answer again."""
    deadline = clock.elapsed() + 60
    while True:
        try:
            if arrived := log.read(offset, 10):
                return arrived
        except KafkaUnreachable:
            assert clock.elapsed() < deadline, "waited in vain"
