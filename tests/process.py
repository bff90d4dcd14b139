"""A process that decides and records, on a store in memory that others may write to meanwhile."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, TypeVar

from infra.codec import EventCodec, command_hash, term_opened_draft
from infra.ids import fresh_event, fresh_subject
from infra.memory import MemoryStore
from infra.signer import Signer
from ledger.calendar import official_calendar
from ledger.commands import Command
from ledger.events import TermOpened
from ledger.identifiers import Identifier, SubjectId, uscc
from ledger.requests import Outcome, Recorded, Request, TooContended, Unchanged
from ledger.sequencing import Append, AppendOutcome
from ledger.service import Service
from tests.codes import synthetic_uscc
from tests.examples import TODAY

__all__ = ["Contended", "Process", "request"]

O = TypeVar("O")  # noqa: E741  # an outcome

LEDGER: Final = "test"
NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)


class Contended(MemoryStore):
    """A store into which others write between what a service reads and what it appends."""

    def __init__(self) -> None:
        super().__init__(LEDGER, Signer.generate(LEDGER).sign, lambda: NOW)
        self.meanwhile: list[Callable[[], object]] = []
        self.batches: list[int] = []

    def append(self, batch: Sequence[Append]) -> tuple[AppendOutcome, ...]:
        if self.meanwhile:
            self.meanwhile.pop(0)()
        self.batches.append(len(batch))
        return super().append(batch)


def begun() -> Contended:
    """A ledger that holds its beginning."""
    store = Contended()
    opened = TermOpened(
        term=1,
        incarnation=fresh_event(),
        system_identifier="1",
        server_timeline=1,
        server_started_at="2026-11-24T00:00:00.000000Z",
        from_position=1,
        reason="created",
        public_key="0" * 64,
    )
    append = Append(
        drafts=(term_opened_draft(opened, fresh_event()),),
        key_hash=None,
        command_hash="0" * 64,
        actor="local",
    )
    store.open_term(append)
    return store


@dataclass(slots=True)
class Process:
    """One process that records into a store."""

    store: Contended = field(default_factory=begun)
    today: date = TODAY
    service: Service = field(init=False)

    def __post_init__(self) -> None:
        self.service = Service(
            sequencer=self.store,
            identities=self.store,
            codec=EventCodec(),
            calendar=official_calendar(),
            today=lambda: self.today,
            fresh_event=fresh_event,
            fresh_subject=fresh_subject,
        )

    def record(self, *requests: Request) -> tuple[Outcome | TooContended, ...]:
        return self.service.record(requests)

    def recorded(self, *commands: Command, **asked: Any) -> Recorded:
        (outcome,) = self.record(request(*commands, **asked))
        assert isinstance(outcome, Recorded), outcome
        return outcome

    def refused(self, kind: type[O], *commands: Command, **asked: Any) -> O:
        before = self.store.position()
        (outcome,) = self.record(request(*commands, **asked))
        assert isinstance(outcome, kind), outcome
        assert self.store.position() == before
        return outcome

    def unchanged(self, *commands: Command, **asked: Any) -> Unchanged:
        return self.refused(Unchanged, *commands, **asked)


def request(
    *commands: Command,
    of: int | str | tuple[Identifier, ...] | None = None,
    key: int | None = None,
    expected: int | None = None,
) -> Request:
    """Commands on the subject whose number, id or identifiers are given."""
    subject = (uscc(synthetic_uscc(of)),) if isinstance(of, int) else of
    return Request(
        commands=commands,
        command_hash=command_hash(str(of), commands),
        key_hash=None if key is None else f"{key:064x}",
        subject=SubjectId(subject) if isinstance(subject, str) else subject,
        expected_version=expected,
    )
