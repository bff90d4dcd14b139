"""What a command on a subject comes to, and what the subject is after an event.

A line a family in each of the two: what is decided and kept stands in the families' own modules.
"""

from dataclasses import replace
from typing import assert_never

from .commands import (
    Command,
    CommitmentCommand,
    FindingCommand,
    ListingCommand,
    PublishEdition,
    RegisterSubject,
    RestorationCommand,
    RulebookCommand,
    SubjectCommand,
)
from .events import (
    NAMED_BY,
    CommitmentEvent,
    ControlEvent,
    Event,
    FindingEvent,
    ListingEvent,
    RestorationEvent,
    RulebookEvent,
    SubjectEvent,
)
from .refusals import UnknownSubject
from .rules import commitments, findings, listings, restorations, rulebooks, subjects
from .rules.given import Rules
from .rules.plausible import check_given
from .subject import Subject
from .values import EventId

__all__ = ["Rules", "decide", "evolve", "opens"]


def decide(subject: Subject, command: Command, rules: Rules) -> tuple[Event, ...]:
    """The events that the command comes to; none where there is nothing to do.

    Raises:
        Refused: the ledger or an instrument forbids it.
    """
    check_given(command, rules.today)
    if subject.version == 0 and not isinstance(command, RegisterSubject | PublishEdition):
        raise UnknownSubject(subject=subject.id)
    if isinstance(command, SubjectCommand):
        return subjects.decide(subject, command)
    if isinstance(command, FindingCommand):
        return findings.decide(subject, command, rules)
    if isinstance(command, CommitmentCommand):
        return commitments.decide(subject, command, rules)
    if isinstance(command, RestorationCommand):
        return restorations.decide(subject, command, rules)
    if isinstance(command, ListingCommand):
        return listings.decide(subject, command, rules)
    if isinstance(command, RulebookCommand):
        return rulebooks.decide(command, rules)
    assert_never(command)


def evolve(subject: Subject, event: Event) -> Subject:
    """The subject after the event; never refuses, for what is on record has happened."""
    after = replace(subject, version=subject.version + 1)
    if isinstance(event, SubjectEvent):
        return replace(after, identity=subjects.evolve(subject.identity, event))
    if isinstance(event, FindingEvent):
        return replace(after, findings=findings.evolve(subject.findings, event))
    if isinstance(event, CommitmentEvent):
        return replace(after, commitments=commitments.evolve(subject.commitments, event))
    if isinstance(event, RestorationEvent):
        return replace(after, restorations=restorations.evolve(subject.restorations, event))
    if isinstance(event, ListingEvent):
        return replace(after, listings=listings.evolve(subject.listings, event))
    if isinstance(event, RulebookEvent | ControlEvent):
        return after
    assert_never(event)


def opens(event: Event, fresh: EventId) -> bool:
    """Whether the event opened a fact under the id `fresh`, and so must be recorded under it."""
    named_by = NAMED_BY.get(type(event))
    return named_by is not None and getattr(event, named_by) == fresh
