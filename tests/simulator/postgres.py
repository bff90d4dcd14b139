"""A PostgreSQL in memory: every commit is kept, so that a server can come back without its last."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from infra.batch import Admitted, Ground, Row, Sign, admit, build
from infra.codec import canonical
from infra.gate import Pinned
from infra.relay import Outgoing
from ledger.events import NAME_OF, Event
from ledger.gate import Instance
from ledger.log import Place
from ledger.record import Head
from ledger.sequencing import Append, AppendOutcome, CommandRecord, Draft
from ledger.values import EventId

from .clockwork import Clockwork

__all__ = ["LEDGER", "Aside", "Gone", "Sequenced", "Server", "State"]

LEDGER: Final = "simulated"
_PLACE_KEPT_EVERY: Final = 12
"""Of the places before the newest one is kept in so many positions."""


class Gone(RuntimeError):
    """The server that the connection led to has ended."""


@dataclass(frozen=True, slots=True)
class Aside:
    """A record that was set aside, and the key of its command."""

    row: Row
    key: str | None


@dataclass(slots=True)
class State:
    """What the tables hold after a commit."""

    rows: list[Row] = field(default_factory=list)
    commands: dict[str, CommandRecord] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    voided: dict[str, int] = field(default_factory=dict)
    aside: list[Aside] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    topics: list[Pinned] = field(default_factory=list)
    """Where the ledger lived; the last one is pinned."""
    projection: Place | None = None
    term: int = 0
    incarnation: str = ""
    instance: Instance | None = None
    status: str = ""
    reason: str | None = None
    recorded_at: str = ""

    def copy(self) -> "State":
        """The same, to be changed."""
        return replace(
            self,
            rows=self.rows.copy(),
            commands=self.commands.copy(),
            versions=self.versions.copy(),
            voided=self.voided.copy(),
            aside=self.aside.copy(),
            places=self.places.copy(),
            topics=self.topics.copy(),
        )

    @property
    def head(self) -> Head:
        """The last sequenced record."""
        if not self.rows:
            return Head(term=self.term)
        return Head(position=len(self.rows), chain=self.rows[-1].chain, term=self.term)

    def chain_at(self, position: int) -> bytes | None:
        """The chain hash at a position."""
        return self.rows[position - 1].chain if 0 < position <= len(self.rows) else None

    def has(self, head: Head) -> bool:
        """Whether these records have this head."""
        return head.position == 0 or self.chain_at(head.position) == head.chain

    def places_of(self, topic_id: str) -> list[Place]:
        """The places of a topic, newest first."""
        found = [place for place in self.places if place.topic_id == topic_id]
        return sorted(found, key=lambda place: -place.position)

    def put_place(self, place: Place) -> None:
        """Keep the newest place of a topic, and of those before it one in so many positions."""
        others = [one for one in self.places if one.topic_id != place.topic_id]
        kept: dict[int, Place] = {}
        for one in reversed(self.places_of(place.topic_id)):
            if one.position < place.position:
                kept.setdefault(one.position // _PLACE_KEPT_EVERY, one)
        kept.pop(place.position // _PLACE_KEPT_EVERY, None)
        later = [one for one in self.places_of(place.topic_id) if one.position > place.position]
        self.places = [*others, *kept.values(), place, *later]

    def append(
        self, batch: Sequence[Append], *, at: str, sign: Sign
    ) -> list[Admitted | AppendOutcome]:
        """Sequence one batch; the answers, those of what was admitted with their positions."""
        ground = Ground(commands=dict(self.commands), versions=dict(self.versions))
        answers, admitted = admit(batch, ground, len(self.rows))
        if admitted:
            self.recorded_at = max(at, self.recorded_at)
            rows, _ = build(
                admitted, ledger=LEDGER, before=self.head, time=self.recorded_at, sign=sign
            )
            self.rows += rows
            self.commands, self.versions = ground.commands, ground.versions
        return answers

    def append_event(self, event: Event, event_id: EventId, *, at: str, sign: Sign) -> int:
        """Sequence a record of the ledger about itself, a batch of its own; its position."""
        draft = Draft(
            stream="ledger",
            version=self.versions.get("ledger", 0) + 1,
            type=NAME_OF[type(event)],
            id=event_id,
            data=canonical(event),
        )
        append = Append(drafts=(draft,), key_hash=None, command_hash="00" * 32, actor="local")
        (answer,) = self.append([append], at=at, sign=sign)
        assert isinstance(answer, Admitted), "the ledger's own stream has no other writer"
        return answer.last


@dataclass(frozen=True, slots=True)
class _Commit:
    """A state, and whether whoever made it waited for the disk."""

    state: State
    is_synchronous: bool


class Server:
    """One server instance, from its start to its stop."""

    def __init__(self, here: Instance, commits: Sequence[_Commit] = ()) -> None:
        """A server that finds these commits on its disk."""
        self.here = here
        self.is_running = True
        self.is_gated = False
        """Whether a gate works here; one at a time does."""
        self._commits = list(commits) or [_Commit(State(), is_synchronous=True)]

    @property
    def state(self) -> State:
        """What is committed.

        Raises:
            Gone: the server has ended.
        """
        if not self.is_running:
            raise Gone(f"the server that started at {self.here.started_at} has ended")
        return self._commits[-1].state

    @contextmanager
    def transaction(self, *, is_synchronous: bool = True) -> Iterator[State]:
        """A state to change; it is committed at the end, and not where anything is raised."""
        state = self.state.copy()
        yield state
        self._commits.append(_Commit(state, is_synchronous))

    @property
    def commit_count(self) -> int:
        """How many commits there are, the empty database included."""
        return len(self._commits)

    def commits(self, count: int) -> Sequence[_Commit]:
        """The first `count` commits: what an older backup or a standby that lags has."""
        return self._commits[:count]

    def durable(self) -> Sequence[_Commit]:
        """What is surely on the disk: all up to the last commit that somebody waited for."""
        count = len(self._commits)
        while count > 1 and not self._commits[count - 1].is_synchronous:
            count -= 1
        return self._commits[:count]

    def replaced(self, here: Instance, commits: Sequence[_Commit]) -> "Server":
        """The server that comes after this one, which ends."""
        self.is_running = False
        return Server(here, commits)


class Sequenced:
    """What is sequenced, as the relay reads it (`infra.relay.Sequenced`)."""

    def __init__(self, server: Server, clockwork: Clockwork) -> None:
        """Read one server, until it ends."""
        self._server = server
        self._clockwork = clockwork

    def chain_at(self, position: int) -> bytes | None:
        """The chain hash at a position."""
        self._clockwork.point("relay reads a chain")
        return self._server.state.chain_at(position)

    def records_from(self, first: int, limit: int) -> Sequence[Outgoing]:
        """At most `limit` records from a position on, in order."""
        self._clockwork.point("relay reads records")
        rows = self._server.state.rows[first - 1 : first - 1 + limit]
        return [
            Outgoing(row.position, row.value, row.signature, row.subject, row.chain) for row in rows
        ]

    def places(self, topic_id: str) -> Sequence[Place]:
        """Where this topic is known to be entered, newest first."""
        return self._server.state.places_of(topic_id)

    def put_place(self, place: Place) -> None:
        """Keep a place, without waiting for the disk."""
        self._clockwork.point("relay keeps a place")
        with self._server.transaction(is_synchronous=False) as state:
            state.put_place(place)
