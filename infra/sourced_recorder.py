"""The recorder of an application of the eventsourcing library, and the subscription to it."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    Notification,
    StoredEvent,
    Subscription,
)

from ledger.record import NUMBER_MAX
from ledger.values import EventId

from .sourced_ledgers import SourcedLedger
from .sourced_records import append_of, stored_event

__all__ = ["LedgerRecorder", "LedgerSubscription"]

_PAGE: Final = 500
_LOOK_S: Final = 0.02


class LedgerRecorder(ApplicationRecorder):
    """Records on the ledger; from any thread.

    What is saved together stands together: one batch, all or nothing. Notification ids have no gap,
    and nothing is shown under one that is not entered, so none ever changes its meaning.
    """

    def __init__(self, ledger: SourcedLedger, fresh: Callable[[], EventId]) -> None:
        """Record on `ledger`; `fresh` gives ids of records."""
        self._ledger = ledger
        self._fresh = fresh

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        **_: Any,  # noqa: ANN401  # what the library passes to recorders of other kinds
    ) -> Sequence[int]:
        """Record the events; their notification ids, once they are entered.

        Raises:
            IntegrityError: a version of an originator is there already; nothing was recorded.
            DataError: an event cannot stand on this log; nothing was recorded.
            NotEntered, OperationalError: as `SourcedLedger.append`.
        """
        if not stored_events:
            return []
        return list(self._ledger.append(append_of(stored_events, self._fresh)))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The entered events of an originator, by version."""
        found = self._ledger.events(
            str(originator_id),
            above=-1 if gt is None else gt,
            upto=NUMBER_MAX if lte is None else lte,
            backwards=desc,
            limit=limit,
        )
        return [stored_event(value) for value in found]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The entered events from one notification id to another, in order."""
        first = 1 if start is None else start if inclusive_of_start else start + 1
        last = NUMBER_MAX if stop is None else stop
        return [
            _notification(number, value)
            for number, value in self._ledger.notifications(first, last, topics, limit)
        ]

    def max_notification_id(self) -> int | None:
        """The last notification id that is entered; null before the first."""
        return self._ledger.newest() or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        """The entered events behind a notification id, as they come."""
        return LedgerSubscription(self, gt, topics)


class LedgerSubscription(Subscription[ApplicationRecorder]):
    """Yields what is entered, in order, and waits at the end until it is stopped.

    It looks by itself and listens to nobody, so there is no moment at which an event could be
    missed; it has no thread but that of whoever iterates.
    """

    def __init__(self, recorder: LedgerRecorder, gt: int | None, topics: Sequence[str]) -> None:
        """Begin behind the notification id `gt`; null is the beginning."""
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._last = gt or 0
        self._ready: deque[Notification] = deque()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Yield nothing any more; from any thread."""
        super().stop()
        self._stopping.set()

    def __next__(self) -> Notification:
        """The next event; waits for it.

        Raises:
            StopIteration: the subscription was stopped.
            OperationalError: the ledger cannot be read.
        """
        while not self._stopping.is_set():
            if self._ready:
                return self._ready.popleft()
            if not self._look():
                self._stopping.wait(_LOOK_S)
        raise StopIteration

    def _look(self) -> bool:
        """Take what is new up to the last id that there is now; whether there was any."""
        newest = self._recorder.max_notification_id() or 0
        if newest <= self._last:
            return False
        self._ready.extend(
            self._recorder.select_notifications(
                self._last, _PAGE, newest, self._topics, inclusive_of_start=False
            )
        )
        # A page that is not full holds all there is: what has other topics is not looked at again.
        self._last = self._ready[-1].id if len(self._ready) == _PAGE else newest
        return True


def _notification(number: int, value: bytes) -> Notification:
    event = stored_event(value)
    return Notification(
        id=number,
        originator_id=event.originator_id,
        originator_version=event.originator_version,
        topic=event.topic,
        state=event.state,
    )
