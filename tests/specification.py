"""A small language for rules: given what happened, when it is asked, then this comes of it.

`given()` begins with a registered enterprise. Each `when` decides on the subject as it is and takes
in what it comes to, under the ids `e1`, `e2`, …; `then` compares the events of the last one,
`refused` looks at its refusal. So a test reads as a story:

    given(penalty()).when(penalty()).then()
    given(penalty()).when(annulment("e2")).when(penalty()).refused(AlreadyAnnulled)
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self, TypeVar

import pytest

from ledger.commands import Command
from ledger.decider import Rules, decide, evolve, opens
from ledger.events import Event
from ledger.refusals import Refused
from ledger.rulebook import Rulebooks
from ledger.subject import Subject
from ledger.values import EventId
from tests.examples import SUBJECT, TODAY, enterprise, rules

E = TypeVar("E")
R = TypeVar("R", bound=Refused)


@dataclass(slots=True)
class Story:
    """A subject through its commands; `events` are all that were recorded, with their ids."""

    today: date = TODAY
    rulebooks: Rulebooks | None = None
    subject: Subject = field(default_factory=lambda: Subject.unknown(SUBJECT))
    events: list[tuple[EventId, Event]] = field(default_factory=list)
    last: tuple[Event, ...] | Refused = ()

    def when(self, *commands: Command) -> Self:
        """Ask for each command; a refusal is kept for `refused`, and must be the last."""
        for command in commands:
            assert not isinstance(self.last, Refused), self.last
            try:
                self.last = decide(self.subject, command, self._rules())
            except Refused as refusal:
                self.last = refusal
            else:
                self._take_in(self.last)
        return self

    def then(self, *expected: type[Event] | Event) -> Self:
        """The last command came to these events, each named by its class or given whole."""
        assert not isinstance(self.last, Refused), self.last
        found = [
            event if not isinstance(want, type) else type(event)
            for event, want in zip(self.last, expected, strict=True)
        ]
        assert found == list(expected)
        return self

    def event(self, kind: type[E]) -> E:
        """The one event of the last command, which is of this kind."""
        assert not isinstance(self.last, Refused), self.last
        (event,) = self.last
        assert isinstance(event, kind)
        return event

    def refused(self, kind: type[R], field: str | None = None, **values: Any) -> R:
        """The last command was refused so: under this field of the command, with these values."""
        assert isinstance(self.last, kind), self.last
        assert field is None or self.last.field == field, self.last.field
        for name, value in values.items():
            assert getattr(self.last, name) == value, name
        return self.last

    def _rules(self) -> Rules:
        return rules(f"e{len(self.events) + 1}", self.today, self.rulebooks)

    def _take_in(self, events: tuple[Event, ...]) -> None:
        fresh = EventId(f"e{len(self.events) + 1}")
        for event in events:
            self.subject = evolve(self.subject, event)
            number = EventId(f"e{len(self.events) + 1}")
            self.events.append((fresh if opens(event, fresh) else number, event))


def given(*commands: Command, today: date = TODAY, rulebooks: Rulebooks | None = None) -> Story:
    """A registered enterprise (its registration is `e1`) to which these commands were done."""
    return Story(today=today, rulebooks=rulebooks).when(enterprise(), *commands)


def refusing(kind: type[R], ask: Callable[[], object]) -> R:
    """The refusal with which asking ends."""
    with pytest.raises(kind) as caught:
        ask()
    return caught.value
