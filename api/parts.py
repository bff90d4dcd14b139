"""What the ways in are made of, as contracts that `wiring` fulfils, and a test may too."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from ledger.commands import Command
from ledger.log import Receipt
from ledger.requests import Outcome, Overloaded, Preview, Request
from ledger.values import EventId
from projections.answers import Views

if TYPE_CHECKING:
    from .wiring import Figures

__all__ = [
    "CommandStatus",
    "Follower",
    "Health",
    "Observer",
    "Overloaded",
    "Parts",
    "Preview",
    "Receipt",
    "Statuses",
    "Writer",
]


class CommandStatus(Protocol):
    """What a key did."""

    @property
    def first(self) -> int:
        """The position of its first record."""
        ...

    @property
    def last(self) -> int:
        """The position of its last record."""
        ...

    @property
    def chain(self) -> bytes:
        """The chain hash of its last record."""
        ...

    @property
    def stream(self) -> str:
        """The stream of its records."""
        ...

    @property
    def version(self) -> int:
        """The version that the stream got."""
        ...


class Writer(Protocol):
    """Records requests of many at once; a refusal is an outcome, never raised."""

    def submit(self, request: Request) -> asyncio.Future[Outcome]:
        """Record a request soon.

        Raises (at once or in the future):
            Overloaded: too many wait.
            One of `Parts.unavailable`: the ledger cannot be written now; the key settles what
            became of it.
        """
        ...

    def preview(self, request: Request) -> asyncio.Future[Preview]:
        """What the request would record now.

        Raises (in the future):
            Refused: the rules forbid it.
        """
        ...


class Follower(Protocol):
    """The accepted head of the log."""

    @property
    def entered(self) -> int:
        """The position of the last record that is entered."""
        ...

    def wait(self, position: int, chain: bytes) -> asyncio.Future[Receipt | None]:
        """The receipt of the record with this chain hash, once it is entered. May be cancelled.

        Null, or never, where another record is entered at its position.
        """
        ...


class Statuses(Protocol):
    """Single look-ups among what is sequenced; called from any thread."""

    def of_key(self, key_hash: str) -> CommandStatus | None:
        """What the key did; null if nothing.

        Raises:
            Refused: it did nothing and never will.
            One of `Parts.unavailable`: it cannot be told now.
        """
        ...

    def records(self, first: int, last: int) -> Sequence[tuple[int, bytes]]:
        """The bytes of the records between two positions, both included."""
        ...

    def position_of(self, event: EventId) -> int | None:
        """Where an event stands; null if it is not known."""
        ...


class Observer(Protocol):
    """Watches the ledger for its operators; called from any thread, and never waits itself."""

    def look(self) -> tuple[Future[None], ...]:
        """Begin to look at the stores; each is done, without an error, when it was seen."""
        ...

    def figures(self) -> "Figures":
        """What is known now, however long ago it was seen."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the service can do its work, and what it stands on; `detail` is shown as it is."""

    is_ready: bool
    detail: Mapping[str, Any]


class Parts(Protocol):
    """Everything that the API works with."""

    @property
    def ledger(self) -> str:
        """The ledger's name."""
        ...

    @property
    def default_regime(self) -> str | None:
        """The regime that answers where several apply and none is named (`LEDGER_REGIME`)."""
        ...

    @property
    def cursor_key(self) -> bytes:
        """The secret that signs cursors; the same in all processes of a ledger."""
        ...

    @property
    def writer(self) -> Writer:
        """Records requests."""
        ...

    @property
    def follower(self) -> Follower:
        """Knows what is entered."""
        ...

    @property
    def statuses(self) -> Statuses:
        """Looks up what is sequenced."""
        ...

    @property
    def views(self) -> Views:
        """Answers every question about what is recorded."""
        ...

    @property
    def observer(self) -> Observer:
        """Watches the ledger for its operators."""
        ...

    @property
    def command_hash(self) -> Callable[[str | None, tuple[Command, ...]], str]:
        """The hash of what was asked: the canonical text of the subject, and the commands."""
        ...

    @property
    def today(self) -> Callable[[], date]:
        """The civil day in Asia/Shanghai."""
        ...

    @property
    def unavailable(self) -> tuple[type[Exception], ...]:
        """What any of these parts raises where the ledger cannot be written or read now."""
        ...

    def health(self) -> Health:
        """How the service is; asks the database, so it is called from a thread."""
        ...
