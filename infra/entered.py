"""Lets event loops await that a record is entered; one wake-up a loop, however many wait."""

import asyncio
import threading
from collections import deque
from functools import partial

from ledger.log import Receipt

from .follower import Follower

__all__ = ["Entered"]


class Entered:
    """What the follower has accepted, for those who must not block."""

    def __init__(self, follower: Follower) -> None:
        """Wait for what `follower` accepts."""
        self._follower = follower
        self._doors: dict[asyncio.AbstractEventLoop, _Door] = {}
        self._lock = threading.Lock()

    @property
    def entered(self) -> int:
        """The position of the last record that is entered."""
        return self._follower.entered.position

    @property
    def refused(self) -> dict[str, int]:
        """How many records of the log were refused, by reason."""
        return self._follower.refused

    def wait(self, position: int, chain: bytes) -> "asyncio.Future[Receipt | None]":
        """The receipt of the record with this chain hash, once it is entered. May be cancelled.

        Null, or never, where another record is entered at its position.
        """
        loop = asyncio.get_running_loop()
        if position <= self.entered:
            receipt = self._follower.remembered(position, chain)
            if receipt is None:
                # It must be looked up, which would hold up everybody else in this loop.
                return loop.run_in_executor(None, self._follower.receipt, position, chain)
            known: asyncio.Future[Receipt | None] = loop.create_future()
            known.set_result(receipt)
            return known
        future: asyncio.Future[Receipt | None] = loop.create_future()
        self._follower.tell(position, chain, partial(self._door(loop).put, future))
        return future

    def has(self, position: int, chain: bytes) -> bool:
        """Whether the record with this chain hash is entered."""
        return position <= self.entered and self._follower.receipt(position, chain) is not None

    def until(self, position: int, timeout_s: float) -> None:
        """Wait in this thread until the log is accepted up to a position.

        Raises:
            TimeoutError: it was not in time; what is sequenced stays sequenced.
        """
        self._follower.wait(position, timeout_s)

    def _door(self, loop: asyncio.AbstractEventLoop) -> "_Door":
        known = self._doors.get(loop)
        if known is not None:
            return known
        with self._lock:
            for gone in [known for known in self._doors if known.is_closed()]:
                del self._doors[gone]
            return self._doors.setdefault(loop, _Door(loop))


class _Door:
    """Hands receipts into one loop; those that come while it is on its way in go along."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived: deque[tuple[asyncio.Future[Receipt | None], Receipt]] = deque()
        self._on_its_way = threading.Event()

    def put(self, future: "asyncio.Future[Receipt | None]", receipt: Receipt) -> None:
        self._arrived.append((future, receipt))
        if not self._on_its_way.is_set():
            self._on_its_way.set()
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._open)

    def _open(self) -> None:
        self._on_its_way.clear()  # what is put from here on comes in once more
        while self._arrived:
            future, receipt = self._arrived.popleft()
            if not future.done():
                future.set_result(receipt)
