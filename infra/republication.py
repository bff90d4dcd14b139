"""An operator's way back from PostgreSQL: a lost topic of Kafka made anew, byte for byte.

The records are sent as they were sequenced, with the signatures that were stored, and read back.
Only a topic that is proven to hold all of them is pinned; one that was begun and not finished is
known by what it holds, and gone on with.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import psycopg
import structlog
from psycopg.rows import TupleRow

from ledger.log import Place
from ledger.record import Head

from . import clock
from .connections import connect
from .failpoints import reach
from .gate import Pinned
from .gate_store import PostgresGateStore
from .kafka_clients import KafkaUnreachable
from .kafka_log import KafkaLog, RecordDamaged
from .kafka_sender import KafkaSender
from .kafka_site import KafkaSite
from .logs import without_values
from .places import put_place
from .proof import Counted, History, NotProven, Proof, batches_of, prove_records, read_history
from .reader import Reader
from .recovery import unfinished_recovery
from .relay import Outgoing, RelaySession, SendFailed, TailUnknown
from .sequenced import SequencedRecords
from .sql import queries
from .topic import (
    Topic,
    administer,
    create_topic,
    describe_topic,
    objections,
    topic_name,
    topics_of,
)

__all__ = ["How", "NotRepublishable", "Republished", "republish"]

_SQL: Final = queries("infra/republication.sql")
_GATE: Final = queries("infra/gate_store.sql")
_LOG: Final = structlog.get_logger(__name__)
_RETRY_S: Final = 0.5
_PATIENCE_S: Final = 120.0
"""How long the sending may come to nothing before it is given up."""
_UNDER_WAY: Final = (
    "the topic is being made anew from PostgreSQL: where that was cut off, run"
    " `credit-ledger republish` again"
)

Connection = psycopg.Connection[TupleRow]


class NotRepublishable(RuntimeError):
    """What a store holds would be lost, or is not enough; the message says what to do."""


class How(StrEnum):
    """How a ledger came by its topic."""

    NOT_LOST = "not-lost"
    FOUND_AGAIN = "found-again"
    SENT_AGAIN = "sent-again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Republished:
    """On which topic the ledger lives now, what that is proven to hold, and how it came to be.

    `former` is the topic that was pinned before; null where that is the pinned one still. `why`
    says what was wrong with it. `sent` counts the records that were sent now. `proof` is null where
    nothing was lost.
    """

    how: How
    topic: Pinned
    former: Pinned | None
    why: tuple[str, ...]
    proof: Proof | None
    sent: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Other:
    """A topic of this ledger's name on which it never lived, and what is entered there."""

    topic: Topic
    is_empty: bool
    complaints: tuple[str, ...]
    history: History

    @property
    def pinned(self) -> Pinned:
        return Pinned(topic_id=self.topic.topic_id, name=self.topic.name)


def republish(site: KafkaSite, progress: Counted | None = None) -> Republished:
    """Make the ledger's topic anew from PostgreSQL, where it was lost, and pin it.

    The same name is used again where it is free; beside a topic that still bears it, the next of
    `x.log.2`, `x.log.3` … is taken. Where PostgreSQL comes from a backup, and a further topic holds
    this very ledger's longer history, that one is pinned again and nothing is sent. Nothing is
    sequenced meanwhile. A fenced ledger stays fenced.

    Args:
        site: where the database and Kafka are.
        progress: told how far it is, three times over: PostgreSQL read, sent, Kafka read.

    Raises:
        NotRepublishable: what Kafka has would be lost, or PostgreSQL has not what was entered.
        NotProven: PostgreSQL's records are not what they were, or the topic is not what they are.
        KafkaUnreachable, LogMoved, psycopg.OperationalError: run it again, it goes on.
    """
    begun = clock.elapsed()
    with connect(site.database_url) as connection:
        connection.execute(_GATE["hold_gate"])
        here = _Here(site, connection, PostgresGateStore(connection, site.opener))
        pinned = _pinned(here)
        why = _why_lost(here, pinned)
        if not why:
            done = _Done(how=How.NOT_LOST, topic=pinned)
        else:
            others = _others(here)
            done = _found_again(here, others) or _sent_again(here, others, pinned, progress)
            reach("republish_before_pin")
            _pin(here, done)
            reach("republish_after_pin")
    return Republished(
        how=done.how,
        topic=done.topic,
        former=pinned if why else None,
        why=why,
        proof=done.proof,
        sent=done.sent,
        seconds=clock.elapsed() - begun,
    )


@dataclass(frozen=True, slots=True)
class _Here:
    """Both stores, under the gate's lock."""

    site: KafkaSite
    connection: Connection
    store: PostgresGateStore

    def has(self, head: Head) -> bool:
        """Whether PostgreSQL has this head."""
        return head.position == 0 or self.store.chain_at(head.position) == head.chain


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """The topic on which the ledger shall live, with the places on it that PostgreSQL has."""

    how: How
    topic: Pinned
    proof: Proof | None = None
    places: tuple[Place, ...] = ()
    sent: int = 0


# What was lost ------------------------------------------------------------------------------------


def _pinned(here: _Here) -> Pinned:
    pinned = here.store.pinned()
    if pinned is None:
        raise NotRepublishable(
            "this ledger never lived on a topic of Kafka, so that none was lost: the service makes"
            " its first one where LEDGER_KAFKA names its Kafka"
        )
    if unfinished_recovery(here.connection) is not None:
        raise NotRepublishable(
            "PostgreSQL was not recovered to its end: run `credit-ledger recover` again first"
        )
    if not here.store.head().position:
        raise NotRepublishable(
            "PostgreSQL holds no record: `credit-ledger recover` brings it back from the log"
        )
    return pinned


def _why_lost(here: _Here, pinned: Pinned) -> tuple[str, ...]:
    """What is wrong with the pinned topic; nothing where it is as it was pinned, to its end.

    Raises:
        NotRepublishable: it has records that PostgreSQL has not.
    """
    topic = here.site.topic(pinned)
    why = topic.objections(pinned)
    if topic.topic_id != pinned.topic_id:
        return why
    with closing(KafkaLog(here.site.address, pinned.name)) as log:
        entered, damaged = _entered(here, log)
        why = why or damaged or _why_unreadable(here, pinned, log, entered)
    if why and not here.has(entered):
        raise NotRepublishable(
            f"{'; '.join(why)}; and PostgreSQL has not the record {entered.position} that is"
            " entered there: it would be lost. Mend the topic, and the gate takes in what it has;"
            " or run `credit-ledger recover` into an empty database, and from there"
            " `credit-ledger republish` and `credit-ledger recover --take-over`"
        )
    return why


def _entered(here: _Here, log: KafkaLog) -> tuple[Head, tuple[str, ...]]:
    """The accepted head of a log, read from the newest place, and why it cannot be read further."""
    reader = Reader.from_places(log, here.site.verify(), here.store.places(log.topic_id))
    try:
        for _ in batches_of(reader, log):
            pass
    except RecordDamaged as error:
        return reader.place.head, (str(error),)
    return reader.place.head, ()


def _why_unreadable(here: _Here, pinned: Pinned, log: KafkaLog, entered: Head) -> tuple[str, ...]:
    """Whether the topic gives from its first record on what was entered there; else why not."""
    history = read_history(log, here.site.verify())
    if history.head.position >= entered.position:
        return ()
    behind = f"topic {pinned.name} cannot be read behind position {history.head.position}"
    return (f"{behind}: {history.damaged or 'another record stands there than was entered'}",)


# Other topics of the ledger -----------------------------------------------------------------------


def _others(here: _Here) -> tuple[_Other, ...]:
    """The ledger's topics on which it never lived, as far as PostgreSQL knows, and what they hold.

    They may be of a republication that was cut off, of one that came after the backup from which
    PostgreSQL was restored, or of a stranger.
    """
    lived_on = {topic_id for (topic_id,) in here.connection.execute(_SQL["topics"])}
    watched = {1, *(head.position for head in here.store.floors())}
    with administer(here.site.address) as admin:
        names = topics_of(admin, here.site.opener.ledger)
        found = [describe_topic(admin, name) for name in names]
    return tuple(
        _looked_at(here.site, one, watched) for one in found if one.topic_id not in lived_on
    )


def _looked_at(site: KafkaSite, topic: Topic, watched: set[int]) -> _Other:
    with closing(KafkaLog(site.address, topic.name)) as log:
        return _Other(
            topic=topic,
            is_empty=log.end() == 0,
            complaints=objections(topic, single_broker=site.single_broker).complaints,
            history=read_history(log, site.verify(), watched=watched),
        )


def _is_ours(here: _Here, other: _Other) -> bool:
    """Whether it holds this very ledger: its first record, which no other ledger has."""
    first = other.history.chains.get(1)
    return first is not None and first == here.store.chain_at(1)


def _found_again(here: _Here, others: Sequence[_Other]) -> _Done | None:
    """The topic that holds a longer history than PostgreSQL, which comes from a backup.

    Raises:
        NotRepublishable: it may not be written to, or it is not what was entered here.
    """
    floors = here.store.floors()
    found: list[_Other] = []
    for other in others:
        head = other.history.head
        if not _is_ours(here, other) or here.has(head):
            continue
        if not all(other.history.holds(floor) for floor in floors):
            raise NotRepublishable(
                f"topic {other.topic.name} holds records of this ledger up to position"
                f" {head.position} that are not those which were entered here: find out who wrote"
                " them before anything is written"
            )
        if other.complaints:
            raise NotRepublishable(
                f"topic {other.topic.name} holds this ledger up to position {head.position},"
                " further than PostgreSQL; mend it, and run this again:"
                f" {'; '.join(other.complaints)}"
            )
        found.append(other)
    if not found:
        return None
    best = max(found, key=lambda one: one.history.head.position)
    return _Done(
        how=How.FOUND_AGAIN,
        topic=best.pinned,
        proof=best.history.proof,
        places=tuple(one for one in best.history.places if here.has(one.head)),
    )


# Sending ------------------------------------------------------------------------------------------


def _sent_again(
    here: _Here, others: Sequence[_Other], pinned: Pinned, progress: Counted | None
) -> _Done:
    """All that PostgreSQL holds, sent to a topic of its own and read back."""
    lost = [head.position for head in here.store.floors() if not here.has(head)]
    if lost:
        raise NotRepublishable(
            f"position {max(lost)} was entered, and PostgreSQL has not that record:"
            " compare backups of both stores before anything is written"
        )
    if not here.store.is_fenced():
        here.store.set_state("stopped", _UNDER_WAY)  # from here on nothing more is sequenced
    head = here.store.head()
    proof = prove_records(
        here.connection, head.position, progress=progress, verify=here.site.verify()
    )
    if proof.head != head:
        raise NotProven(
            f"PostgreSQL's head is not its record {head.position}: `credit-ledger verify` says"
            " what is wrong"
        )
    topic = _begun_before(here, others) or _made(here.site, pinned)
    sent = _send(here.site, topic, head, progress)
    with closing(KafkaLog(here.site.address, topic.name)) as log:
        history = read_history(log, here.site.verify(), upto=head.position, progress=progress)
    if log.topic_id != topic.topic_id or history.proof != proof:
        raise NotProven(
            f"topic {topic.name} was sent all records up to {head.position}, root"
            f" {proof.root.hex()}, and gives those up to {history.head.position}, root"
            f" {history.proof.root.hex()}: run this again"
        )
    return _Done(how=How.SENT_AGAIN, topic=topic, proof=proof, places=history.places, sent=sent)


def _begun_before(here: _Here, others: Sequence[_Other]) -> Pinned | None:
    """The topic of a republication that was cut off, by what it holds; else an empty one.

    One that holds anything else, or may not be written to, is left as it is.
    """
    fit = [one for one in others if not one.complaints]
    begun = [one for one in fit if _is_ours(here, one) and here.has(one.history.head)]
    usable = begun or [one for one in fit if one.is_empty]
    best = max(usable, key=lambda one: one.history.head.position, default=None)
    return None if best is None else best.pinned


def _made(site: KafkaSite, pinned: Pinned) -> Pinned:
    """A new topic, under the pinned name where nobody bears it now.

    Raises:
        NotRepublishable: as it comes to be made, it may not be written to.
    """
    reach("republish_before_topic")
    with administer(site.address) as admin:
        name = _free_name(topics_of(admin, site.opener.ledger), site.opener.ledger, pinned)
        create_topic(admin, name, single_broker=site.single_broker)
        found = describe_topic(admin, name)
    complaints = objections(found, single_broker=site.single_broker).complaints
    if complaints:
        raise NotRepublishable(
            f"topic {name} is made, and may not be written to: {'; '.join(complaints)}: mend that,"
            " and run this again"
        )
    return Pinned(topic_id=found.topic_id, name=name)


def _free_name(names: Sequence[str], ledger: str, pinned: Pinned) -> str:
    if pinned.name not in names:
        return pinned.name
    first = topic_name(ledger)
    highest = max(1 if name == first else int(name.removeprefix(f"{first}.")) for name in names)
    return f"{first}.{highest + 1}"


def _send(site: KafkaSite, topic: Pinned, head: Head, progress: Counted | None) -> int:
    """Send until all up to the head is entered on the topic; how many records it had not before.

    A session that fails is thrown away, and the next one goes on from the topic's tail.

    Raises:
        NotRepublishable: somebody else writes to the topic.
        NotProven, SendFailed, KafkaUnreachable: for too long nothing more was entered.
    """
    first: int | None = None
    entered, moved = 0, clock.elapsed()
    while True:
        try:
            with _session(site, topic) as session:
                while True:
                    here = session.reader.place.position
                    first = here if first is None else first
                    if here > entered:
                        entered, moved = here, clock.elapsed()
                        if progress is not None:
                            progress(entered, head.position)
                        reach("republish_between_batches")
                    if here >= head.position:
                        return here - first
                    if clock.elapsed() - moved > _PATIENCE_S:
                        raise NotProven(
                            f"topic {topic.name} was sent the records behind position {entered},"
                            f" and they are not entered there: {session.reader.refused}"
                        )
                    session.step()
        except TailUnknown as error:
            raise NotRepublishable(
                f"somebody else writes to topic {topic.name}: {error}"
            ) from error
        except (SendFailed, KafkaUnreachable) as error:
            if clock.elapsed() - moved > _PATIENCE_S:
                raise
            _LOG.warning(
                "the sending begins anew from the topic's tail", reason=without_values(error)
            )
            time.sleep(_RETRY_S)


@contextmanager
def _session(site: KafkaSite, topic: Pinned) -> Iterator[RelaySession]:
    with ExitStack() as closes:
        sequenced = SequencedRecords(lambda: connect(site.database_url))
        closes.callback(sequenced.close)
        log = KafkaLog(site.address, topic.name)
        closes.callback(log.close)
        if log.topic_id != topic.topic_id:
            raise NotRepublishable(f"topic {topic.name} was made anew meanwhile: run this again")
        sender = KafkaSender(site.address, topic.name)
        closes.callback(sender.close)
        yield RelaySession(
            sequenced=_Unpinned(sequenced),
            log=log,
            sender=sender,
            verify=site.verify(),
            elapsed=clock.elapsed,
        )


@dataclass(frozen=True, slots=True)
class _Unpinned:
    """What is sequenced, for a topic that is not pinned: nobody may take it for entered there."""

    sequenced: SequencedRecords

    def chain_at(self, position: int) -> bytes | None:
        return self.sequenced.chain_at(position)

    def records_from(self, first: int, limit: int) -> Sequence[Outgoing]:
        return self.sequenced.records_from(first, limit)

    def places(self, topic_id: str) -> Sequence[Place]:  # noqa: ARG002  # of every topic
        return ()

    def put_place(self, place: Place) -> None:
        """Nothing is kept."""


def _pin(here: _Here, done: _Done) -> None:
    """Let the ledger live on the topic from now on; the gate looks before anything is written."""
    at = clock.now()
    with here.connection.transaction():
        here.store.pin(done.topic, done.how.value)
        for place in done.places:
            put_place(here.connection, place, at)
        if not here.store.is_fenced():
            here.store.set_state(
                "healing", "the topic was made anew; the gate has not looked at it yet"
            )
