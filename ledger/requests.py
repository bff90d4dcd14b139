"""What is asked of the service, and what it answers."""

from dataclasses import dataclass, field
from typing import Final

from .commands import Command
from .events import Event
from .identifiers import Identifier, SubjectId
from .refusals import Refused
from .values import EventId

__all__ = [
    "EXISTS",
    "Outcome",
    "Overloaded",
    "Preview",
    "Recorded",
    "Request",
    "TooContended",
    "Unchanged",
]

EXISTS: Final = -1
"""The expected version of a stream that is only to be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Commands on one subject, done together or not at all.

    `subject` is its id or any of the identifiers in `subject` (the readings of what was sent); null
    where the first command registers it, or where the command is about a rulebook.
    `expected_version` binds to that version of the stream; 0 means «not yet there», -1 «exists».
    """

    commands: tuple[Command, ...]
    command_hash: str
    key_hash: str | None = None
    subject: SubjectId | tuple[Identifier, ...] | None = None
    expected_version: int | None = None
    actor: str = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The request's events stand at `first` … `last` of the log.

    `replayed` where its key had done so before; `chain` is the chain hash of the last record.
    """

    stream: str
    version: int
    first: int
    last: int
    events: tuple[tuple[EventId, Event], ...]
    replayed: bool = False
    chain: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """There was nothing to do; decided on the state at `position`."""

    stream: str
    version: int
    position: int


Outcome = Recorded | Unchanged | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a request would record: on which stream and version of it, decided at `position`."""

    stream: str
    version: int
    position: int
    events: tuple[tuple[EventId, Event], ...]


class Overloaded(Exception):  # said as a fact, like every other answer of the service
    """Too much waits to be recorded; nothing was recorded, the same key may be sent again."""


class TooContended(Exception):  # said as a fact, like every other answer of the service
    """A request met a conflict on every attempt; nothing of it was recorded."""
