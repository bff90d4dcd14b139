"""Between events and canonical bytes.

Msgspec straight into the ledger's dataclasses, old versions raised on reading.

A record is one CloudEvents 1.0 event in JSON, canonical by RFC 8785: keys are ASCII and sorted,
there are no floats, text is UTF-8 with the shortest escapes. Its bytes are made once, here, and
never again.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Any, Final

import msgspec

from ledger.acceptance import RecordFields
from ledger.commands import NAME_OF as COMMAND_NAME_OF
from ledger.commands import Command
from ledger.events import NAME_OF, STORED_NAMES, Basis, Event, TermOpened
from ledger.folding import fold_name
from ledger.record import EVENTSOURCING_STORED, NUMBER_MAX, Head
from ledger.sequencing import Append, Draft, Stored
from ledger.values import EventId, Name

__all__ = [
    "CONTENT_TYPE",
    "DATA_BYTES_MAX",
    "ENVELOPE_BYTES_MAX",
    "About",
    "Envelope",
    "EventCodec",
    "UnreadableRecord",
    "canonical",
    "command_bytes",
    "command_hash",
    "dataschema",
    "decode_event",
    "envelope",
    "instant",
    "parse_instant",
    "read_about",
    "read_envelope",
    "read_fields",
    "term_opened_draft",
]

CONTENT_TYPE: Final = "application/json"
BINARY_CONTENT_TYPE: Final = "application/octet-stream"
SUITE: Final = "ed25519-sha256"
DATA_BYTES_MAX: Final = 60 * 1024
ENVELOPE_BYTES_MAX: Final = 2 * 1024
"""What an envelope may add to the data of its record."""

_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_HASH_BYTES: Final = 32
_DATASCHEMA: Final = re.compile(r"urn:credit-ledger:(?P<type>[a-z-]+):(?P<major>[1-9][0-9]{0,8})")
_UNDECODABLE: Final = (ValueError, RecursionError)
"""What msgspec raises on bytes that are not what they should be, however deeply nested."""

MAJORS: Final[Mapping[str, int]] = dict.fromkeys(STORED_NAMES, 1)
"""The present major version of each event's schema; one not named here is version 1."""

Raise = Callable[[dict[str, Any]], dict[str, Any]]
RAISES: Final[dict[tuple[str, int], Raise]] = {}
"""(stored name, major) -> how its data is raised to the next major. None was needed yet."""


class UnreadableRecord(ValueError):
    """A record's bytes are not what its envelope says they are."""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A record as it stands on the log; `data` is empty where it has `data_base64` instead."""

    id: str
    type: str
    subject: str
    time: str
    dataschema: str
    position: int
    prev: str
    term: int
    subjectversion: int
    commandhash: str
    actor: str
    critical: bool
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = None
    idemkeyhash: str | None = None
    authority: str | None = None
    region: str | None = None
    rulebook: str | None = None

    @property
    def major(self) -> int:
        """The major version of the data's schema.

        Raises:
            UnreadableRecord: the schema is not one of the record's type.
        """
        return _major(self.type, self.dataschema)

    def event(self) -> Event:
        """The event in the record.

        Raises:
            UnreadableRecord: the type or its version is not known here, or the data does not fit
            it.
        """
        return decode_event(self.type, self.major, self.data)


_Number = Annotated[int, msgspec.Meta(gt=0, le=NUMBER_MAX)]


@lru_cache(maxsize=1024)
def _major(stored_name: str, schema: str) -> int:
    named = _DATASCHEMA.fullmatch(schema)
    if named is None or named["type"] != stored_name:
        message = f"{schema!r} is no schema of {stored_name}"
        raise UnreadableRecord(message)
    return int(named["major"])


class About(msgspec.Struct, frozen=True, gc=False):
    """Which stream a record belongs to, and when it was recorded."""

    subject: str
    time: str


class _Fields(msgspec.Struct, frozen=True, gc=False):
    position: _Number
    prev: str
    term: _Number
    type: str


_ENVELOPES: Final = msgspec.json.Decoder(Envelope)
_ABOUT: Final = msgspec.json.Decoder(About)
_FIELDS: Final = msgspec.json.Decoder(_Fields)
_EVENTS: Final[dict[str, msgspec.json.Decoder[Event]]] = {
    name: msgspec.json.Decoder(event) for name, event in STORED_NAMES.items()
}


def canonical(value: object) -> bytes:
    """The canonical JSON of dataclasses, mappings with ASCII keys, text, integers and decimals."""
    return _ENCODER.encode(value)


def command_bytes(subject: str | None, commands: tuple[Command, ...]) -> bytes:
    """The canonical bytes of what was asked, without its key.

    What `commandhash` is the SHA-256 of.
    """
    asked = [{"command": COMMAND_NAME_OF[type(one)], "with": one} for one in commands]
    return canonical({"commands": asked, "subject": subject})


def command_hash(subject: str | None, commands: tuple[Command, ...]) -> str:
    """What stands as `commandhash` in the records of a command, in lower-case hexadecimal."""
    return sha256(command_bytes(subject, commands)).hexdigest()


def dataschema(stored_name: str) -> str:
    """The URN of the present schema of an event."""
    return f"urn:credit-ledger:{stored_name}:{MAJORS.get(stored_name, 1)}"


def instant(at: datetime) -> str:
    """An instant in UTC with six digits, as it stands in records."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_instant(text: str) -> datetime:
    """The instant in a record."""
    return datetime.fromisoformat(text)


def envelope(  # noqa: PLR0913  # the parts of a record
    *, ledger: str, draft: Draft, append: Append, before: Head, position: int, time: str
) -> bytes:
    """The canonical bytes of a record that follows `before`.

    An attribute without a value is absent.
    """
    record: dict[str, object] = {
        "specversion": "1.0",
        "id": draft.id,
        "source": f"/ledgers/{ledger}",
        "type": draft.type,
        "subject": draft.stream,
        "time": time,
        "dataschema": dataschema(draft.type),
        "position": position,
        "prev": before.chain.hex(),
        "term": before.term,
        "subjectversion": draft.version,
        "commandhash": append.command_hash,
        "actor": append.actor,
        "critical": draft.critical,
        "suite": SUITE,
    }
    if draft.type == EVENTSOURCING_STORED:
        record["datacontenttype"] = BINARY_CONTENT_TYPE
        record["data_base64"] = draft.data.decode("ascii")
    else:
        record["datacontenttype"] = CONTENT_TYPE
        record["data"] = msgspec.Raw(draft.data)
    if append.key_hash is not None:
        record["idemkeyhash"] = append.key_hash
    record.update(draft.attributes)
    return _ENCODER.encode(record)


def read_envelope(value: bytes) -> Envelope:
    """The record in these bytes.

    Raises:
        UnreadableRecord: they are none.
    """
    try:
        envelope = _ENVELOPES.decode(value)
    except _UNDECODABLE as error:
        message = f"not a record of this ledger: {error}"
        raise UnreadableRecord(message) from error
    if not envelope.data and envelope.data_base64 is None:
        message = "not a record of this ledger: it has neither data nor data_base64"
        raise UnreadableRecord(message)
    return envelope


def read_about(value: bytes) -> About:
    """As `read_envelope`, for who may pass the record over: a third of the work."""
    try:
        return _ABOUT.decode(value)
    except _UNDECODABLE as error:
        message = f"not a record of this ledger: {error}"
        raise UnreadableRecord(message) from error


def read_fields(value: bytes) -> RecordFields | None:
    """The four fields that acceptance must know.

    Null where the bytes are not a record: no JSON, a number out of range, a hash of another form
    than 64 lower-case digits. Never raises.
    """
    try:
        fields = _FIELDS.decode(value)
        prev = bytes.fromhex(fields.prev)
    except _UNDECODABLE:
        return None
    if len(prev) != _HASH_BYTES or prev.hex() != fields.prev:
        return None
    return RecordFields(fields.position, prev, fields.term, fields.type)


def decode_event(stored_name: str, major: int, data: bytes | msgspec.Raw) -> Event:
    """The event of this stored name and major version, raised to the present version first.

    Raises:
        UnreadableRecord: the name or version is not known here, or the data does not fit it.
    """
    decoder = _EVENTS.get(stored_name)
    present = MAJORS.get(stored_name, 1)
    if decoder is None or major > present:
        message = f"{stored_name} version {major} is not known to this version of the service"
        raise UnreadableRecord(message)
    try:
        return decoder.decode(_raised(stored_name, major, present, data))
    except _UNDECODABLE as error:
        message = f"the data is not that of {stored_name} version {major}: {error}"
        raise UnreadableRecord(message) from error


def _raised(
    stored_name: str, major: int, present: int, data: bytes | msgspec.Raw
) -> bytes | msgspec.Raw:
    """The data as the present version has it."""
    if major == present:
        return data
    fields = msgspec.json.decode(data)
    for version in range(major, present):
        fields = RAISES[stored_name, version](fields)
    return _ENCODER.encode(fields)


class EventCodec:
    """The codec that the service works with (`ledger.service.Codec`)."""

    def data(self, event: Event) -> bytes:
        """The event's facts as canonical JSON."""
        return _ENCODER.encode(event)

    def attributes(self, event: Event) -> tuple[tuple[str, str], ...]:
        """Authority (its code, else its folded name), region and edition, where there are any."""
        basis: Basis | None = getattr(event, "basis", None)
        authority = basis.authority if basis is not None else None
        found = {
            "authority": authority
            and (authority.code or (authority.name and _folded_name(authority.name))),
            "region": (authority and authority.region) or getattr(event, "region", None),
            "rulebook": getattr(event, "edition", None),
        }
        return tuple((name, value) for name, value in found.items() if value)

    def name(self, event: Event) -> str:
        """The stored name of the event."""
        return NAME_OF[type(event)]

    def event(self, stored: Stored) -> Event:
        """The event in a stored record."""
        return read_envelope(stored.value).event()


@lru_cache(maxsize=4096)
def _folded_name(name: Name) -> str:
    # The same few authorities stand in most records.
    return fold_name(name)


def term_opened_draft(event: TermOpened, event_id: EventId) -> Draft:
    """The draft of a ledger's record about itself."""
    return Draft(
        stream="ledger",
        version=event.term,
        type=NAME_OF[TermOpened],
        id=event_id,
        data=_ENCODER.encode(event),
    )
