"""What the ledger records about itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["STORED_NAMES", "ControlEvent", "TermOpened"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TermOpened:
    """A server instance began to sequence.

    The first one creates the ledger and is its first record.

    `server_started_at` is an instant in UTC with six digits; `public_key` the Ed25519 key that
    signs this term, in lower-case hexadecimal.
    """

    term: int
    incarnation: str
    system_identifier: str
    server_timeline: int
    server_started_at: str
    from_position: int
    reason: str
    public_key: str


ControlEvent = TermOpened

STORED_NAMES: Final[Mapping[str, type[ControlEvent]]] = {
    "term-opened": TermOpened,
}
