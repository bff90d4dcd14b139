"""What the service gives to a sequencer, and what it is answered: the contracts of the stores.

The same loop runs on PostgreSQL and in memory, since both fulfil these.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .events import Event
from .identifiers import Identifier, SubjectId
from .values import EventId

__all__ = [
    "Append",
    "AppendOutcome",
    "Appended",
    "Codec",
    "CommandRecord",
    "Draft",
    "IdentifierHeld",
    "Identities",
    "KeyKnown",
    "KeyVoided",
    "Sequencer",
    "Stored",
    "VersionConflict",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One record to be.

    Opaque to the sequencer. `data` is canonical JSON, `attributes` extend the envelope. One of type
    `EVENTSOURCING_STORED` has any version that its stream does not have yet, from 0 on, and its
    `data` is base64.
    """

    stream: str
    version: int
    type: str
    id: EventId
    data: bytes
    critical: bool = True
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """The records of one request, appended together or not at all.

    `key_hash` is the idempotency key's hash (absent where no key was sent); `claims` are the
    identifiers that the records give to their stream. `follows` are streams on whose earlier
    appends of the same batch this one was decided: it cannot stand where one of those was left out,
    whatever the versions say.
    """

    drafts: tuple[Draft, ...]
    key_hash: str | None
    command_hash: str
    actor: str
    claims: tuple[Identifier, ...] = ()
    follows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRecord:
    """What a key did: the hash of its command and the positions of its records.

    `chain` is the chain hash of the last one, empty where it is not known yet.
    """

    command_hash: str
    first: int
    last: int
    chain: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """The records stand at these positions, durably.

    `chain` is the chain hash of the last one: they are entered once the log has that very record.
    """

    first: int
    last: int
    chain: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyKnown:
    """The key was used before; nothing was appended."""

    record: CommandRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVoided:
    """The command under this key lost against another history; it will never be recorded.

    `position` is that of the `commands-voided` that says so.
    """

    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionConflict:
    """The stream had moved on; nothing was appended."""

    stream: str
    actual: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierHeld:
    """Another stream holds a claimed identifier; nothing was appended."""

    identifier: Identifier
    holder: SubjectId


AppendOutcome = Appended | KeyKnown | KeyVoided | VersionConflict | IdentifierHeld


@dataclass(frozen=True, slots=True)
class Stored:
    """One record of the log, read back from the sequencer's own store."""

    position: int
    id: EventId
    stream: str
    version: int
    type: str
    value: bytes


class Sequencer(Protocol):
    """Gives records their order, their positions without a gap, and keeps them.

    One transaction per batch.
    """

    def append(self, batch: Sequence[Append]) -> tuple[AppendOutcome, ...]:
        """Append all that can be appended, in order, in one durable transaction.

        One outcome for each, in order.

        Keys, versions and identifiers are checked before the first insert, each append against the
        state as it is after the earlier ones of the batch; one that cannot stand is left out and
        harms no other, but those that follow it. When this returns, what was appended is on stable
        storage. A connection lost while committing is settled here, by looking the records up,
        never by sending them again blindly. When it raises, what was appended is not known to the
        caller: keys tell, and natural keys. An id that another record bears is a defect and
        raises.
        """
        ...

    def position(self) -> int:
        """The position of the last sequenced record, 0 before the first."""
        ...

    def commands(self, key_hashes: Sequence[str]) -> Mapping[str, CommandRecord | KeyVoided]:
        """What these keys did, or that they are voided; keys never used are left out."""
        ...

    def read(self, streams: Sequence[str]) -> Iterable[Stored]:
        """All records of these streams, in order of position."""
        ...

    def read_positions(self, first: int, last: int) -> Sequence[Stored]:
        """The records from `first` to `last`, both included."""
        ...

    def streams_changed(self, after: int) -> tuple[int, frozenset[str] | None]:
        """The sequenced position, and the streams that got records behind position `after`.

        Null in their stead where the history may be another one than before: then whatever was
        kept of it is void.
        """
        ...

    def streams_under(self, prefix: str) -> tuple[int, frozenset[str]]:
        """The sequenced position, and all streams whose names begin with `prefix`."""
        ...


class Identities(Protocol):
    """Which subject an identifier names.

    Kept in the sequencing transaction, rebuilt from the log.
    """

    def find(self, identifiers: Sequence[Identifier]) -> Mapping[Identifier, SubjectId]:
        """The subjects that these identifiers name; unknown ones are left out."""
        ...


class Codec(Protocol):
    """Between events and canonical bytes."""

    def data(self, event: Event) -> bytes:
        """The event's facts as canonical JSON."""
        ...

    def attributes(self, event: Event) -> tuple[tuple[str, str], ...]:
        """What of the event stands in the envelope: authority, region, edition."""
        ...

    def name(self, event: Event) -> str:
        """The stored name of the event."""
        ...

    def event(self, stored: Stored) -> Event:
        """The event in a stored record."""
        ...
