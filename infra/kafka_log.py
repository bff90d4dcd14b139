"""The log as a topic of Kafka, read by offset: partition 0, no group, every record as it stands.

Offsets are Kafka's own. They may leave gaps (a stranger's transaction leaves markers that nobody is
given), and after a lost tail they are given out again: which records count is for the reader to
decide, by `Acceptance`, and where they stand by their offset and leader epoch together.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from kafka import KafkaConsumer, TopicPartition, errors
from kafka.consumer.fetcher import ConsumerRecord
from kafka.protocol.consumer import OffsetSpec

from ledger.acceptance import Arrival
from ledger.log import OffsetGone

from . import clock
from .codec import read_fields
from .kafka_clients import (
    PATIENCE_S,
    UNREACHABLE,
    KafkaUnreachable,
    administrator,
    patiently,
    reader,
    throw_away,
)
from .topic import TopicGone, find_topic_id

__all__ = ["KafkaLog", "LogCut", "LogMoved", "OffsetOutOfRange", "RecordDamaged", "TopicMadeAnew"]

SIGNATURE: Final = "sig"
"""The header that bears the signature of a batch, on its last record."""

_CHECK_S: Final = 10


class LogMoved(RuntimeError):
    """The log is not what it was: begin again from a stored place that it still holds."""


class TopicMadeAnew(LogMoved):
    """Another topic bears the name now, or none does."""


class OffsetOutOfRange(LogMoved, OffsetGone):
    """The log has no record at this offset and will not give one as its next."""


class LogCut(LogMoved, OffsetGone):
    """Brokers say that records which were read have been lost from the end of the log."""


class RecordDamaged(RuntimeError):
    """The bytes of a record do not match the checksum that was written with them."""


class KafkaLog:
    """Reads a topic on connections of its own; used by one thread at a time.

    While brokers are away every call raises `KafkaUnreachable` and may be repeated: the connection
    heals by itself. After any other error the next `read` begins afresh at its offset.
    """

    def __init__(
        self, address: str, topic: str, *, patience_s: float = PATIENCE_S, wait_s: float = 0
    ) -> None:
        """Read `topic` at `address` (`host:port`, several with commas).

        Args:
            address: where brokers are found at first.
            topic: the name; its id is that of the topic which bears it now.
            patience_s: how long a call waits for an answer.
            wait_s: as of `read`, where a call says nothing else; may be set anew at any time.

        Raises:
            KafkaUnreachable: no broker answers.
            TopicGone: there is no topic of this name.
        """
        self._address = address
        self._partition = TopicPartition(topic, 0)
        self._patience_s = patience_s
        self.wait_s = wait_s
        self._next: int | None = None
        self._admin = administrator(address, patience_s=patience_s)
        try:
            with self._translated():
                self.topic_id = find_topic_id(self._admin, topic)
                self._sure_until = clock.elapsed() + _CHECK_S
                self._opened: KafkaConsumer | None = self._open()
        except BaseException:
            self._admin.close()
            raise

    def read(self, offset: int, limit: int, *, wait_s: float | None = None) -> Sequence[Arrival]:
        """At most `limit` records from `offset` on, in order; empty at the end.

        Going on where the last read ended costs no more than the records. Any other offset first
        makes sure that the topic is still the same.

        Args:
            offset: of the first record; where there is a gap, the next one behind it is given.
            limit: at least 1.
            wait_s: how long to wait at the end of the log for its next record. Without it the end
                is asked for, so that empty means: there was none when `read` was called. With it
                empty only means that none came in this time, but at an offset to which it jumps.

        Raises:
            TopicMadeAnew: the topic is not the one that `topic_id` names.
            OffsetOutOfRange: the log ends before `offset`, or begins behind it.
            LogCut: what was read before has been lost from the log.
            RecordDamaged: the next record fails its checksum.
            KafkaUnreachable: brokers do not answer in time.
        """
        wait_s = self.wait_s if wait_s is None else wait_s
        with self._translated():
            if offset != self._next:
                self._jump(offset)
                wait_s = 0  # what was fetched before is void: only the end tells that there is none
            elif clock.elapsed() > self._sure_until:
                self._make_sure()
            arrivals = self._poll(offset, limit, wait_s)
            if not arrivals and not wait_s:
                arrivals = self._poll_to_end(offset, limit)
        if arrivals:
            self._next = arrivals[-1].offset + 1
        return arrivals

    def end(self) -> int:
        """The offset behind the last record that all brokers in step have.

        Raises:
            TopicMadeAnew: the topic is gone.
            KafkaUnreachable: brokers do not answer in time.
        """
        with self._translated():
            return self._edge(OffsetSpec.LATEST)

    def close(self) -> None:
        """Give the connections back."""
        self._throw_away()
        self._admin.close()

    @property
    def _consumer(self) -> KafkaConsumer:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _throw_away(self) -> None:
        if self._opened is not None:
            throw_away(self._opened)
            self._opened = None

    def _open(self) -> KafkaConsumer:
        consumer = reader(self._address, patience_s=self._patience_s)
        consumer.assign([self._partition])
        return consumer

    def _jump(self, offset: int) -> None:
        self._next = None  # until it is known that the log goes on there
        self._make_sure()
        self._consumer.seek(self._partition, offset)
        self._next = offset

    def _make_sure(self) -> None:
        """That the name still names the same topic: fetches go by name, and would not tell."""
        name = self._partition.topic
        try:
            present = patiently(lambda: find_topic_id(self._admin, name), self._patience_s)
        except TopicGone as error:
            raise TopicMadeAnew(f"{error} any more; it had id {self.topic_id}") from error
        if present != self.topic_id:
            raise TopicMadeAnew(f"topic {name} had id {self.topic_id}, now it has {present}")
        self._sure_until = clock.elapsed() + _CHECK_S

    def _poll(self, offset: int, limit: int, wait_s: float) -> list[Arrival]:
        try:
            polled = self._consumer.poll(_ms(wait_s), max_records=limit)
        except errors.OffsetOutOfRangeError as error:
            raise self._out_of_range(offset) from error
        return [_arrival(record) for record in polled.get(self._partition, ())]

    def _poll_to_end(self, offset: int, limit: int) -> list[Arrival]:
        """Records; none if the log ended at `offset` when asked, as what was fetched may lag."""
        end = self._edge(OffsetSpec.LATEST)
        if offset > end:
            raise self._out_of_range(offset)
        deadline = clock.elapsed() + self._patience_s
        while self._consumer.position(self._partition, _ms(self._patience_s)) < end:
            left_s = deadline - clock.elapsed()
            if left_s <= 0:
                self._sure_until = 0
                raise KafkaUnreachable(f"no record from offset {offset} on came in time")
            if arrivals := self._poll(offset, limit, left_s):
                return arrivals
        return []

    def _out_of_range(self, offset: int) -> OffsetOutOfRange:
        begin, end = self._edge(OffsetSpec.EARLIEST), self._edge(OffsetSpec.LATEST)
        name = self._partition.topic
        return OffsetOutOfRange(
            f"asked for offset {offset}, but {name} begins at {begin} and ends at {end}"
        )

    def _edge(self, which: OffsetSpec) -> int:
        """Asked for on a connection that no fetch waits on: a broker answers each one in order."""
        asked = {self._partition: which}
        patience_ms = _ms(self._patience_s)
        try:
            found = patiently(
                lambda: self._admin.list_partition_offsets(asked, timeout_ms=patience_ms),
                self._patience_s,
            )
        except errors.UnknownTopicOrPartitionError as error:
            self._make_sure()
            raise KafkaUnreachable(f"{self._partition} cannot be asked now: {error!r}") from error
        return int(found[self._partition].offset)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Say in the words of this module what went wrong, and trust nothing after it."""
        try:
            yield
        except UNREACHABLE as error:
            self._sure_until = 0  # that the topic is gone looks like silence, too
            said = f"Kafka at {self._address} does not answer: {error!r}"
            raise KafkaUnreachable(said) from error
        except errors.LogTruncationError as error:
            self._next = None
            raise LogCut(f"records at the end of the log were lost: {error}") from error
        except errors.CorruptRecordError as error:
            self._next = None
            self._throw_away()  # it would never end to poll what it holds
            raise RecordDamaged(str(error)) from error
        except LogMoved:
            self._next = None
            raise


def _arrival(record: ConsumerRecord) -> Arrival:
    value = record.value or b""
    signature = _signature(record.headers)
    return Arrival(value, signature, record.offset, record.leader_epoch, read_fields(value))


def _signature(headers: Sequence[tuple[str, bytes | None]]) -> bytes | None:
    """The value of the one `sig` header; null where there is none, or more than one."""
    found = [value for name, value in headers if name == SIGNATURE]
    return found[0] if len(found) == 1 else None


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
