"""What the ledger records about itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..values import EventId, Text

__all__ = [
    "STORED_NAMES",
    "VOIDED_MAX",
    "CommandsVoided",
    "ControlEvent",
    "ProjectionSkipApproved",
    "TermOpened",
]

VOIDED_MAX: Final = 500
"""How many keys one `commands-voided` names."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsVoided:
    """Commands that were sequenced and lost against another history: they will never be entered.

    `keys` are the hashes of their idempotency keys, in lower-case hexadecimal.
    """

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionSkipApproved:
    """An operator lets the projectors pass over one record that they do not understand."""

    position: int
    event: EventId
    reason: Text


ControlEvent = TermOpened | CommandsVoided | ProjectionSkipApproved

STORED_NAMES: Final[Mapping[str, type[ControlEvent]]] = {
    "term-opened": TermOpened,
    "commands-voided": CommandsVoided,
    "projection-skip-approved": ProjectionSkipApproved,
}
