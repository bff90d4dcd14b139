"""The gate: compares the heads of PostgreSQL and Kafka, heals the shorter, and stops in doubt.

It runs at start, when the sequencer finds another instance, when the relay asks, and once a minute,
one at a time. What it may do is decided in `ledger.gate`; here it is looked at and done. It reads
the log from the newest place on, never the whole of it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

import structlog

from ledger.acceptance import Verify
from ledger.events import TermOpened
from ledger.gate import (
    Adopt,
    Begin,
    Decision,
    Fence,
    Found,
    Instance,
    OpenTerm,
    Resend,
    Serve,
    SetAside,
    Stop,
    decide,
    decide_take_over,
)
from ledger.log import Log, Place
from ledger.record import TERM_OPENED, Head

from . import clock
from .codec import read_envelope
from .failpoints import reach
from .reader import Accepted, Reader

__all__ = ["Entered", "Gate", "GateStore", "Pinned", "Topic", "TopicUnfit", "instance_of"]

_LOG = structlog.get_logger(__name__)
_ROUNDS_MAX: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """The topic on which the ledger lives."""

    topic_id: str
    name: str


class TopicUnfit(RuntimeError):
    """The topic on which the ledger is to begin is not as it must be; the message says what."""


class Topic(Protocol):
    """The topic as it is now."""

    @property
    def topic_id(self) -> str:
        """Its id; one that is made anew has another."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be otherwise, and does not keep anybody from writing."""
        ...

    def objections(self, pinned: Pinned | None) -> tuple[str, ...]:
        """What is not as it must be, in words; nothing if it may be written to."""
        ...

    def open(self) -> AbstractContextManager[Log]:
        """Its records."""
        ...


class GateStore(Protocol):
    """What the gate sees and does in PostgreSQL; used under its own lock, one at a time."""

    def pinned(self) -> Pinned | None:
        """The pinned topic."""
        ...

    def head(self) -> Head:
        """The last sequenced record; position 0 where there is none."""
        ...

    def here(self) -> Instance:
        """The instance that answers now."""
        ...

    def is_fenced(self) -> bool:
        """Whether the ledger was fenced; only an operator lifts that."""
        ...

    def term_is_ours(self) -> bool:
        """Whether the instance that opened the head's term is the one that answers now."""
        ...

    def chain_at(self, position: int) -> bytes | None:
        """The chain hash at a position; null where there is no record."""
        ...

    def places(self, topic_id: str) -> Sequence[Place]:
        """Where this topic is known to be entered, newest first."""
        ...

    def floors(self) -> Sequence[Head]:
        """The heads that are known to have been entered; places of `table` do not count.

        Of the newest place, of each projector's place, of the newest witnessed checkpoint.
        """
        ...

    def entered_here(self) -> int:
        """The furthest position of its own records that is known to have been entered; else 0."""
        ...

    def newest_term(self, upto: int) -> bytes | None:
        """The bytes of the newest `term-opened` up to a position."""
        ...

    def pin(self, topic: Pinned, reason: str) -> None:
        """The ledger lives on this topic from now on."""
        ...

    def create(self) -> None:
        """Create the ledger: term 1."""
        ...

    def move_to(self, topic: Pinned) -> None:
        """Let a ledger that never lived on a topic live on this one, and open the next term.

        At once: what comes behind is written under a term that the log alone has opened.
        """
        ...

    def adopt(self, batches: Iterator[Accepted]) -> None:
        """Take in what was entered behind the head, whole batches, each with its signatures."""
        ...

    def set_aside(self, first: int) -> None:
        """Set records aside from `first` on."""
        ...

    def open_term(self, reason: str) -> None:
        """Open the next term for this instance.

        Void the keys of all that was ever set aside and that the adopted history does not have.
        """
        ...

    def set_state(self, state: str, reason: str | None) -> None:
        """Keep what was decided."""
        ...


@dataclass(slots=True)
class Entered:
    """The log's accepted head, the place where reading began, and what was read behind it."""

    log: Log
    head: Head
    place: Place
    chains: dict[int, bytes]
    term: bytes | None


class Gate:
    """Looks and acts; one at a time, whoever calls."""

    def __init__(
        self,
        *,
        store: Callable[[], AbstractContextManager[GateStore]],
        topic: Callable[[Pinned | None], Topic],
        verify: Callable[[], Verify],
        elapsed: Callable[[], float] = clock.elapsed,
    ) -> None:
        """`store` is entered under the gate's lock.

        `topic` describes the pinned topic as it is now; where none is pinned, the one to pin.
        """
        self._store = store
        self._topic = topic
        self._verify = verify
        self._elapsed = elapsed
        self.warnings: tuple[str, ...] = ()
        """What of the topic should be otherwise, as the last look found it."""

    def pass_through(self) -> Decision:
        """Look, act, and look again until there is nothing left to do; the last decision.

        Raises:
            Exception: Kafka or PostgreSQL cannot be read; nothing was decided.
        """
        reach("gate_begins")
        with self._store() as store:
            decision: Decision = Resend()
            for _ in range(_ROUNDS_MAX):
                pinned = store.pinned()
                topic = self._topic(pinned)
                self.warnings = topic.warnings
                decision = self._look_and_act(store, topic, pinned)
                if isinstance(decision, Serve | Stop | Fence | Resend):
                    break
            return decision

    def take_over(self) -> Decision:
        """Open the next term for this instance on an operator's word; what was decided.

        Nothing is done where the ledger must be stopped: whatever it was before, it stays.

        Raises: as `pass_through`.
        """
        with self._store() as store:
            pinned = store.pinned()
            topic = self._topic(pinned)
            objections = topic.objections(pinned)
            if objections:
                return decide_take_over(_unreadable(store, objections))
            with topic.open() as log:
                floors = store.floors()
                entered = self._entered(store, log)
                found = _found(store, entered, floors, is_pinned=pinned is not None)
                decision = decide_take_over(found)
                if not isinstance(decision, Stop):
                    reach("take_over_before_term")
                    self._act(store, topic, entered, decision, objections)
            return decision

    def _look_and_act(self, store: GateStore, topic: Topic, pinned: Pinned | None) -> Decision:
        objections = topic.objections(pinned)
        if objections and pinned is not None:
            decision = decide(_unreadable(store, objections))
        else:
            with topic.open() as log:
                # Before the log is read: what is stored meanwhile may stand behind the end of that.
                floors = store.floors()
                entered = self._entered(store, log)
                decision = decide(_found(store, entered, floors, is_pinned=pinned is not None))
                self._act(store, topic, entered, decision, objections)
            return decision
        self._act(store, topic, None, decision, objections)
        return decision

    def _entered(self, store: GateStore, log: Log) -> Entered:
        """The accepted head of the log, read from the newest place that it holds."""
        places = store.places(log.topic_id)
        reader = Reader.from_places(log, self._verify(), places, self._elapsed)
        begun = reader.place
        # The log was seen to hold the place where reading began; PostgreSQL may not, any more.
        chains = {begun.position: begun.chain} if begun.position else {}
        term: bytes | None = None
        for batch in _all_batches(reader, log):
            for one in batch.records:
                fields = one.fields
                assert fields is not None, "an accepted record has its fields"
                chains[fields.position] = one.chain
                if fields.type == TERM_OPENED:
                    term = one.value
        return Entered(log, reader.place.head, reader.place, chains, term)

    def _act(
        self,
        store: GateStore,
        topic: Topic,
        entered: Entered | None,
        decision: Decision,
        objections: tuple[str, ...],
    ) -> None:
        if not isinstance(decision, Serve | Begin | OpenTerm):  # as at every start
            _LOG.warning("the gate acts", row=decision.row, decision=type(decision).__name__)
        match decision:
            case Begin(creates=creates):
                if objections:
                    store.set_state("stopped", "; ".join(objections))
                    raise TopicUnfit("; ".join(objections))
                first = Pinned(topic_id=topic.topic_id, name=topic.name)
                if not creates:
                    store.move_to(first)
                    reach("gate_after_term")
                else:
                    if store.pinned() is None:  # a crash may have come between the two
                        store.pin(first, "first")
                    store.create()
            case Serve():
                store.set_state("open", None)
            case Resend():
                _LOG.error("Kafka has lost the log's tail; it is sent again from PostgreSQL")
            case OpenTerm(reason=reason):
                reach("gate_before_term")
                store.open_term(reason)
                reach("gate_after_term")
            case Adopt(after=after):
                assert entered is not None, "it was read"
                self._adopt(store, entered, after)
                store.open_term("records were adopted from the log")
                reach("gate_after_term")
            case SetAside(first=first):
                assert entered is not None, "it was read"
                store.set_state("healing", f"records from {first} on are set aside")
                store.set_aside(first)
                reach("gate_after_set_aside")
                self._adopt(store, entered, first - 1)
                store.open_term("another history was entered")
                reach("gate_after_term")
            case Fence(by=by):
                # Else the stored reason says why, and stays.
                if by is not None and not store.is_fenced():
                    store.set_state("fenced", _why_fenced(by))
            case Stop(message=message):
                store.set_state("stopped", message)
            case never:
                assert_never(never)

    def _adopt(self, store: GateStore, entered: Entered, after: int) -> None:
        """Take in the accepted records behind a position, up to the head that was decided on.

        What has come since may be the term of a later instance, which is not to be built upon.
        """
        log = entered.log
        store.set_state("healing", f"records behind {after} are adopted from the log")
        places = [one for one in store.places(log.topic_id) if one.position <= after]
        reader = Reader.from_places(log, self._verify(), places, self._elapsed)
        store.adopt(_between(_all_batches(reader, log), after, entered.head.position))
        reach("gate_after_adopt")


def _all_batches(reader: Reader, log: Log) -> Iterator[Accepted]:
    """What is accepted up to the end that the log has now."""
    end = log.end()
    while True:
        before = reader.next_offset
        yield from reader.poll()
        if reader.next_offset >= end or reader.next_offset == before:
            return


def _between(batches: Iterator[Accepted], after: int, upto: int) -> Iterator[Accepted]:
    for batch in batches:
        if batch.place.position > upto:
            return
        records = tuple(one for one in batch.records if one.position > after)
        if records:
            yield Accepted(records, batch.place)


def _found(store: GateStore, entered: Entered, floors: Sequence[Head], *, is_pinned: bool) -> Found:
    kafka, postgres, log = entered.head, store.head(), entered.log
    term = entered.term or store.newest_term(kafka.position)
    return Found(
        is_fenced=store.is_fenced(),
        is_pinned=is_pinned,
        is_topic_empty=log.end() == 0,
        objections=(),
        kafka=kafka,
        postgres=postgres,
        has_place=bool(store.places(log.topic_id)),
        floor=max(floors, key=lambda head: head.position, default=None),
        entered_here=store.entered_here(),
        postgres_has_kafka=_has(store, kafka),
        # All of them: a projector that followed another history further does not hide the loss.
        postgres_holds_floor=all(_has(store, head) for head in floors),
        kafka_holds_floor=all(_log_holds(entered, store, head) for head in floors),
        differ_from=_first_difference(store, entered),
        term_is_ours=store.term_is_ours() and _opened_here(store, postgres),
        newest=None if term is None else instance_of(term),
        here=store.here(),
    )


def _unreadable(store: GateStore, objections: tuple[str, ...]) -> Found:
    """What can be said without reading a topic that is not as it was pinned."""
    return Found(
        is_fenced=store.is_fenced(),
        is_pinned=True,
        is_topic_empty=False,
        objections=objections,
        kafka=Head(),
        postgres=store.head(),
        has_place=True,
        floor=None,
        entered_here=0,
        postgres_has_kafka=True,
        postgres_holds_floor=True,
        kafka_holds_floor=True,
        differ_from=None,
        term_is_ours=False,
        newest=None,
        here=store.here(),
    )


def _why_fenced(by: Instance) -> str:
    return (
        f"the server started at {by.started_at} on timeline {by.timeline} of system {by.system}"
        " has the ledger; an operator takes it back with `credit-ledger recover --take-over`"
    )


def _has(store: GateStore, head: Head) -> bool:
    return head.position == 0 or store.chain_at(head.position) == head.chain


def _opened_here(store: GateStore, head: Head) -> bool:
    """Whether the newest term that PostgreSQL has a record of was opened by this very instance.

    Where the gate ended between adopting another one's term and opening its own, it was not.
    """
    opened = store.newest_term(head.position)
    return opened is not None and instance_of(opened) == store.here()


def _log_holds(entered: Entered, store: GateStore, head: Head) -> bool:
    """Whether the log's history has this head: it was read, or lies before where reading began."""
    if head.position > entered.head.position:
        return False
    read = entered.chains.get(head.position)
    if read is not None:
        return read == head.chain
    # Before the place where reading began both histories are one, for the log holds that place.
    return store.chain_at(head.position) in {head.chain, None}


def _first_difference(store: GateStore, entered: Entered) -> int | None:
    """The first position that both have with different records; they are equal up to a place."""
    for position, chain in entered.chains.items():
        ours = store.chain_at(position)
        if ours is None:
            return None
        if ours != chain:
            return position
    return None


def instance_of(term_opened: bytes) -> Instance:
    """The instance that a `term-opened` record names."""
    event = read_envelope(term_opened).event()
    assert isinstance(event, TermOpened), "its type says so"
    return Instance(
        timeline=event.server_timeline,
        started_at=event.server_started_at,
        system=event.system_identifier,
    )
