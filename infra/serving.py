"""When a process of a ledger on Kafka serves: sequences, and answers for keys.

All of it must hold: the ledger is open; the server that answers is the instance that opened its
term; this process's follower has accepted that term's `term-opened`; PostgreSQL has the follower's
head; and not too much is sequenced that is not entered yet. Otherwise nothing is recorded and
nothing is said of a key; reads go on. On the table log sequencer and log are one database, and its
state alone decides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from psycopg.rows import TupleRow

from ledger.record import Head

__all__ = [
    "UNENTERED_MAX",
    "LedgerNotOpen",
    "NotServing",
    "Serving",
    "Standing",
    "standing_of",
    "why_not_serving",
]

UNENTERED_MAX: Final = 30_000
"""So many records may be sequenced and not entered: beyond, commands are answered 503."""


class LedgerNotOpen(RuntimeError):
    """The ledger may not be written now: its state, stored in `ledger_head`, says why."""


class NotServing(LedgerNotOpen):
    """This process may not sequence now, nor say what a key did; it will again by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The head row, and what the server that answers says of it.

    `is_here`: the instance that opened the term is the one that answers. `entered_chain` is the
    chain hash that PostgreSQL has at the position of the follower's head, null where it has no
    record there.
    """

    ledger: str
    position: int
    chain: bytes
    term: int
    recorded_at: Any
    state: str
    reason: str | None
    incarnation: str
    is_here: bool
    entered_chain: bytes | None

    @property
    def is_open(self) -> bool:
        """Whether the ledger is open and the instance that opened its term answers."""
        return self.state == "open" and self.is_here


def standing_of(row: TupleRow) -> Standing:
    """The columns of the queries `standing` and `lock_head_of_instance`, in their order."""
    return Standing(
        ledger=row[0],
        position=row[1],
        chain=row[2],
        term=row[3],
        recorded_at=row[4],
        state=row[5],
        reason=row[6],
        incarnation=row[7],
        is_here=row[8],
        entered_chain=row[9],
    )


class Serving:
    """What a process knows of the log, against which the head is held."""

    def __init__(self, entered: Callable[[], Head], wake_gate: Callable[[], None]) -> None:
        """`entered` is the follower's accepted head; `wake_gate` has the gate look."""
        self._entered = entered
        self._wake_gate = wake_gate

    @property
    def entered(self) -> Head:
        """The follower's head. Take it before the standing that it is compared with."""
        return self._entered()

    def require(self, standing: Standing | None, entered: Head, *, to_write: bool = True) -> None:
        """Go on only where this process serves.

        Whoever only asks what a key did (`to_write` false) is not stopped by what waits.

        Raises:
            NotServing: it does not; where the gate can mend that, it was woken.
        """
        reason = why_not_serving(standing, entered)
        if reason is not None:
            self._wake_gate()
            raise NotServing(reason)
        assert standing is not None, "else there was a reason"
        waiting = standing.position - entered.position
        if to_write and waiting > UNENTERED_MAX:
            raise NotServing(f"{waiting} records wait to be entered on Kafka: try again later")


def why_not_serving(standing: Standing | None, entered: Head) -> str | None:
    """Why a process whose follower has accepted `entered` does not serve; null where it does.

    What waits to be entered is not looked at: it keeps from writing, and from nothing else.
    """
    if standing is None:
        return "this database holds no ledger yet"
    if standing.state != "open":
        return (
            f"ledger {standing.ledger} is {standing.state} at position {standing.position}: "
            f"{standing.reason or 'no reason given'}"
        )
    if not standing.is_here:
        return "the PostgreSQL server was started anew: its term is not opened yet"
    if standing.term != entered.term:
        return f"term {standing.term} is not entered on Kafka yet"
    if entered.position and standing.entered_chain != entered.chain:
        return f"PostgreSQL has not the record {entered.position} that is entered on Kafka"
    return None
