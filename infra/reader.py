"""Reads a log and accepts whole batches: the one way in which anybody takes records off the log."""

from dataclasses import dataclass
from typing import Final

from ledger.acceptance import Acceptance, Arrival, Verify
from ledger.log import Log, Place
from ledger.record import chain_hash, leaf_hash

__all__ = ["Accepted", "PlaceLost", "Reader"]

_POLL_LIMIT: Final = 1_000


class PlaceLost(RuntimeError):
    """The log no longer holds the record of a stored place.

    It was cut, or another history stands there.
    """


@dataclass(frozen=True, slots=True)
class Accepted:
    """One batch, accepted whole, and the place of its last record."""

    records: tuple[Arrival, ...]
    place: Place


class Reader:
    """Goes through a log from a place on; one thread at a time."""

    def __init__(self, log: Log, verify: Verify, place: Place | None = None) -> None:
        """Read behind `place` (default: from the beginning).

        Raises:
            PlaceLost: the log does not hold that place.
        """
        self._log = log
        self.place = place or Place(topic_id=log.topic_id)
        self._check(self.place)
        self._acceptance = Acceptance(verify, self.place.head)
        self._next = self.place.offset + 1

    @property
    def refused(self) -> dict[str, int]:
        """How many records were refused, by reason."""
        return dict(self._acceptance.refused)

    @property
    def pending(self) -> int:
        """How many records wait for the signature of their batch."""
        return self._acceptance.pending

    def poll(self, limit: int = _POLL_LIMIT) -> tuple[Accepted, ...]:
        """Take at most `limit` records.

        Give the batches that they complete, in order. Does not wait.
        """
        batches = []
        for arrival in self._log.read(self._next, limit):
            self._next = arrival.offset + 1
            records = self._acceptance.feed(arrival)
            if records:
                self.place = self._place(records[-1])
                batches.append(Accepted(records, self.place))
        return tuple(batches)

    def _place(self, last: Arrival) -> Place:
        head = self._acceptance.head
        return Place(
            topic_id=self._log.topic_id,
            position=head.position,
            chain=head.chain,
            term=head.term,
            offset=last.offset,
            leader_epoch=last.leader_epoch,
        )

    def _check(self, place: Place) -> None:
        """The record at the stored offset must be the one that the place names."""
        if place.topic_id != self._log.topic_id:
            raise PlaceLost(
                f"the place is of topic {place.topic_id}, the log is {self._log.topic_id}"
            )
        if place.position == 0:
            return
        found = self._log.read(place.offset, 1)
        fields = found[0].fields if found else None
        if fields is None or chain_hash(fields.prev, leaf_hash(found[0].value)) != place.chain:
            raise PlaceLost(
                f"the log no longer holds position {place.position} with chain {place.chain.hex()}"
            )
