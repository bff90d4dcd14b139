"""A subject's record, event by event; what an event does not say is unknown."""

from dataclasses import fields
from datetime import date
from typing import Any, TypeVar

from ledger.courses.facts import Facts, facts_of
from ledger.events import UNKNOWN_BASIS, Channel, Event, SubjectRegistered
from ledger.identifiers import SubjectKind
from ledger.values import EventId

_OPENS = ("finding", "listing", "restoration", "commitment")
_WHERE_NOTHING_IS_SAID: dict[str, object] = {
    "assessments": (),
    "kinds": (),
    "identifiers": (),
    "regimes": (),
    "dated": True,
    "due_provisional": False,
    "kind": SubjectKind.ENTERPRISE,
    "channel": Channel.DECIDED_HERE,
    "basis": UNKNOWN_BASIS,
    "reason": "as the test says",
}


E = TypeVar("E", bound=Event)


def event(kind: type[E], named: str = "", /, **said: Any) -> E:
    """The event; the fact that it is about is `named`, and counts from its decision unless said."""
    known = {one.name for one in fields(kind)}
    assert set(said) <= known, (kind, set(said) - known)
    values = dict.fromkeys(known) | {
        key: value for key, value in _WHERE_NOTHING_IS_SAID.items() if key in known
    }
    values |= {key: EventId(named) for key in _OPENS if key in known}
    if "effective_on" in known:
        values["effective_on"] = said.get("decided_on", day(1))
    return kind(**{**values, **said})


def record(*told: Event) -> Facts:
    """The facts after these events of a registered enterprise; the first stands at position 2."""
    events = (event(SubjectRegistered), *told)
    return facts_of(
        (position, EventId(f"record-{position}"), one) for position, one in enumerate(events, 1)
    )


def day(month: int, of_month: int = 1, year: int = 2023) -> date:
    return date(year, month, of_month)
