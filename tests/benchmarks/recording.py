"""Records the whole history twice, round by round: through the service, and with the library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psycopg

from infra.codec import read_envelope

from .library import Library
from .told import Told, say
from .workload import HOT, history, sizes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .clients import Seen
    from .service import Service

__all__ = ["CLIENTS", "Recording", "facts_behind", "recorded"]

CLIENTS: Final = 64
_ROUNDS: Final = 4


@dataclass(slots=True)
class Recording:
    """A service that has recorded the history, and what it took beside the library."""

    service: Service
    library: Mapping[str, str]
    """The environment in which the library finds what it saved."""
    events: int
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    lags_s: list[float] = field(default_factory=list)
    payload_bytes: float = 0.0
    resident_mib: float = 0.0
    projector_mib: float = 0.0

    @property
    def hot_size(self) -> int:
        """How many events that subject has."""
        return sizes(self.events)[HOT]


def recorded(service: Service, library: Mapping[str, str], events: int) -> Recording:
    """Record `events` events, a quarter through the service, the same with the library, and on.

    The library saves the very facts that the service recorded. While it does, the service is idle:
    its views have caught up.
    """
    recording = Recording(service=service, library=library, events=events)
    saving = Library(library)
    sent = len(history(events))
    saved = 0
    for number in range(_ROUNDS):
        first, behind = number * sent // _ROUNDS, (number + 1) * sent // _ROUNDS
        say(f"recording over HTTP, round {number + 1} of {_ROUNDS}: {behind - first} events")
        before = service.head()
        seen = service.clients(
            "record", events=events, first=first, count=behind - first, clients=CLIENTS
        )
        assert seen.statuses == {"201": behind - first}, f"not all was recorded: {seen.statuses}"
        recording.seen.append(seen)
        recording.ours.append((behind - first) / seen.seconds)
        recording.lags_s.append(service.wait_until_shown())
        facts = facts_behind(service.database_url, before)
        say(f"the same {len(facts)} events with the library, one by one")
        recording.theirs.append(len(facts) / saving.save_each(facts, Told(len(facts))))
        recording.payload_bytes += sum(len(text.encode()) for _, text in facts) / sent
        saved += len(facts)
    assert saved == sent, "the library saved as many events as the service recorded"
    recording.resident_mib = service.resident_mib
    recording.projector_mib = service.projector_mib
    saving.close()
    return recording


def facts_behind(database_url: str, position: int) -> list[tuple[str, str]]:
    """Stream and facts of every record behind a position, as the log has them."""
    question = "SELECT subject, bytes FROM ledger_record WHERE position > %s ORDER BY position"
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(question, (position,), binary=True).fetchall()
    return [(subject, bytes(read_envelope(value).data).decode()) for subject, value in rows]
