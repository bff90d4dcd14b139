"""Reads a log and accepts whole batches: the one way in which anybody takes records off the log.

A log may lose its tail and grow again, be cut, or be made anew while it is read. So the record of
the present place is looked at again whenever the log shows a new leader epoch, has no record at the
offset that is wanted, gives records of which none is accepted, and once a minute. Where it is no
longer what it was, the reader goes back to an older place, at last to the beginning, and comes
again by the same rule; what was given before is not given twice.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.acceptance import Acceptance, Arrival, Verify
from ledger.log import Log, OffsetGone, Place

from . import clock

__all__ = ["Accepted", "PlaceLost", "Reader"]

_POLL_LIMIT: Final = 1_000
_CONFIRM_EVERY_S: Final = 60.0
_BARREN_S: Final = 1.0
_PLACES_KEPT: Final = 64
_PLACE_EVERY: Final = 1_000


class PlaceLost(RuntimeError):
    """The log holds another history than the one that was read before."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One batch or more, accepted whole, and the place of the last record."""

    records: tuple[Arrival, ...]
    place: Place


class Reader:
    """Goes through a log from a place on; one thread at a time."""

    def __init__(
        self,
        log: Log,
        verify: Verify,
        place: Place | None = None,
        *,
        older: Sequence[Place] = (),
        elapsed: Callable[[], float] = clock.elapsed,
    ) -> None:
        """Read behind `place` (default: from the beginning); `older` are places to fall back on.

        A place of another topic names a head: the log must come to it, and is given from there on.
        Then reading begins at the newest older place of this topic, or at the beginning.
        """
        self._log = log
        self._verify = verify
        self._elapsed = elapsed
        self._topic_id = log.topic_id
        wanted = place or Place(topic_id=self._topic_id)
        self._given = wanted.head
        self._epoch: int = 0
        self._older = [one for one in older if one.position < wanted.position]
        self._acceptance = Acceptance(verify, wanted.head)
        self._refused: Counter[str] = Counter()
        self.moved_back = 0
        self._settle(wanted)

    @classmethod
    def from_places(
        cls,
        log: Log,
        verify: Verify,
        places: Sequence[Place],
        elapsed: Callable[[], float] = clock.elapsed,
    ) -> "Reader":
        """A reader from the newest of these places that the log holds, or from its beginning."""
        reader = cls(log, verify, older=places, elapsed=elapsed)
        reader._older = list(places)
        reader._go_back()
        reader._given = reader.place.head
        reader.moved_back = 0
        return reader

    @property
    def refused(self) -> dict[str, int]:
        """How many records were refused, by reason."""
        return dict(self._refused + self._acceptance.refused)

    @property
    def pending(self) -> int:
        """How many records wait for the signature of their batch."""
        return self._acceptance.pending

    @property
    def next_offset(self) -> int:
        """The offset that is read next."""
        return self._next

    def awaits(self, chain: bytes) -> bool:
        """Whether the record of this chain hash waits for the signature of its batch."""
        return self._acceptance.awaits(chain)

    def poll_records(self, limit: int = _POLL_LIMIT) -> int:
        """Take at most `limit` records; how many it were. What they complete moves the place."""
        before = self._next
        self.poll(limit)
        return max(self._next - before, 0)

    def poll(self, limit: int = _POLL_LIMIT) -> tuple[Accepted, ...]:
        """Take at most `limit` records; the batches that they complete, in order. Does not wait.

        Raises:
            PlaceLost: the log holds another history than the one that was given before.
        """
        if self._elapsed() - self._confirmed > _CONFIRM_EVERY_S:
            self._confirm()
        try:
            arrivals = self._log.read(self._next, limit)
            if self._shows_new_epoch(arrivals):
                self._confirm()
                arrivals = self._log.read(self._next, limit)
        except OffsetGone:
            self._confirm()
            return ()
        return tuple(self._take(arrivals))

    def _shows_new_epoch(self, arrivals: Sequence[Arrival]) -> bool:
        """Whether a record comes from a later leader than any before: only then can a tail be lost.

        Offsets alone cannot show that the log was cut and has grown again.
        """
        newest = max((one.leader_epoch for one in arrivals), default=self._epoch)
        rises = newest > self._epoch
        self._epoch = max(newest, self._epoch)
        return rises

    def _take(self, arrivals: Sequence[Arrival]) -> Iterator[Accepted]:
        for records in self._acceptance.feed_all(arrivals):
            self._next = records[-1].offset + 1
            self._accepted_at = self._elapsed()
            yield from self._accept(records)
        if arrivals:
            self._next = arrivals[-1].offset + 1
        if arrivals and self._elapsed() - self._accepted_at > _BARREN_S:
            self._accepted_at = self._elapsed()
            self._confirm(keep_pending=True)

    def _accept(self, records: tuple[Arrival, ...]) -> Iterator[Accepted]:
        self.place = self._place(records[-1])
        if not self._older or self.place.position - self._older[-1].position >= _PLACE_EVERY:
            self._older.append(self.place)
            del self._older[:-_PLACES_KEPT]
        fresh = records
        if records[0].position <= self._given.position:
            self._compare(records)
            fresh = tuple(one for one in records if one.position > self._given.position)
        if fresh:
            self._given = self.place.head
            yield Accepted(fresh, self.place)

    def _compare(self, records: tuple[Arrival, ...]) -> None:
        """What comes again must be what was given: at its last position the chain is the same."""
        for one in records:
            if one.position == self._given.position and one.chain != self._given.chain:
                raise PlaceLost(
                    f"the log has another record at position {one.position} than was read"
                )

    # Where it stands -----------------------------------------------------------------------------

    def _confirm(self, *, keep_pending: bool = False) -> None:
        """Look at the record of the present place again; go back where it is gone."""
        if self._log.topic_id != self._topic_id:
            raise PlaceLost(f"the topic {self._topic_id} was made anew: {self._log.topic_id}")
        if self._holds(self.place):
            self._confirmed = self._elapsed()
            if not keep_pending:
                self._stand(self.place)
            return
        self.moved_back += 1
        self._go_back()

    def _go_back(self) -> None:
        """The newest older place that the log holds, or the beginning."""
        for place in sorted(self._older, key=lambda one: one.position, reverse=True):
            if place.topic_id == self._topic_id and self._holds(place):
                self._older = [one for one in self._older if one.position < place.position]
                self._stand(place)
                return
        self._older = []
        self._stand(Place(topic_id=self._topic_id))

    def _settle(self, place: Place) -> None:
        if place.topic_id == self._topic_id:
            self._epoch = place.leader_epoch
            if self._holds(place):
                self._stand(place)
                return
        self._go_back()

    def _stand(self, place: Place) -> None:
        """Go on behind a place, with nothing pending."""
        self._refused += self._acceptance.refused
        self.place = place
        self._acceptance = Acceptance(self._verify, place.head)
        self._next = place.offset + 1
        self._confirmed = self._accepted_at = self._elapsed()

    def _holds(self, place: Place) -> bool:
        """Whether the log has the place's very record at its offset."""
        if place.position == 0:
            return True
        try:
            found = self._log.read(place.offset, 1)
        except OffsetGone:
            return False
        if not found or found[0].offset != place.offset:
            return False
        fields = found[0].fields
        return (
            fields is not None
            and found[0].leader_epoch == place.leader_epoch
            and found[0].chain == place.chain
        )

    def _place(self, last: Arrival) -> Place:
        head = self._acceptance.head
        return Place(
            topic_id=self._topic_id,
            position=head.position,
            chain=head.chain,
            term=head.term,
            offset=last.offset,
            leader_epoch=last.leader_epoch,
        )
