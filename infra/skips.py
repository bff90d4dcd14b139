"""What projectors may pass over: records that an operator has let pass, on the log itself.

Nothing else lifts a halt: so every fold of the log, now or later, passes over the same records.
"""

from collections.abc import Mapping
from typing import Final

from ledger.acceptance import Verify
from ledger.events import NAME_OF, ProjectionSkipApproved
from ledger.log import Log, Place
from ledger.values import EventId

from .codec import read_envelope
from .proof import batches_of
from .reader import Reader

__all__ = ["approved_behind"]

_APPROVED: Final = NAME_OF[ProjectionSkipApproved]


def approved_behind(log: Log, verify: Verify, place: Place) -> Mapping[int, EventId]:
    """The approvals that are entered behind a place: position of the record -> its event.

    Reads the log to its end, and keeps nothing of it but these.
    """
    found: dict[int, EventId] = {}
    for batch in batches_of(Reader(log, verify, place), log):
        for record in batch.records:
            if record.fields is not None and record.fields.type == _APPROVED:
                event = read_envelope(record.value).event()
                assert isinstance(event, ProjectionSkipApproved), "its type says so"
                if record.position > event.position:  # nobody approves what is yet to come
                    found[event.position] = event.event
    return found
