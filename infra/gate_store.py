"""What the gate sees and does in PostgreSQL, under its advisory lock."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from ledger.events import NAME_OF, VOIDED_MAX, CommandsVoided, Event, TermOpened
from ledger.gate import Instance
from ledger.log import Place
from ledger.record import Head
from ledger.sequencing import Append, Draft
from ledger.values import EventId

from .adoption import adopt
from .codec import canonical, instant
from .creation import create_ledger
from .gate import Pinned
from .places import stored_places
from .reader import Accepted
from .sequencer import PostgresSequencer
from .signer import Signer
from .sql import queries

__all__ = ["PostgresGateStore", "TermOpener"]

_SQL: Final = queries("infra/gate_store.sql")
_RECORDS: Final = queries("infra/sequenced.sql")

Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class TermOpener:
    """What opening a term takes from outside: who signs, fresh ids, the time."""

    ledger: str
    signer: Callable[[], Signer]
    fresh: Callable[[], EventId]
    now: Callable[[], datetime]


class PostgresGateStore:
    """The gate's sight of one database."""

    def __init__(self, connection: Connection, opener: TermOpener) -> None:
        """Work on a connection that holds the gate's lock."""
        self._connection = connection
        self._opener = opener

    @classmethod
    @contextmanager
    def held(
        cls, connect: Callable[[], Connection], opener: TermOpener
    ) -> Iterator["PostgresGateStore"]:
        """The store, under the gate's lock."""
        with connect() as connection:
            connection.execute(_SQL["hold_gate"])
            yield cls(connection, opener)

    # What there is -------------------------------------------------------------------------------

    def pinned(self) -> Pinned | None:
        """The pinned topic."""
        row = self._connection.execute(_SQL["pinned"]).fetchone()
        return None if row is None else Pinned(topic_id=row[0], name=row[1])

    def head(self) -> Head:
        """The last sequenced record."""
        row = self._connection.execute(_SQL["head"], binary=True).fetchone()
        return Head() if row is None else Head(position=row[0], chain=row[1], term=row[2])

    def here(self) -> Instance:
        """The instance that answers now."""
        row = self._connection.execute(_SQL["here"]).fetchone()
        assert row is not None, "a server knows itself"
        return Instance(system=row[0], timeline=row[1], started_at=instant(row[2]))

    def is_fenced(self) -> bool:
        """Whether the ledger was fenced; only an operator lifts that."""
        row = self._connection.execute(_SQL["head"]).fetchone()
        return row is not None and row[8] == "fenced"

    def term_is_ours(self) -> bool:
        """Whether the instance that opened the head's term is the one that answers now."""
        row = self._connection.execute(_SQL["head"]).fetchone()
        if row is None:
            return False
        opened = Instance(system=row[5], timeline=row[6], started_at=instant(row[7]))
        return opened == self.here()

    def chain_at(self, position: int) -> bytes | None:
        """The chain hash at a position."""
        asked = {"position": position}
        row = self._connection.execute(_RECORDS["chain_at"], asked, binary=True).fetchone()
        return None if row is None else bytes(row[0])

    def places(self, topic_id: str) -> Sequence[Place]:
        """Where this topic is known to be entered, newest first."""
        return stored_places(self._connection, topic_id)

    def floors(self) -> Sequence[Head]:
        """The heads that are known to have been entered."""
        rows = self._connection.execute(_SQL["floors"], binary=True)
        return [Head(position=row[0], chain=bytes(row[1]), term=row[2]) for row in rows]

    def entered_here(self) -> int:
        """The furthest position of its own records that is known to have been entered; else 0."""
        row = self._connection.execute(_SQL["entered_here"]).fetchone()
        return 0 if row is None else int(row[0])

    def newest_term(self, upto: int) -> bytes | None:
        """The bytes of the newest `term-opened` up to a position."""
        row = self._connection.execute(_SQL["newest_term"], {"upto": upto}, binary=True).fetchone()
        return None if row is None else bytes(row[0])

    # What is done --------------------------------------------------------------------------------

    def pin(self, topic: Pinned, reason: str) -> None:
        """The ledger lives on this topic from now on."""
        at = self._opener.now()
        with self._connection.transaction():
            self._connection.execute(_SQL["unpin"], {"at": at})
            self._connection.execute(
                _SQL["pin"],
                {"topic_id": topic.topic_id, "name": topic.name, "at": at, "reason": reason},
            )

    def create(self) -> None:
        """Create the ledger: term 1."""
        create_ledger(
            self._connection,
            ledger=self._opener.ledger,
            signer=self._opener.signer,
            fresh=self._opener.fresh,
            now=self._opener.now,
        )

    def move_to(self, topic: Pinned) -> None:
        """Let a ledger that never lived on a topic live on this one, and open the next term."""
        with self._connection.transaction():
            self.pin(topic, "moved from the table log")
            self.open_term("the log moved to Kafka")

    def adopt(self, batches: Iterator[Accepted]) -> None:
        """Take in what was entered behind the head."""
        adopt(self._connection, batches, self._opener.now())

    def set_aside(self, first: int) -> None:
        """Set records aside from `first` on."""
        self._connection.execute(_SQL["set_aside"], {"first": first, "at": self._opener.now()})

    def open_term(self, reason: str) -> None:
        """Open the next term for this instance, and void what was set aside and lost for good."""
        here, signer = self.here(), self._opener.signer()
        with self._connection.transaction():
            rows = self._connection.execute(_SQL["lost_keys"], binary=True)
            lost = [bytes(key) for (key,) in rows]
            incarnation = self._opener.fresh()
            row = self._connection.execute(
                _SQL["begin_term"],
                {
                    "incarnation": incarnation,
                    "system_identifier": here.system,
                    "server_timeline": here.timeline,
                    "server_started_at": here.started_at,
                },
            ).fetchone()
            assert row is not None, "a ledger has a head"
            term, position = row
            opened = TermOpened(
                term=term,
                incarnation=incarnation,
                system_identifier=here.system,
                server_timeline=here.timeline,
                server_started_at=here.started_at,
                from_position=position + 1,
                reason=reason,
                public_key=signer.public_key.hex(),
            )
            self._sequence(opened)
            for start in range(0, len(lost), VOIDED_MAX):
                keys = lost[start : start + VOIDED_MAX]
                at = self._sequence(CommandsVoided(keys=tuple(key.hex() for key in keys)))
                self._connection.execute(_SQL["insert_voided"], {"position": at, "keys": keys})

    def _sequence(self, event: Event) -> int:
        """Sequence a record of the ledger about itself, a batch of its own; its position."""
        opener = self._opener
        sequencer = PostgresSequencer.within(
            self._connection, opener.ledger, opener.signer().sign, opener.now
        )
        row = self._connection.execute(
            "SELECT coalesce(max(subject_version), 0) FROM ledger_record WHERE subject = 'ledger'"
        ).fetchone()
        assert row is not None, "an aggregate gives one row"
        draft = Draft(
            stream="ledger",
            version=row[0] + 1,
            type=NAME_OF[type(event)],
            id=opener.fresh(),
            data=canonical(event),
        )
        sequencer.append(
            [
                Append(
                    drafts=(draft,),
                    key_hash=None,
                    command_hash=sha256(canonical(event)).hexdigest(),
                    actor="local",
                )
            ]
        )
        return self.head().position

    def set_state(self, state: str, reason: str | None) -> None:
        """Keep what was decided."""
        self._connection.execute(_SQL["set_state"], {"state": state, "reason": reason})
