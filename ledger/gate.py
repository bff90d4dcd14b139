"""What a process may do with a ledger whose log is on Kafka: one pure decision over both stores.

The *gate* compares the heads of the two stores: **K**, the accepted head of the log on Kafka, and
**P**, the head of what PostgreSQL has sequenced; and the **floor** F, the furthest head that is
known to have been entered (by a reader's stored place, a projector's, or a witness). The shorter
store is healed from the longer one, and nothing that was entered is ever touched. The rows of the
table are tried in their order; the first that fits decides.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from .record import Head

__all__ = [
    "Adopt",
    "Begin",
    "Decision",
    "Fence",
    "Found",
    "Halt",
    "Instance",
    "OpenTerm",
    "Resend",
    "Serve",
    "SetAside",
    "Stop",
    "decide",
    "decide_take_over",
]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Instance:
    """One run of one PostgreSQL server.

    `started_at` is an instant in UTC with six digits, so that its order as text is that of time.
    Instances of one system are ordered by timeline, then by start.
    """

    timeline: int
    started_at: str
    system: str

    def is_superseded_by(self, other: "Instance") -> bool:
        """Whether the other one rules: it is later, or of another system."""
        if other.system != self.system:
            return True
        return (other.timeline, other.started_at) > (self.timeline, self.started_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found in both stores.

    `kafka` is K; `postgres` is P (position 0: no record); `floor` is F, null where nothing is known
    to have been entered on this log. A store *holds* a head if its history has that chain hash at
    that position. `entered_here` is the furthest position at which PostgreSQL's own record is known
    to have been entered; a projector may be further, with records that PostgreSQL has not adopted
    yet. `differ_from` is the first position that both have with different records; null
    where one history is the beginning of the other. `term_is_ours`: the instance that `ledger_head`
    names is the one that answers now. `newest` is the instance of the newest `term-opened` that
    the log has entered. `is_fenced`: this ledger was fenced before; the log may have lost what it
    was fenced for, so that this is remembered and not found out again.
    """

    is_fenced: bool
    is_pinned: bool
    is_topic_empty: bool
    objections: tuple[str, ...]
    kafka: Head
    postgres: Head
    has_place: bool
    floor: Head | None
    entered_here: int
    postgres_has_kafka: bool
    postgres_holds_floor: bool
    kafka_holds_floor: bool
    differ_from: int | None
    term_is_ours: bool
    newest: Instance | None
    here: Instance


class Halt(StrEnum):
    """Why writing stops until an operator has acted; each has its page in the documentation."""

    FOREIGN_TOPIC = "foreign-topic"
    NOT_AS_PINNED = "not-as-pinned"
    POSTGRES_LOST = "postgres-lost"
    BOTH_LOST = "both-lost"
    FORK = "fork"
    POSTGRES_CHANGED = "postgres-changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Pin the empty topic; create the ledger there (`creates`), or let the relay send all."""

    row: int = 0
    creates: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """Serve; the relay goes on where PostgreSQL is longer."""

    row: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend:
    """Kafka lost its tail: raise an alarm; the relay sends again from K + 1, then look again."""

    row: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A later server, or another one, has the ledger: never write here again by itself.

    `by` is null where the ledger was fenced before and the log does not show by whom.
    """

    row: int = 7
    by: Instance | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTerm:
    """The term is another instance's: open the next one; the log keeps the reason."""

    row: int = 8
    reason: str = "another instance of the server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """PostgreSQL is shorter and equal so far: take in what was entered behind it; open a term."""

    row: int = 9
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Set PostgreSQL's records from `first` on aside, adopt the log's, open a term that voids."""

    row: int = 10
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Stop writing until an operator has acted; `message` says what is wrong and what to do."""

    row: int
    halt: Halt
    message: str


Decision = Begin | Serve | Resend | Fence | OpenTerm | Adopt | SetAside | Stop


def decide(found: Found) -> Decision:
    """The first row of the gate's table that fits what was found."""
    if found.is_fenced:
        return Fence(by=_superseding(found))
    if not found.is_pinned:
        return _unpinned(found)
    if found.objections:
        message = f"{'; '.join(found.objections)}: mend the topic, or run `credit-ledger republish`"
        return Stop(row=1, halt=Halt.NOT_AS_PINNED, message=message)
    if found.postgres.position == 0 and not found.has_place and found.kafka.position:
        return _postgres_lost()
    if lost := _lost(found):
        return lost
    if found.postgres.position == 0 and not found.has_place:
        return Begin(creates=True)
    if _differs_below_floor(found) and not found.kafka_holds_floor:
        message = (
            f"PostgreSQL and Kafka have different records from position {found.differ_from} on,"
            " below what was entered: find out who wrote the log besides this ledger"
        )
        return Stop(row=4, halt=Halt.FORK, message=message)
    if found.postgres_has_kafka:
        return _kafka_is_known(found)
    if superseding := _superseding(found):
        return Fence(by=superseding)
    if found.differ_from is None:
        return Adopt(after=found.postgres.position)
    if found.differ_from <= found.entered_here:
        # No row heals this: what PostgreSQL had there was entered, and is no more what it has.
        message = (
            f"PostgreSQL has other records from position {found.differ_from} on than were entered:"
            " run `credit-ledger recover` into an empty database, and find out who changed this one"
        )
        return Stop(row=4, halt=Halt.POSTGRES_CHANGED, message=message)
    return SetAside(first=found.differ_from)


def decide_take_over(found: Found) -> Decision:
    """As `decide`, on an operator's word that this instance shall have the ledger from now on.

    Whoever had it, the next term is opened: behind what the log has entered and PostgreSQL has not,
    and behind what PostgreSQL alone has. Nothing that was entered is touched for that.
    """
    decision = decide(replace(found, is_fenced=False, newest=None, term_is_ours=False))
    if isinstance(decision, OpenTerm | Resend):
        return OpenTerm(reason="an operator let this server take the ledger over")
    return decision


def _unpinned(found: Found) -> Decision:
    if found.is_topic_empty:
        # Nothing begins where a projector or a witness knows of a ledger that is gone.
        return _lost(found) or Begin(creates=found.postgres.position == 0)
    if found.postgres.position == 0:
        return _postgres_lost()
    message = (
        "the topic holds records and this ledger never lived there: name another topic by"
        " LEDGER_ID, or recover a ledger from it into an empty database"
    )
    return Stop(row=0, halt=Halt.FOREIGN_TOPIC, message=message)


def _lost(found: Found) -> Stop | None:
    """The proof that something which was entered is gone, where there is one."""
    floor = found.floor
    if floor is None or found.postgres_holds_floor or found.kafka_holds_floor:
        return None
    message = (
        f"position {floor.position} was entered and neither PostgreSQL nor Kafka has it any more:"
        " compare backups of both before anything is written"
    )
    return Stop(row=3, halt=Halt.BOTH_LOST, message=message)


def _postgres_lost() -> Stop:
    message = "PostgreSQL holds no record, and the topic does: run `credit-ledger recover`"
    return Stop(row=2, halt=Halt.POSTGRES_LOST, message=message)


def _differs_below_floor(found: Found) -> bool:
    floor, first = found.floor, found.differ_from
    return floor is not None and first is not None and first <= floor.position


def _kafka_is_known(found: Found) -> Decision:
    """PostgreSQL has the log's head, and may be longer."""
    if found.floor is not None and found.kafka.position < found.floor.position:
        return Resend()
    if found.term_is_ours:
        return Serve()
    if superseding := _superseding(found):
        return Fence(by=superseding)
    return OpenTerm()


def _superseding(found: Found) -> Instance | None:
    """The instance that rules in the stead of this one."""
    if found.newest is not None and found.here.is_superseded_by(found.newest):
        return found.newest
    return None
