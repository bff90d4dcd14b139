"""What a request comes to, before it is recorded."""

from dataclasses import dataclass

from .events import Event
from .identifiers import Identifier
from .subject import Subject
from .values import EventId

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a request comes to on the state that was read.

    `version` is that of the stream after it, `position` the one decided on, `after` the subject
    (null for a rulebook), `follows` the streams of which earlier requests of the batch are part of
    that state.
    """

    stream: str
    version: int
    position: int
    after: Subject | None
    events: tuple[tuple[EventId, Event], ...]
    data: tuple[bytes, ...]
    claims: tuple[Identifier, ...] = ()
    follows: tuple[str, ...] = ()
