"""Reads the log behind the sequencer and tells who waits that their records are entered.

One thread reads; it hashes and reads four fields, it builds no events. A record is entered when it
was read back from the log and accepted (`ledger.acceptance`), never because the sequencer said so,
and only that very record: one that stands at its position on the log in its stead is not it.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

import psycopg
import structlog

from ledger.acceptance import Arrival, Verify
from ledger.log import Place, Receipt
from ledger.record import Head, chain_hash, leaf_hash

from . import clock
from .kafka_log import RecordDamaged
from .log_source import LOG_AWAY, OpenLog, ReadableLog
from .logs import without_values
from .reader import Accepted, PlaceLost, Reader

__all__ = ["Follower"]

_IDLE_S: Final = 0.02
_RETRY_S: Final = 0.5
_STOP_S: Final = 3.0
"""How long its end is waited for: a log that does not answer may take longer, and ends with us."""
_TAKEN_MAX: Final = 1_000
_RECENT_KEPT: Final = 20_000
_PENDING_ALARM_S: Final = 30.0
_ALARMING: Final = ("another-record", "invalid-signature")
_LOG = structlog.get_logger(__name__)


Told = Callable[[Receipt], None]
Recall = Callable[[int, Head], Arrival | None]


class Follower:
    """The accepted head of the log, in a thread of its own."""

    def __init__(  # noqa: PLR0913  # what it reads, from where on, and whom it tells
        self,
        open_log: OpenLog,
        verify: Callable[[], Verify],
        places: Callable[[str], Sequence[Place]],
        recall: Recall,
        *,
        idle_s: float = _IDLE_S,
        wake_gate: Callable[[], None] = lambda: None,
    ) -> None:
        """Follow the log; nothing is read before `start`.

        Args:
            open_log: opens the log as it is now, again where it is not what it was.
            verify: the check of signatures, with the keys that there are when the log is opened.
            places: the stored places of a topic, newest first; it begins at one of them.
            recall: finds the record at a position up to the accepted head, from any thread; null
                where the store that is asked has not that head.
            idle_s: how long to wait where the log had nothing; 0 where the log itself waits.
            wake_gate: called where the log is not what it was.
        """
        self._open_log = open_log
        self._verify = verify
        self._places = places
        self._recall = recall
        self._idle_s = idle_s
        self._wake_gate = wake_gate
        self._log: ReadableLog | None = None
        self._reader: Reader | None = None
        self._lock = threading.Lock()
        self._entered = Place(topic_id="")
        self._waiting: list[tuple[int, bytes | None, Told]] = []
        self._recent: dict[int, Arrival] = {}
        self._refused: dict[str, int] = {}
        self._pending_since: float | None = None
        self._hint = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    @property
    def entered(self) -> Place:
        """The place of the last accepted record; position 0 before the log was read."""
        return self._entered

    @property
    def head(self) -> Head:
        """The last accepted record."""
        return self._entered.head

    @property
    def refused(self) -> dict[str, int]:
        """How many records of the log were refused since it was opened, by reason."""
        return dict(self._refused)

    def start(self) -> None:
        """Begin to follow. Where the log can be read now, what is entered is known from here on."""
        self._try_to_open()
        self._thread.start()

    def stop(self) -> None:
        """Stop following; who still waits is not told."""
        self._stopping.set()
        self._hint.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)
        if not self._thread.is_alive():
            self._close()

    def hint(self) -> None:
        """Something was committed: look now instead of at the next poll."""
        self._hint.set()

    def tell(self, position: int, chain: bytes, told: Told) -> None:
        """Call `told` with the receipt of the record with this chain hash once it is entered.

        It is called at once, from this thread, where that is so already; else from the follower's
        thread. Where another record is entered at its position it is never called.
        """
        self._tell(position, chain, told)

    def _tell(self, position: int, chain: bytes | None, told: Told) -> None:
        with self._lock:
            if position > self._entered.position:
                self._waiting.append((position, chain, told))
                return
        receipt = self.receipt(position, chain)
        if receipt is not None:
            told(receipt)

    def remembered(self, position: int, chain: bytes) -> Receipt | None:
        """The receipt of a record that was entered lately; null where it must be looked up."""
        with self._lock:
            arrival = self._recent.get(position)
        return None if arrival is None else _receipt_of(arrival, chain)

    def receipt(self, position: int, chain: bytes | None = None) -> Receipt | None:
        """The receipt of a record up to the accepted head; null where it is not that very one.

        Looks it up where it is not remembered.
        """
        with self._lock:
            arrival, head = self._recent.get(position), self._entered.head
        arrival = arrival or self._recall(position, head)
        return None if arrival is None else _receipt_of(arrival, chain)

    def wait(self, position: int, timeout_s: float | None) -> None:
        """Wait until the log is accepted up to `position`.

        Raises:
            TimeoutError: it was not in time; what is sequenced stays sequenced.
        """
        future: Future[Receipt] = Future()
        with self._lock:
            if position <= self._entered.position:
                return
            self._waiting.append((position, None, future.set_result))
        future.result(timeout_s)

    # The thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._reader is None:
                    self._open()
                busy = self._step()
            except psycopg.OperationalError as error:
                self._rest("PostgreSQL cannot be asked now", error)
            except (*LOG_AWAY, PlaceLost, RecordDamaged) as error:
                self._close()
                self._wake_gate()
                self._rest("the log cannot be read now", error)
            except Exception as error:  # noqa: BLE001  # whatever it is, the log is opened anew
                # This thread must not end: nobody would be told any more that anything is entered.
                self._close()
                self._wake_gate()
                self._rest("the log is opened anew", error)
            else:
                if not busy and self._idle_s:
                    self._hint.wait(self._idle_s)
                    self._hint.clear()

    def _rest(self, what: str, error: Exception) -> None:
        _LOG.warning(what, reason=without_values(error))
        self._stopping.wait(_RETRY_S)

    def _try_to_open(self) -> None:
        try:
            self._open()
        except (*LOG_AWAY, PlaceLost, psycopg.OperationalError) as error:
            self._close()
            _LOG.warning("the log cannot be read yet", reason=without_values(error))

    def _open(self) -> None:
        """Begin at the newest stored place that the log holds: up to there all is entered."""
        self._close()
        log = self._log = self._open_log()
        reader = Reader.from_places(log, self._verify(), self._places(log.topic_id))
        self._refused, self._pending_since = {}, None
        self._accept((), reader.place)
        self._reader = reader

    def _close(self) -> None:
        log, self._log, self._reader = self._log, None, None
        if log is not None:
            log.close()

    def _step(self) -> bool:
        """Take what the log has now, and tell who waited for it; whether it may have more."""
        reader = self._reader
        assert reader is not None, "it was opened"
        moved_back = reader.moved_back
        accepted = reader.poll(_TAKEN_MAX)
        if reader.moved_back > moved_back:
            _LOG.error("the log has lost its tail", entered=self._entered.position)
            self._wake_gate()
        self._look_out(reader)
        if not accepted:
            return False
        self._accept(accepted, accepted[-1].place)
        # A look that finds nothing costs as much as one that does: only a full one is followed up.
        taken = sum(len(batch.records) for batch in accepted)
        return taken + reader.pending >= _TAKEN_MAX

    def _accept(self, accepted: Sequence[Accepted], place: Place) -> None:
        """Take what was accepted for entered, and tell who waited for it.

        What was entered stays entered, wherever a log that lost its tail ends now.
        """
        with self._lock:
            for batch in accepted:
                for arrival in batch.records:
                    self._recent[arrival.position] = arrival
            if place.position >= self._entered.position:
                self._entered = place
            upto = self._entered.position
            ready = [one for one in self._waiting if one[0] <= upto]
            self._waiting = [one for one in self._waiting if one[0] > upto]
        for position, chain, told in ready:
            receipt = self.receipt(position, chain)
            if receipt is None:
                continue
            try:
                told(receipt)
            except Exception as error:  # noqa: BLE001  # who is told must not stop the others' log
                _LOG.error("a receipt was not taken", reason=without_values(error))
        with self._lock:
            while len(self._recent) > _RECENT_KEPT:
                del self._recent[next(iter(self._recent))]

    def _look_out(self, reader: Reader) -> None:
        """Raise the alarm for what nobody of ours would write, and for what nobody completes."""
        refused = reader.refused
        for reason in _ALARMING:
            if refused.get(reason, 0) > self._refused.get(reason, 0):
                _LOG.error("alarm: a record of the log was refused", reason=reason, refused=refused)
        self._refused = refused
        if not reader.pending:
            self._pending_since = None
        elif self._pending_since is None:
            self._pending_since = clock.elapsed()
        elif clock.elapsed() - self._pending_since > _PENDING_ALARM_S:
            _LOG.error("alarm: records wait for their signature", pending=reader.pending)
            self._pending_since = clock.elapsed()


def _receipt_of(arrival: Arrival, wanted: bytes | None) -> Receipt | None:
    """The receipt of a record; null where its chain hash is not the one that is wanted."""
    fields = arrival.fields
    assert fields is not None, "an entered record has its fields"
    leaf = leaf_hash(arrival.value)
    chain = chain_hash(fields.prev, leaf)
    if wanted is not None and chain != wanted:
        return None
    return Receipt(
        position=fields.position,
        leaf_hash=leaf.hex(),
        chain_hash=chain.hex(),
        partition=0,
        offset=arrival.offset if arrival.offset >= 0 else None,
    )
