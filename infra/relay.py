"""The relay: sends what PostgreSQL has sequenced to Kafka, in order, and keeps no checkpoint.

What to send next follows from Kafka's own tail and PostgreSQL alone. One batch is in flight at a
time; on any error, and after 30 s without an answer, the producer is thrown away and the tail read
again. A request without an answer may still land later: readers refuse its records as repeats.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from ledger.acceptance import Verify
from ledger.log import Log, Place
from ledger.record import BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Head

from .failpoints import reach
from .logs import without_values
from .reader import Reader

__all__ = [
    "AnotherRelays",
    "Outgoing",
    "Relay",
    "RelaySession",
    "SendFailed",
    "Sender",
    "Sequenced",
    "TailUnknown",
]

ACCEPTED_S: Final = 1.0
"""How long what was read back may wait to be accepted, before the tail is looked at again."""
PATIENCE_S: Final = 30.0
"""How long the broker may leave a send without an answer, or not give it back."""
_IDLE_S: Final = 0.05
_READ_BACK_S: Final = 0.05
_GLANCE_S: Final = 0.001
"""How long to wait for records that nobody of ours has sent. To ask where the log ends, to be sure
that there are none, would take longer, and cost the machine a fifth more for each of ours."""
_RETRY_S: Final = 0.5
_NOTHING: Final[Mapping[str, object]] = {}
_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record as it is sent."""

    position: int
    value: bytes
    signature: bytes | None
    subject: str
    chain: bytes


class SendFailed(RuntimeError):
    """A send was not acknowledged as a whole: what of it has landed only the log tells."""


class TailUnknown(RuntimeError):
    """PostgreSQL has not the record at the log's head: the gate must look."""


class Sender(Protocol):
    """A producer of one topic; thrown away after any failure."""

    def send(self, records: Sequence[Outgoing], timeout_s: float) -> int:
        """Send all and wait until the broker has acknowledged them; the offset of the last one.

        Raises:
            SendFailed: not all were acknowledged in time.
        """
        ...

    def close(self) -> None:
        """Drop its connections at once, without waiting for anything."""
        ...


class Sequenced(Protocol):
    """What is sequenced, as the relay reads it; and the places that it keeps."""

    def chain_at(self, position: int) -> bytes | None:
        """The chain hash at a position; null where there is no record."""
        ...

    def records_from(self, first: int, limit: int) -> Sequence[Outgoing]:
        """At most `limit` records from a position on, in order."""
        ...

    def places(self, topic_id: str) -> Sequence[Place]:
        """Where this topic is known to be entered, newest first."""
        ...

    def put_place(self, place: Place) -> None:
        """Keep a place. It may be lost: another one further back serves as well."""
        ...


@dataclass(slots=True)
class _InFlight:
    """What was sent and acknowledged, and not accepted yet."""

    position: int
    offset: int
    since: float
    about: Mapping[str, object]
    read_back: float | None = None


class RelaySession:
    """One life of a producer: a reader and a sender, until anything fails."""

    def __init__(  # noqa: PLR0913  # what it reads, and what it sends by
        self,
        *,
        sequenced: Sequenced,
        log: Log,
        sender: Sender,
        verify: Verify,
        elapsed: Callable[[], float],
        wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Begin at the log's own tail, which is read up to the end that it has now.

        `wait` says how long the log shall wait at its end for its next record from then on.
        Whoever begins a session closes it and `log` behind it.
        """
        self._sequenced = sequenced
        self._sender = sender
        self._elapsed = elapsed
        self._wait = wait
        self._flight: _InFlight | None = None
        self.last_relayed: Mapping[str, object] = _NOTHING
        """What is known of the last batch that was sent and read back, for the log."""
        places = sequenced.places(log.topic_id)
        self.reader = Reader.from_places(log, verify, places, elapsed)
        end = log.end()
        while self.reader.next_offset < end and self.reader.poll_records():
            pass

    def close(self) -> None:
        """Throw the producer away."""
        self._sender.close()

    @property
    def is_waiting(self) -> bool:
        """Whether a batch is on its way, so that the log is what to look at."""
        return self._flight is not None

    def step(self) -> int:
        """Send one batch, or look whether the one in flight is accepted; how much was done.

        Raises:
            SendFailed: the producer must be thrown away.
            TailUnknown: the gate must look.
        """
        if self._flight is not None:
            return self._look(self._flight)
        records = self._next()
        if not records:
            self._wait(_GLANCE_S)
            return self.reader.poll_records()
        reach("before_produce")
        offset = self._sender.send(records, PATIENCE_S)
        reach("after_produce")
        self._flight = _InFlight(records[-1].position, offset, self._elapsed(), _about(records))
        return len(records)

    def _look(self, flight: _InFlight) -> int:
        self._wait(_READ_BACK_S)
        read = self.reader.poll_records()
        place = self.reader.place
        if place.position >= flight.position:
            reach("after_ack")
            self._flight = None
            # A place says that PostgreSQL's own records are entered up to there. What another
            # sender got entered in their stead is for the gate to take in.
            self._known(place.head)
            reach("before_place")
            self._sequenced.put_place(place)
            reach("after_place")
            self.last_relayed = {"position": place.position, **flight.about}
            return read or 1
        now = self._elapsed()
        if self.reader.next_offset > flight.offset:
            flight.read_back = now if flight.read_back is None else flight.read_back
            if now - flight.read_back > ACCEPTED_S:
                self._flight = None  # acknowledged, read back and not accepted: look at the tail
        if now - flight.since > PATIENCE_S:
            raise SendFailed(f"position {flight.position} was acknowledged and not read back")
        return read

    def _next(self) -> Sequence[Outgoing]:
        """Whole batches behind the log's head, without what waits there already unsigned.

        A signed record is never stepped over: had its signature arrived, it would be accepted.
        """
        head = self.reader.place.head
        self._known(head)
        limit = BATCH_RECORDS_MAX + self.reader.pending
        records = list(self._sequenced.records_from(head.position + 1, limit))
        while records and records[0].signature is None and self.reader.awaits(records[0].chain):
            del records[0]
        return _whole(records)

    def _known(self, head: Head) -> None:
        """Make sure that PostgreSQL has the log's head.

        Raises:
            TailUnknown: it has not.
        """
        if head.position and self._sequenced.chain_at(head.position) != head.chain:
            raise TailUnknown(f"PostgreSQL has not the log's record {head.position}")


def _about(records: Sequence[Outgoing]) -> Mapping[str, object]:
    """The subject of some records for the log, where they are about one alone."""
    subjects = {record.subject for record in records}
    return {"subject": subjects.pop()} if len(subjects) == 1 else {}


def _whole(records: Sequence[Outgoing]) -> Sequence[Outgoing]:
    """As many whole batches from the beginning as one send may hold; it ends signed."""
    size = last = 0
    for number, record in enumerate(records[:BATCH_RECORDS_MAX], start=1):
        size += len(record.value)
        if size > BATCH_BYTES_MAX and last:
            break
        if record.signature is not None:
            last = number
    return records[:last]


class AnotherRelays(RuntimeError):
    """Another relay works; this one stands by."""


Begin = Callable[[], AbstractContextManager[RelaySession]]


class Relay:
    """Runs sessions one after the other; one thread. Safe if several run, only slower."""

    def __init__(self, begin: Begin, wake_gate: Callable[[], None]) -> None:
        """Relay by sessions, each thrown away with its producer and its connections.

        `begin` starts one, and may raise `AnotherRelays`; `wake_gate` has the gate look, and
        returns when it has.
        """
        self._begin = begin
        self._wake_gate = wake_gate
        self._hint = threading.Event()
        self.refused: dict[str, int] = {}

    def hint(self) -> None:
        """Something was committed: look now instead of at the next poll."""
        self._hint.set()

    def run(self, stop: threading.Event) -> None:
        """Relay until `stop` is set."""
        while not stop.is_set():
            try:
                self._session(stop)
            except AnotherRelays:
                stop.wait(_RETRY_S)
            except TailUnknown as error:
                _LOG.warning("the gate must look", reason=str(error))
                self._wake_gate()
                stop.wait(_RETRY_S)
            except Exception as error:  # noqa: BLE001  # whatever it is, the tail is read again
                _LOG.warning(
                    "the relay begins anew from the log's tail", reason=without_values(error)
                )
                stop.wait(_RETRY_S)

    def _session(self, stop: threading.Event) -> None:
        told = _NOTHING
        with self._begin() as session:
            while not stop.is_set():
                done = session.step()
                self.refused = session.reader.refused
                if session.last_relayed is not told:
                    told = session.last_relayed
                    _LOG.info("relayed", **told)
                if not done and not session.is_waiting:
                    self._hint.wait(_IDLE_S)
                    self._hint.clear()
