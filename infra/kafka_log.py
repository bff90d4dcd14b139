"""The log as a topic of Kafka, read by offset: partition 0, no group, every record as it stands.

Offsets are Kafka's own. They may leave gaps (a stranger's transaction leaves markers that nobody is
given), and after a lost tail they are given out again: which records count is for the reader to
decide, by `Acceptance`, and where they stand by their offset and leader epoch together.

Two clients read it: one for bulk while its end is far, and the live one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from kafka import TopicPartition, errors
from kafka.protocol.consumer import OffsetSpec

from ledger.acceptance import Arrival
from ledger.log import OffsetGone

from . import clock
from .bulk_fetches import bulk_fetches
from .fetches import Fetches, LogCut, LogMoved, OutOfRange, RecordDamaged
from .kafka_clients import PATIENCE_S, UNREACHABLE, KafkaUnreachable, administrator, patiently
from .live_fetches import LiveFetches
from .topic import TopicGone, find_topic_id

__all__ = [
    "FAR",
    "KafkaLog",
    "LogCut",
    "LogMoved",
    "OffsetOutOfRange",
    "RecordDamaged",
    "TopicMadeAnew",
]

FAR: Final = 20_000
"""From so many records on it is worth it to open the client for bulk: it saves a quarter second."""
_CHECK_S: Final = 10


class TopicMadeAnew(LogMoved):
    """Another topic bears the name now, or none does."""


class OffsetOutOfRange(LogMoved, OffsetGone):
    """The log has no record at this offset and will not give one as its next."""


class KafkaLog:
    """Reads a topic on connections of its own; used by one thread at a time.

    While its end is `far` or further away, records come by the client for bulk, else by the live
    one, which is changed to where the other ends; without confluent-kafka the live one does all.

    While brokers are away every call raises `KafkaUnreachable` and may be repeated: the connection
    heals by itself. After an error the next `read` begins afresh at its offset.
    """

    def __init__(
        self,
        address: str,
        topic: str,
        *,
        patience_s: float = PATIENCE_S,
        wait_s: float = 0,
        far: int = FAR,
    ) -> None:
        """Read `topic` at `address` (`host:port`, several with commas).

        Args:
            address: where brokers are found at first.
            topic: the name; its id is that of the topic which bears it now.
            patience_s: how long a call waits for an answer.
            wait_s: as of `read`, where a call says nothing else; may be set anew at any time.
            far: how many records there must be before it is worth it to read them in bulk.

        Raises:
            KafkaUnreachable: no broker answers.
            TopicGone: there is no topic of this name.
        """
        self._address = address
        self._partition = TopicPartition(topic, 0)
        self._patience_s = patience_s
        self.wait_s = wait_s
        self._far = far
        self._next: int | None = None
        self._bulk_upto: int | None = None
        """Up to this offset records come in bulk; null while the live client brings them."""
        self._admin = administrator(address, patience_s=patience_s)
        try:
            with self._translated():
                self.topic_id = find_topic_id(self._admin, topic)
                self._sure_until = clock.elapsed() + _CHECK_S
                self._live: Fetches = LiveFetches(address, topic, patience_s)
                self._bulk: Fetches | None = None
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
                self._go_on(offset)
            elif self._bulk_upto is not None and offset >= self._bulk_upto:
                self._go_on(offset)
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
        self._end_bulk()
        self._live.close()
        self._admin.close()

    def _jump(self, offset: int) -> None:
        self._next = None  # until it is known that the log goes on there
        self._make_sure()
        self._choose(offset)
        self._fetches.seek(offset)
        self._next = offset

    # Far from the end and near it ----------------------------------------------------------------

    @property
    def _fetches(self) -> Fetches:
        return self._live if self._bulk is None else self._bulk

    def _go_on(self, offset: int) -> None:
        """Go on at this offset by the client that is right for what the log has behind it now."""
        before = self._fetches
        self._choose(offset)
        if self._fetches is not before:
            self._fetches.seek(offset)

    def _choose(self, offset: int) -> None:
        """Bulk where the end is far; what one client fetched ahead is void for the other."""
        open_bulk = bulk_fetches()
        if open_bulk is None:
            return
        end = self._edge(OffsetSpec.LATEST)
        if end - offset < self._far:
            self._end_bulk()
            return
        self._bulk_upto = end
        if self._bulk is None:
            self._bulk = open_bulk(self._address, self._partition.topic, self._patience_s)

    def _end_bulk(self) -> None:
        bulk, self._bulk, self._bulk_upto = self._bulk, None, None
        if bulk is not None:
            bulk.close()

    # What is there -------------------------------------------------------------------------------

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
            return self._fetches.poll(limit, wait_s)
        except OutOfRange as error:
            raise self._out_of_range(offset) from error

    def _position(self, offset: int) -> int:
        try:
            return self._fetches.position(self._patience_s)
        except OutOfRange as error:
            raise self._out_of_range(offset) from error

    def _poll_to_end(self, offset: int, limit: int) -> list[Arrival]:
        """Records; none if the log ended at `offset` when asked, as what was fetched may lag."""
        end = self._edge(OffsetSpec.LATEST)
        if offset > end:
            raise self._out_of_range(offset)
        deadline = clock.elapsed() + self._patience_s
        while self._position(offset) < end:
            left_s = deadline - clock.elapsed()
            if left_s <= 0:
                self._sure_until = 0
                raise KafkaUnreachable(f"no record from offset {offset} on came in time")
            if arrivals := self._poll(offset, limit, left_s):
                return arrivals
        return []

    def _out_of_range(self, offset: int) -> LogCut | OffsetOutOfRange:
        begin, end = self._edge(OffsetSpec.EARLIEST), self._edge(OffsetSpec.LATEST)
        name = self._partition.topic
        if begin <= offset <= end:  # refused for what stands before it
            return LogCut(
                f"records at the end of the log were lost: {name} has others before offset {offset}"
                " than were read"
            )
        return OffsetOutOfRange(
            f"asked for offset {offset}, but {name} begins at {begin} and ends at {end}"
        )

    def _edge(self, which: OffsetSpec) -> int:
        """Asked for on a connection that no fetch waits on: a broker answers each one in order."""
        asked = {self._partition: which}
        patience_ms = int(self._patience_s * 1000)
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
            self._next = None
            self._sure_until = 0  # that the topic is gone looks like silence, too
            said = f"Kafka at {self._address} does not answer: {error!r}"
            raise KafkaUnreachable(said) from error
        except BaseException:
            self._next = None
            raise
