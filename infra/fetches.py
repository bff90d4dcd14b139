"""What takes records off partition 0 of a topic by their offsets, and what may be wrong with that.

Two clients do it. That of `live_fetches` is at the next record at once; that of `bulk_fetches`
fetches ahead while its caller works, and brings ten times as many.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ledger.acceptance import Arrival
from ledger.log import OffsetGone

from .codec import read_fields

__all__ = [
    "Fetches",
    "Headers",
    "LogCut",
    "LogMoved",
    "OpenFetches",
    "OutOfRange",
    "RecordDamaged",
    "arrival",
]

SIGNATURE: Final = "sig"
"""The header that bears the signature of a batch, on its last record."""


class LogMoved(RuntimeError):
    """The log is not what it was: begin again from a stored place that it still holds."""


class LogCut(LogMoved, OffsetGone):
    """Brokers say that records which were read have been lost from the end of the log."""


class RecordDamaged(RuntimeError):
    """The bytes of a record do not match the checksum that was written with them."""


class OutOfRange(Exception):
    """The log does not go on at the offset that is next: it ends before it or begins behind it.

    From the client for bulk also that what was read before it has been lost, which is `LogCut`.
    """


class Fetches(Protocol):
    """Every record from an offset on, as it stands, whoever wrote it.

    Used by one thread at a time. While brokers are away nothing comes; the connection heals by
    itself. Nothing may be polled behind an error but from an offset that is sought.
    """

    def seek(self, offset: int) -> None:
        """Go on at this offset; what was fetched ahead is void."""
        ...

    def poll(self, limit: int, wait_s: float) -> list[Arrival]:
        """At most `limit` records, in order; empty where none came in this time.

        Raises:
            OutOfRange: see there.
            LogCut: what was given before has been lost from the log.
            RecordDamaged: the next record fails its checksum.
            KafkaUnreachable, one of `kafka_clients.UNREACHABLE`: brokers refuse to give any.
        """
        ...

    def position(self, wait_s: float) -> int:
        """The offset behind all that was given or is given to nobody; may take this time.

        Raises as `poll`.
        """
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


Headers = Sequence[tuple[str, bytes | None]]

OpenFetches = Callable[[str, str, float], Fetches]
"""Opens a client: where brokers are, the name of the topic, how long to wait for an answer.

Raises `KafkaUnreachable`.
"""


def arrival(
    value: bytes | None,
    headers: Headers,
    offset: int,
    leader_epoch: int,
) -> Arrival:
    """A record as it was fetched."""
    value = value or b""
    signature = _signature(headers) if headers else None
    return Arrival(value, signature, offset, leader_epoch, read_fields(value))


def _signature(headers: Headers) -> bytes | None:
    """The value of the one `sig` header; null where there is none, or more than one."""
    found = [value for name, value in headers if name == SIGNATURE]
    return found[0] if len(found) == 1 else None
