"""Takes requests from many at once and records them in batches, in a thread of its own.

While one batch is on its way to the disk the next one gathers; nothing waits for a timer. Whoever
sent a request is told the outcome by a future of its own event loop, one wake-up a loop and batch.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import structlog

from ledger.refusals import Refused
from ledger.requests import Outcome, Overloaded, Preview, Request, TooContended
from ledger.service import Service

from .logs import without_values

__all__ = ["Writer"]

_BATCH_MAX: Final = 500
_WAITING_MAX: Final = 10_000
_LOG = structlog.get_logger(__name__)

Work = Callable[[Service], Any]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request and the future of the event loop that waits for it."""

    request: Request
    future: "asyncio.Future[Outcome]"
    loop: asyncio.AbstractEventLoop


@dataclass(frozen=True, slots=True)
class _Errand:
    """Something else to be done with the service, between batches."""

    work: Work
    future: "Future[Any]"


class Writer:
    """The one thread that calls the service."""

    def __init__(self, service: Service, committed: Callable[[], None]) -> None:
        """Write through `service`.

        `committed` is called after each batch, before anybody is told.
        """
        self._service = service
        self._committed = committed
        self._queue: queue.SimpleQueue[_Asked | _Errand | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to take requests."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what was taken, then stop; nothing is taken any more."""
        with self._lock:
            self._is_stopping = True
            self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, request: Request) -> "asyncio.Future[Outcome]":
        """Record a request soon; the outcome arrives in the calling event loop.

        Raises:
            Overloaded: too many requests wait, or the writer is stopping; send it again later.
        """
        if self._queue.qsize() >= _WAITING_MAX:
            raise Overloaded(f"{_WAITING_MAX} requests wait already; send this one again later")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        self._put(_Asked(request, future, loop))
        return future

    def preview(self, request: Request) -> "asyncio.Future[Preview]":
        """What the request would record now; the answer arrives in the calling event loop."""
        return asyncio.wrap_future(self.between_batches(lambda service: service.preview(request)))

    def between_batches(self, work: Work) -> "Future[Any]":
        """Do something with the service between two batches (a preview, a look at the rules).

        Raises:
            Overloaded: the writer is stopping.
        """
        future: Future[Any] = Future()
        self._put(_Errand(work, future))
        return future

    def record(self, requests: Sequence[Request]) -> tuple[Outcome, ...]:
        """Record a batch of the caller's own making and wait for its outcomes.

        Raises:
            Overloaded: the writer is stopping.
            TooContended: a request met a conflict on every attempt; the others are recorded.
        """
        outcomes: tuple[Outcome | TooContended, ...] = self.between_batches(
            lambda service: service.record(requests)
        ).result()
        self._committed()
        return tuple(map(_come_through, outcomes))

    def _put(self, item: _Asked | _Errand) -> None:
        """Queue it, unless the end of the queue stands there: nobody would take it."""
        with self._lock:
            if self._is_stopping:
                raise Overloaded("the service is stopping; send this one again later")
            self._queue.put(item)

    # The thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            asked: list[_Asked] = []
            while isinstance(item, _Asked):
                asked.append(item)
                if len(asked) == _BATCH_MAX:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if asked:
                self._record(asked)
            if isinstance(item, _Errand):
                _do(item, self._service)
            elif item is None:
                return

    def _record(self, asked: Sequence[_Asked]) -> None:
        try:
            outcomes: Sequence[Outcome | BaseException] = self._service.record(
                [one.request for one in asked]
            )
        except Exception as error:  # noqa: BLE001  # whoever waits must be told, whatever it is
            _LOG.error(
                "a batch was not recorded", reason=without_values(error), requests=len(asked)
            )
            outcomes = [error] * len(asked)
        self._committed()
        answered = sorted(zip(asked, outcomes, strict=True), key=lambda pair: id(pair[0].loop))
        for _, pairs in groupby(answered, key=lambda pair: id(pair[0].loop)):
            told = list(pairs)
            try:
                told[0][0].loop.call_soon_threadsafe(_tell, told)
            except RuntimeError:
                # That loop was closed, and all who waited in it are gone; the others are told.
                _LOG.warning("nobody is there to be told", requests=len(told))


def _come_through(outcome: Outcome | TooContended) -> Outcome:
    if isinstance(outcome, TooContended):
        raise outcome
    return outcome


def _tell(pairs: Sequence[tuple[_Asked, Outcome | BaseException]]) -> None:
    """Resolve the futures of one loop, in that loop; a refusal is an outcome, never raised."""
    for asked, outcome in pairs:
        if asked.future.done():
            continue
        if isinstance(outcome, BaseException) and not isinstance(outcome, Refused):
            asked.future.set_exception(outcome)
        else:
            asked.future.set_result(outcome)


def _do(errand: _Errand, service: Service) -> None:
    if not errand.future.set_running_or_notify_cancel():
        return  # who asked is gone; from here on the future can no longer be cancelled
    try:
        errand.future.set_result(errand.work(service))
    except Exception as error:  # noqa: BLE001  # the caller is told, whatever it is
        errand.future.set_exception(error)
