"""What the gate sees and does in the PostgreSQL in memory (`infra.gate.GateStore`)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from infra.batch import Row, Sign
from infra.codec import read_envelope
from infra.gate import Pinned
from infra.reader import Accepted
from ledger.acceptance import Arrival
from ledger.events import CommandsVoided, TermOpened
from ledger.gate import Instance
from ledger.log import Place
from ledger.record import Head, chain_hash, leaf_hash
from ledger.sequencing import CommandRecord

from .clockwork import Clockwork
from .postgres import Aside, Server, State

__all__ = ["GateBusy", "MemoryGateStore", "Witness", "adopt_record"]

_PUBLIC_KEY: Final = "ab" * 32


class GateBusy(RuntimeError):
    """Another gate works on this server."""


@dataclass(slots=True)
class Witness:
    """Somebody outside of both stores who keeps the head of the log as it was seen last."""

    head: Head | None = None


class MemoryGateStore:
    """The gate's sight of one server. Each call is a transaction, and a point between steps."""

    def __init__(self, server: Server, clockwork: Clockwork, sign: Sign, witness: Witness) -> None:
        """Work on a server, under its gate's lock."""
        self._server = server
        self._clockwork = clockwork
        self._sign = sign
        self._witness = witness

    @contextmanager
    def held(self) -> Iterator["MemoryGateStore"]:
        """This store, under the gate's lock."""
        if self._server.is_gated:
            raise GateBusy("one gate at a time")
        self._server.is_gated = True
        try:
            yield self
        finally:
            self._server.is_gated = False

    def _state(self, name: str) -> State:
        self._clockwork.point(f"gate asks for {name}")
        return self._server.state

    @contextmanager
    def _transaction(self, deed: str, detail: str) -> Iterator[State]:
        self._clockwork.point(f"gate before {deed}")
        with self._server.transaction() as state:
            yield state
        self._clockwork.deeds[deed] += 1
        self._clockwork.tell(f"gate: {deed} {detail}")

    # What there is -------------------------------------------------------------------------------

    def pinned(self) -> Pinned | None:
        """The pinned topic."""
        topics = self._state("the pinned topic").topics
        return topics[-1] if topics else None

    def head(self) -> Head:
        """The last sequenced record."""
        return self._state("the head").head

    def here(self) -> Instance:
        """The instance that answers now."""
        return self._server.here

    def is_fenced(self) -> bool:
        """Whether the ledger was fenced."""
        return self._state("its status").status == "fenced"

    def term_is_ours(self) -> bool:
        """Whether the instance that opened the head's term is the one that answers now."""
        return self._server.state.instance == self._server.here

    def chain_at(self, position: int) -> bytes | None:
        """The chain hash at a position."""
        return self._server.state.chain_at(position)

    def places(self, topic_id: str) -> Sequence[Place]:
        """Where this topic is known to be entered, newest first."""
        return self._state("places").places_of(topic_id)

    def floors(self) -> Sequence[Head]:
        """The heads that are known to have been entered."""
        state = self._state("the floor")
        newest = sorted(state.places, key=lambda place: place.position)[-1:]
        heads = [place.head for place in newest]
        if state.projection is not None:
            heads.append(state.projection.head)
        if self._witness.head is not None:
            heads.append(self._witness.head)
        return heads

    def entered_here(self) -> int:
        """The furthest position of its own records that is known to have been entered."""
        places = self._state("its own places").places
        return max((place.position for place in places), default=0)

    def newest_term(self, upto: int) -> bytes | None:
        """The bytes of the newest `term-opened` up to a position."""
        rows = self._server.state.rows[:upto]
        return next((row.value for row in reversed(rows) if row.type == "term-opened"), None)

    # What is done --------------------------------------------------------------------------------

    def pin(self, topic: Pinned, reason: str) -> None:
        """The ledger lives on this topic from now on."""
        with self._transaction("pin", f"{topic.name} ({reason})") as state:
            assert topic not in state.topics, "ledger_topic has one row for each topic"
            state.topics.append(topic)

    def create(self) -> None:
        """Create the ledger: term 1."""
        with self._transaction("create", "the ledger") as state:
            if not state.rows:
                self._begin_term(state, "created")

    def move_to(self, topic: Pinned) -> None:
        """Let a ledger that never lived on a topic live on this one, and open the next term."""
        with self._transaction("move", topic.name) as state:
            state.topics.append(topic)
            self._begin_term(state, "the log moved to Kafka")

    def adopt(self, batches: Iterator[Accepted]) -> None:
        """Take in what was entered behind the head, a batch or two at a time."""
        for batch in batches:
            upto = batch.place.position
            with self._transaction("adopt", f"up to {upto}") as state:
                for arrival in batch.records:
                    adopt_record(state, arrival)
                state.put_place(batch.place)

    def set_aside(self, first: int) -> None:
        """Set records aside from `first` on."""
        with self._transaction("set aside", f"from {first}") as state:
            entered = max((place.position for place in state.places), default=0)
            assert first > entered, f"position {first} was entered (up to {entered})"
            _set_aside(state, first)

    def open_term(self, reason: str) -> None:
        """Open the next term for this instance, and void what was set aside and lost for good."""
        with self._transaction("open a term", f"({reason})") as state:
            aside = dict.fromkeys(one.key for one in state.aside if one.key is not None)
            known = state.commands.keys() | state.voided.keys()
            lost = tuple(key for key in aside if key not in known)
            self._begin_term(state, reason)
            if lost:
                at = self._append(state, CommandsVoided(keys=lost))
                state.voided.update(dict.fromkeys(lost, at))

    def set_state(self, state: str, reason: str | None) -> None:
        """Keep what was decided."""
        if (self._server.state.status, self._server.state.reason) != (state, reason):
            with self._transaction("decide", f"{state}: {reason}") as changed:
                changed.status, changed.reason = state, reason

    def _begin_term(self, state: State, reason: str) -> None:
        here = self._server.here
        state.term += 1
        state.incarnation = self._clockwork.fresh()
        state.instance = here
        state.status, state.reason = "open", None
        opened = TermOpened(
            term=state.term,
            incarnation=state.incarnation,
            system_identifier=here.system,
            server_timeline=here.timeline,
            server_started_at=here.started_at,
            from_position=len(state.rows) + 1,
            reason=reason,
            public_key=_PUBLIC_KEY,
        )
        self._append(state, opened)

    def _append(self, state: State, event: TermOpened | CommandsVoided) -> int:
        clockwork = self._clockwork
        return state.append_event(event, clockwork.fresh(), at=clockwork.instant(), sign=self._sign)


def adopt_record(state: State, arrival: Arrival) -> None:
    """Take in one entered record, and what it implies."""
    envelope = read_envelope(arrival.value)
    leaf = leaf_hash(arrival.value)
    assert bytes.fromhex(envelope.prev) == state.head.chain, "what is adopted continues the head"
    assert envelope.position == len(state.rows) + 1, "what is adopted continues the head"
    chain = chain_hash(state.head.chain, leaf)
    state.rows.append(
        Row(
            position=envelope.position,
            event_id=envelope.id,
            chain=chain,
            leaf=leaf,
            term=envelope.term,
            type=envelope.type,
            subject=envelope.subject,
            version=envelope.subjectversion,
            value=arrival.value,
            signature=arrival.signature,
        )
    )
    state.term = envelope.term
    state.recorded_at = max(state.recorded_at, envelope.time)
    state.versions[envelope.subject] = envelope.subjectversion
    if envelope.idemkeyhash is not None:
        known = state.commands.get(envelope.idemkeyhash)
        first = envelope.position if known is None else known.first
        state.commands[envelope.idemkeyhash] = CommandRecord(
            command_hash=envelope.commandhash, first=first, last=envelope.position
        )
    if envelope.type == "commands-voided":
        event = envelope.event()
        assert isinstance(event, CommandsVoided), "its type says so"
        state.voided.update(dict.fromkeys(event.keys, envelope.position))


def _set_aside(state: State, first: int) -> None:
    keys = {
        position: key
        for key, command in state.commands.items()
        for position in range(command.first, command.last + 1)
    }
    lost = state.rows[first - 1 :]
    state.aside += [Aside(row, keys.get(row.position)) for row in lost]
    del state.rows[first - 1 :]
    gone = [key for key, command in state.commands.items() if command.first >= first]
    for key in gone:
        del state.commands[key]
    state.voided = {key: at for key, at in state.voided.items() if at < first}
    state.versions = {}
    for row in state.rows:
        state.versions[row.subject] = row.version
    state.term = state.rows[-1].term if state.rows else 0
