"""Tells the relay's process that something was committed, by NOTIFY on connections of their own.

A hint is never needed: the relay looks by itself every 50 ms. It is never sent within the
transaction that sequences, whose commit would take a lock of the whole database; and however many
commits come meanwhile, one is on its way at a time.
"""

import threading
from collections.abc import Callable
from typing import Final

import psycopg
import structlog
from psycopg.rows import TupleRow

from .connections import connect
from .logs import without_values

__all__ = ["Hearing", "Hints"]

_CHANNEL: Final = "ledger_sequenced"
_LOOK_S: Final = 0.5
_LOG = structlog.get_logger(__name__)

Connection = psycopg.Connection[TupleRow]


class Hints:
    """Sends hints, in a thread of its own."""

    def __init__(self, database_url: str) -> None:
        """Hint to whoever hears in this database."""
        self._database_url = database_url
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hints", daemon=True)

    def start(self) -> None:
        """Begin to hint."""
        self._thread.start()

    def stop(self) -> None:
        """Hint no more."""
        self._stopping.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()

    def hint(self) -> None:
        """Something was committed."""
        self._wanted.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with connect(self._database_url) as connection:
                    self._send(connection)
            except psycopg.OperationalError as error:
                _LOG.debug("no hint can be sent now", reason=without_values(error))
                self._stopping.wait(_LOOK_S)

    def _send(self, connection: Connection) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopping.is_set():
                return
            connection.execute(f"NOTIFY {_CHANNEL}")


class Hearing:
    """Hears hints, in a thread of its own."""

    def __init__(self, database_url: str, heard: Callable[[], None]) -> None:
        """Call `heard` whenever something was committed, or may have been."""
        self._database_url = database_url
        self._heard = heard
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hearing", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with connect(self._database_url) as connection:
                    connection.execute(f"LISTEN {_CHANNEL}")
                    self._listen(connection)
            except psycopg.OperationalError as error:
                _LOG.debug("no hint can be heard now", reason=without_values(error))
                self._stopping.wait(_LOOK_S)

    def _listen(self, connection: Connection) -> None:
        while not self._stopping.is_set():
            for _ in connection.notifies(timeout=_LOOK_S, stop_after=1):
                self._heard()
