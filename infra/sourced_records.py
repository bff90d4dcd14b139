"""Between events of the eventsourcing library and records of the log.

A record of type `eventsourcing-stored` bears the library's own fields in its envelope: the
originator's id is its `subject`, `originatortype` says whether that was a UUID or text,
`subjectversion` is the originator's version as the library gave it, `topic` names the event's
class. The state is bytes of the library's, and stands as `data_base64`. Such a record is not
critical: whatever of ours reads the log passes it over.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID

import msgspec
from eventsourcing.persistence import DataError, StoredEvent

from ledger.identifiers import is_subject_id
from ledger.kept import RULEBOOK_STREAM
from ledger.record import EVENTSOURCING_STORED, NUMBER_MAX
from ledger.sequencing import Append, Draft
from ledger.values import EventId

from .batch import fits
from .codec import DATA_BYTES_MAX, canonical

__all__ = ["append_of", "stored_event"]

_OWN_STREAM: Final = "ledger"
_ID_BYTES_MAX: Final = 255


class _Sourced(msgspec.Struct, frozen=True, gc=False):
    subject: str
    subjectversion: int
    topic: str
    originatortype: Literal["uuid", "str"]
    data_base64: bytes


_SOURCED: Final = msgspec.json.Decoder(_Sourced)


def append_of(events: Sequence[StoredEvent], fresh: Callable[[], EventId]) -> Append:
    """The append of events that are saved together; each record gets an id of its own before it.

    Raises:
        DataError: an event cannot stand on this log, or they are too many or too large for one
            batch; the message says what is wrong.
    """
    drafts = tuple(_draft(event, fresh()) for event in events)
    said = [
        (draft.stream, draft.version, dict(draft.attributes), draft.data.decode("ascii"))
        for draft in drafts
    ]
    append = Append(
        drafts=drafts,
        key_hash=None,
        command_hash=sha256(canonical(said)).hexdigest(),
        actor="local",
    )
    if not fits(append):
        raise DataError(
            f"{len(drafts)} events cannot be saved together: a batch of the log has at most 1 000"
            " records and 4 MiB, and what is saved together is in one"
        )
    return append


def stored_event(value: bytes) -> StoredEvent:
    """The library's event in the bytes of a record."""
    record = _SOURCED.decode(value)
    is_uuid = record.originatortype == "uuid"
    return StoredEvent(
        originator_id=UUID(record.subject) if is_uuid else record.subject,
        originator_version=record.subjectversion,
        topic=record.topic,
        state=record.data_base64,
    )


def _draft(event: StoredEvent, event_id: EventId) -> Draft:
    version, state = event.originator_version, b64encode(event.state)
    if not 0 <= version <= NUMBER_MAX:
        raise DataError(f"version {version} of {event.originator_id} is not in 0 … {NUMBER_MAX}")
    _require_text("topic", event.topic, DATA_BYTES_MAX)
    if len(state) + len(event.topic.encode()) > DATA_BYTES_MAX:
        raise DataError(
            f"the state of {event.topic} has {len(event.state)} bytes; in base64, with its topic, a"
            f" record holds {DATA_BYTES_MAX}"
        )
    return Draft(
        stream=_stream(event.originator_id),
        version=version,
        type=EVENTSOURCING_STORED,
        id=event_id,
        data=state,
        critical=False,
        attributes=(
            ("originatortype", "uuid" if isinstance(event.originator_id, UUID) else "str"),
            ("topic", event.topic),
        ),
    )


def _stream(originator_id: UUID | str) -> str:
    """The stream of an originator. None of them is one of the ledger's own."""
    if isinstance(originator_id, UUID):
        return str(originator_id)
    _require_text("originator id", originator_id, _ID_BYTES_MAX)
    is_own = (
        originator_id == _OWN_STREAM
        or originator_id.startswith(RULEBOOK_STREAM)
        or is_subject_id(originator_id)
    )
    if is_own:
        raise DataError(f"the originator id {originator_id!r} names a stream of the ledger's own")
    return originator_id


def _require_text(what: str, text: str, bytes_max: int) -> None:
    """Go on with text that a record, and a column of PostgreSQL, can hold."""
    try:
        size = len(canonical(text)) - 2  # without its quotation marks
    except UnicodeEncodeError as error:
        raise DataError(f"the {what} {text!r} is not Unicode text: {error}") from error
    if not text or "\x00" in text or size > bytes_max:
        raise DataError(
            f"the {what} {text[:80]!r} cannot stand in a record: it has 1 to {bytes_max} bytes,"
            " none of them zero"
        )
