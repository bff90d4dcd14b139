"""Reads the log behind the sequencer and tells who waits that their records are entered.

One thread reads; it hashes and reads four fields, it builds no events. A record is entered when it
was read back from the log and accepted (`ledger.acceptance`), never because the sequencer said so.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import psycopg
import structlog

from ledger.acceptance import Arrival, Verify
from ledger.log import Log, Place, Receipt
from ledger.record import chain_hash, leaf_hash

from .reader import Reader

__all__ = ["Follower"]

_IDLE_S: Final = 0.02
_RETRY_S: Final = 0.5
_TAKEN_MAX: Final = 1_000
_RECENT_KEPT: Final = 20_000
_LOG = structlog.get_logger(__name__)


Told = Callable[[Receipt], None]
Recall = Callable[[int], Arrival]


class Follower:
    """The accepted head of the log, in a thread of its own."""

    def __init__(self, log: Log, verify: Verify, place: Place, recall: Recall) -> None:
        """Follow `log` from `place` on; nothing is read before `start`.

        `recall` finds a record that was entered before this process began to follow, from any
        thread.
        """
        self._reader = Reader(log, verify, place)
        self._recall = recall
        self._lock = threading.Lock()
        self._entered = place
        self._waiting: list[tuple[int, Told]] = []
        self._recent: dict[int, Arrival] = {}
        self._hint = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    @property
    def entered(self) -> Place:
        """The place of the last accepted record."""
        return self._entered

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following; who still waits is not told."""
        self._stopping.set()
        self._hint.set()
        if self._thread.is_alive():
            self._thread.join()

    def hint(self) -> None:
        """Something was committed: look now instead of at the next poll."""
        self._hint.set()

    def tell(self, position: int, told: Told) -> None:
        """Call `told` with the receipt of the record at `position` once it is entered.

        It is called at once, from this thread, where that is so already; else from the follower's
        thread.
        """
        with self._lock:
            if position > self._entered.position:
                self._waiting.append((position, told))
                return
            arrival = self._recent.get(position)
        told(_receipt(arrival or self._recall(position)))

    def remembered(self, position: int) -> Receipt | None:
        """The receipt of a record that was entered lately; null where it must be looked up."""
        with self._lock:
            arrival = self._recent.get(position)
        return None if arrival is None else _receipt(arrival)

    def receipt(self, position: int) -> Receipt:
        """The receipt of a record that is entered; looks it up where it is not remembered."""
        return self.remembered(position) or _receipt(self._recall(position))

    def wait(self, position: int, timeout_s: float | None) -> Receipt:
        """Wait until the record at `position` is entered.

        Raises:
            TimeoutError: it was not entered in time; it stays sequenced.
        """
        future: Future[Receipt] = Future()
        self.tell(position, future.set_result)
        return future.result(timeout_s)

    # The thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                busy = self._step()
            except psycopg.OperationalError as error:
                _LOG.warning("the log cannot be read now", reason=str(error))
                self._stopping.wait(_RETRY_S)
                continue
            if not busy:
                self._hint.wait(_IDLE_S)
                self._hint.clear()

    def _step(self) -> bool:
        """Take what the log has now, and tell who waited for it; whether it may have more."""
        accepted = self._reader.poll(_TAKEN_MAX)
        if not accepted:
            return False
        with self._lock:
            for batch in accepted:
                for arrival in batch.records:
                    assert arrival.fields is not None, "an accepted record has its fields"
                    self._recent[arrival.fields.position] = arrival
            self._entered = accepted[-1].place
            ready = [one for one in self._waiting if one[0] <= self._entered.position]
            self._waiting = [one for one in self._waiting if one[0] > self._entered.position]
            told = [(tell, self._recent[position]) for position, tell in ready]
            while len(self._recent) > _RECENT_KEPT:
                del self._recent[next(iter(self._recent))]
        for tell, arrival in told:
            try:
                tell(_receipt(arrival))
            except Exception as error:  # noqa: BLE001  # who is told must not stop the others' log
                _LOG.error("a receipt was not taken", reason=repr(error))
        # A look that finds nothing costs as much as one that does: only a full one is followed up.
        taken = sum(len(batch.records) for batch in accepted)
        return taken + self._reader.pending >= _TAKEN_MAX


def _receipt(arrival: Arrival) -> Receipt:
    fields = arrival.fields
    assert fields is not None, "an entered record has its fields"
    leaf = leaf_hash(arrival.value)
    return Receipt(
        position=fields.position,
        leaf_hash=leaf.hex(),
        chain_hash=chain_hash(fields.prev, leaf).hex(),
        partition=0,
        offset=arrival.offset,
    )
