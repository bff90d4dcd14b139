"""A topic in memory that fails as a broker does: loses its tail, cuts batches, answers late."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.codec import read_fields
from infra.relay import Outgoing, SendFailed
from ledger.acceptance import Arrival
from ledger.log import OffsetGone


@dataclass(slots=True)
class MemoryTopic:
    """Records with their signatures and leader epochs; what it tells a sender may be a lie."""

    topic_id: str = "memory-1"
    epoch: int = 0
    records: list[tuple[bytes, bytes | None, int]] = field(default_factory=list)

    def read(self, offset: int, limit: int) -> Sequence[Arrival]:
        if offset > len(self.records):
            raise OffsetGone(f"offset {offset} of {len(self.records)}")
        return [
            Arrival(value, signature, number, epoch, read_fields(value))
            for number, (value, signature, epoch) in enumerate(
                self.records[offset : offset + limit], start=offset
            )
        ]

    def end(self) -> int:
        return len(self.records)

    def put(self, value: bytes, signature: bytes | None) -> None:
        self.records.append((value, signature, self.epoch))

    def lose_tail(self, count: int) -> None:
        """An unclean election: the last records are gone, and a new leader epoch begins."""
        del self.records[len(self.records) - count :]
        self.epoch += 1

    def close(self) -> None:
        """Nothing is held open."""


@dataclass(slots=True)
class MemorySender:
    """Sends to a topic; `lands` says of how many records of each send the broker keeps any."""

    topic: MemoryTopic
    lands: list[int | None] = field(default_factory=list)
    """For each coming send: null keeps and acknowledges all; n keeps n and fails."""
    closed: bool = False

    def send(self, records: Sequence[Outgoing], timeout_s: float) -> int:
        assert timeout_s > 0
        assert not self.closed, "a producer that failed is thrown away"
        kept = self.lands.pop(0) if self.lands else None
        for record in records if kept is None else records[:kept]:
            self.topic.put(record.value, record.signature)
        if kept is not None:
            raise SendFailed(f"{kept} of {len(records)} records landed")
        return self.topic.end() - 1

    def close(self) -> None:
        self.closed = True
