"""The facts of a subject's record, as every regime reads them: a pure fold over its events.

A fact is opened by one event and changed by later ones; nothing is dropped. It keeps the position
and the id of the event that opened it, so that each reason can name it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar, assert_never

from ..events import (
    CommitmentAssessed,
    CommitmentClosed,
    CommitmentEvent,
    CommitmentMade,
    CommitmentWithdrawn,
    ConvictionRecorded,
    DeterminationMade,
    DeterminationWaived,
    DutyPerformed,
    Event,
    Finding,
    FindingAnnulled,
    FindingCorrected,
    FindingEvent,
    IdentifierAdded,
    ListingAnnulled,
    ListingDecided,
    ListingDropped,
    ListingEnded,
    ListingEvent,
    ListingProposed,
    PenaltyImposed,
    RestorationAccepted,
    RestorationAnnulled,
    RestorationEvent,
    RestorationGranted,
    RestorationRefused,
    RestorationRequested,
    RoleEnded,
    RoleGiven,
    SubjectEvent,
    SubjectRegistered,
    SubjectRenamed,
)
from ..identifiers import Identifier, SubjectKind
from ..values import EditionId, EventId, ListId, Name, RegimeId, RegionCode, Role, RulebookId
from .alike import changes

__all__ = [
    "NOTHING_KNOWN",
    "CommitmentFact",
    "EarlyEnd",
    "Fact",
    "Facts",
    "FindingFact",
    "ListingFact",
    "Profile",
    "RestorationFact",
    "RoleHeld",
    "differing",
    "evolve",
    "facts_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleHeld:
    """The subject acts in `role` from `from_` on, before `until` (null: still)."""

    role: Role
    from_: date
    until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Who the subject is: its legal kind, names (present one first), identifiers, region, roles."""

    kind: SubjectKind
    names: tuple[Name, ...]
    identifiers: tuple[Identifier, ...]
    region: RegionCode | None
    roles: tuple[RoleHeld, ...]

    def holds_role(self, role: str, day: date) -> bool:
        """Whether the subject acts in the role on this day."""
        return any(
            held.role == role and held.from_ <= day and (held.until is None or day < held.until)
            for held in self.roles
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyEnd:
    """A restoration ended the fact's consequences in `regimes` from the day `on`."""

    restoration: EventId
    position: int
    regimes: tuple[RegimeId, ...]
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFact:
    """A finding, with its present content and what became of it."""

    position: int
    event: EventId
    content: Finding
    corrected_at: int | None = None
    annulled_at: int | None = None
    performed_on: date | None = None
    ended: tuple[EarlyEnd, ...] = ()

    @property
    def is_standing(self) -> bool:
        """Whether it has not been set aside."""
        return self.annulled_at is None

    def ended_in(self, regime: str) -> EarlyEnd | None:
        """The first restoration that ended it in this regime."""
        ends = [end for end in self.ended if regime in end.regimes]
        return min(ends, key=lambda end: (end.on, end.position), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingFact:
    """A listing: proposed, decided, dropped, ended early or annulled."""

    position: int
    event: EventId
    list: ListId
    list_name: Name | None
    proposed: ListingProposed | None = None
    decided: ListingDecided | None = None
    dropped_at: int | None = None
    ended_on: date | None = None
    ended_at: int | None = None
    annulled_at: int | None = None
    ended: tuple[EarlyEnd, ...] = ()

    @property
    def is_standing(self) -> bool:
        """Whether it was decided and has not been set aside."""
        return self.decided is not None and self.annulled_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorationFact:
    """A restoration: requested, accepted, granted, refused or annulled."""

    position: int
    event: EventId
    rulebook: RulebookId
    edition: EditionId
    of: tuple[EventId, ...]
    regimes: tuple[RegimeId, ...]
    requested_on: date | None = None
    accepted_on: date | None = None
    due_on: date | None = None
    due_provisional: bool = False
    granted_on: date | None = None
    granted_at: int | None = None
    refused_on: date | None = None
    annulled_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentFact:
    """A commitment and the latest word on how it was kept."""

    position: int
    event: EventId
    made: CommitmentMade
    assessed: CommitmentAssessed | None = None
    withdrawn_on: date | None = None
    closed_on: date | None = None


Fact = FindingFact | ListingFact | RestorationFact | CommitmentFact


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is on record about one subject, each family in the order of its opening events."""

    profile: Profile | None = None
    findings: tuple[FindingFact, ...] = ()
    listings: tuple[ListingFact, ...] = ()
    restorations: tuple[RestorationFact, ...] = ()
    commitments: tuple[CommitmentFact, ...] = ()


NOTHING_KNOWN = Facts()


def facts_of(recorded: Iterable[tuple[int, EventId, Event]]) -> Facts:
    """The facts after these events of one subject, each given as position, event id, event."""
    facts = NOTHING_KNOWN
    for position, _, event in recorded:
        facts = evolve(facts, event, position)
    return facts


def evolve(facts: Facts, event: Event, position: int) -> Facts:
    """The facts after one more event of the subject, which stands at `position`.

    A family that the event says nothing of is the same object as before; what no regime reads
    changes nothing.
    """
    if isinstance(event, SubjectEvent):
        return replace(facts, profile=_profile(facts.profile, event))
    if isinstance(event, FindingEvent):
        return _with_finding(facts, event, position)
    if isinstance(event, CommitmentEvent):
        return replace(facts, commitments=_commitments(facts.commitments, event, position))
    if isinstance(event, RestorationEvent):
        return _with_restoration(facts, event, position)
    if isinstance(event, ListingEvent):
        return replace(facts, listings=_listings(facts.listings, event, position))
    return facts


def differing(before: Facts, after: Facts) -> tuple[Facts, Facts]:
    """The findings and listings that are not as they were: as they were, and as they are."""
    findings = tuple(changes(before.findings, after.findings))
    listings = tuple(changes(before.listings, after.listings))
    was = Facts(
        profile=after.profile,
        findings=tuple([was for was, _ in findings if was is not None]),
        listings=tuple([was for was, _ in listings if was is not None]),
    )
    now = Facts(
        profile=after.profile,
        findings=tuple([now for _, now in findings if now is not None]),
        listings=tuple([now for _, now in listings if now is not None]),
    )
    return was, now


# Who the subject is ------------------------------------------------------------------------------


def _profile(profile: Profile | None, event: SubjectEvent) -> Profile | None:
    if isinstance(event, SubjectRegistered):
        return Profile(
            kind=event.kind,
            names=() if event.name is None else (event.name,),
            identifiers=event.identifiers,
            region=event.region,
            roles=(),
        )
    if profile is None:
        return None
    match event:
        case SubjectRenamed():
            former = tuple(name for name in profile.names if name != event.name)
            return replace(profile, names=(event.name, *former))
        case IdentifierAdded():
            return replace(profile, identifiers=(*profile.identifiers, event.identifier))
        case RoleGiven():
            given = RoleHeld(role=event.role, from_=event.effective_on, until=None)
            return replace(profile, roles=(*profile.roles, given))
        case RoleEnded():
            return replace(profile, roles=tuple(_role_ended(held, event) for held in profile.roles))
        case _:
            assert_never(event)


def _role_ended(held: RoleHeld, event: RoleEnded) -> RoleHeld:
    if held.role == event.role and held.until is None:
        return replace(held, until=event.effective_on)
    return held


# Findings ----------------------------------------------------------------------------------------

F = TypeVar("F", FindingFact, ListingFact, RestorationFact, CommitmentFact)


def _changed(held: tuple[F, ...], named: EventId, change: Callable[[F], F]) -> tuple[F, ...]:
    """The facts with the one that an event names changed; the same object if it is not there."""
    if all(fact.event != named for fact in held):
        return held
    return tuple(change(fact) if fact.event == named else fact for fact in held)


def _with_finding(facts: Facts, event: FindingEvent, position: int) -> Facts:
    match event:
        case DeterminationMade() | PenaltyImposed() | ConvictionRecorded():
            opened = FindingFact(position=position, event=event.finding, content=event)
            return _with_findings(facts, (*facts.findings, opened))
        case FindingCorrected():
            content = event.determination or event.penalty or event.conviction
            if content is None:
                return facts
            corrected = content
            found = _changed(
                facts.findings,
                event.finding,
                lambda fact: replace(fact, content=corrected, corrected_at=position),
            )
        case FindingAnnulled():
            found = _changed(
                facts.findings, event.finding, lambda fact: replace(fact, annulled_at=position)
            )
        case DutyPerformed():
            found = _changed(
                facts.findings,
                event.finding,
                lambda fact: replace(fact, performed_on=event.effective_on),
            )
        case DeterminationWaived():
            return facts
        case _:
            assert_never(event)
    return _with_findings(facts, found)


def _with_findings(facts: Facts, findings: tuple[FindingFact, ...]) -> Facts:
    # As `replace`, in a third of the time: most of what is recorded are findings.
    return Facts(
        profile=facts.profile,
        findings=findings,
        listings=facts.listings,
        restorations=facts.restorations,
        commitments=facts.commitments,
    )


# Listings ----------------------------------------------------------------------------------------


def _listings(
    held: tuple[ListingFact, ...], event: ListingEvent, position: int
) -> tuple[ListingFact, ...]:
    match event:
        case ListingProposed() | ListingDecided():
            return _opened(held, event, position)
        case ListingDropped():
            return _changed(held, event.listing, lambda fact: replace(fact, dropped_at=position))
        case ListingEnded():
            return _changed(
                held,
                event.listing,
                lambda fact: replace(fact, ended_on=event.effective_on, ended_at=position),
            )
        case ListingAnnulled():
            return _changed(held, event.listing, lambda fact: replace(fact, annulled_at=position))
        case _:
            assert_never(event)


def _opened(
    held: tuple[ListingFact, ...], event: ListingProposed | ListingDecided, position: int
) -> tuple[ListingFact, ...]:
    """The listings with one proposed or decided; a decision on a proposal goes on with it."""
    known = next((fact for fact in held if fact.event == event.listing), None)
    fact = known or ListingFact(
        position=position, event=event.listing, list=event.list, list_name=event.list_name
    )
    if isinstance(event, ListingProposed):
        fact = replace(fact, proposed=event)
    else:
        fact = replace(fact, decided=event, list_name=event.list_name or fact.list_name)
    return (*held, fact) if known is None else _changed(held, fact.event, lambda _: fact)


# Restorations ------------------------------------------------------------------------------------


def _with_restoration(facts: Facts, event: RestorationEvent, position: int) -> Facts:
    match event:
        case RestorationRequested():
            return replace(facts, restorations=(*facts.restorations, _asked(event, position)))
        case RestorationGranted():
            return _granted(facts, event, position)
        case RestorationAccepted():
            held = _changed(
                facts.restorations,
                event.restoration,
                lambda fact: replace(
                    fact,
                    accepted_on=event.accepted_on,
                    due_on=event.due_on,
                    due_provisional=event.due_provisional,
                ),
            )
            return replace(facts, restorations=held)
        case RestorationRefused():
            held = _changed(
                facts.restorations,
                event.restoration,
                lambda fact: replace(fact, refused_on=event.decided_on),
            )
            return replace(facts, restorations=held)
        case RestorationAnnulled():
            held = _changed(
                facts.restorations,
                event.restoration,
                lambda fact: replace(fact, annulled_at=position),
            )
            return _without_ends(replace(facts, restorations=held), event.restoration)
        case _:
            assert_never(event)


def _asked(event: RestorationRequested | RestorationGranted, position: int) -> RestorationFact:
    return RestorationFact(
        position=position,
        event=event.restoration,
        rulebook=event.rulebook,
        edition=event.edition,
        of=event.of,
        regimes=event.regimes,
        requested_on=event.requested_on if isinstance(event, RestorationRequested) else None,
    )


def _granted(facts: Facts, event: RestorationGranted, position: int) -> Facts:
    known = any(fact.event == event.restoration for fact in facts.restorations)
    held = facts.restorations if known else (*facts.restorations, _asked(event, position))
    end = EarlyEnd(
        restoration=event.restoration,
        position=position,
        regimes=event.regimes,
        on=event.effective_on,
    )
    findings, listings = facts.findings, facts.listings
    for named in event.of:
        findings = _changed(findings, named, lambda fact: replace(fact, ended=(*fact.ended, end)))
        listings = _changed(listings, named, lambda fact: replace(fact, ended=(*fact.ended, end)))
    return replace(
        facts,
        findings=findings,
        listings=listings,
        restorations=_changed(
            held,
            event.restoration,
            lambda fact: replace(fact, granted_on=event.decided_on, granted_at=position),
        ),
    )


def _without_ends(facts: Facts, restoration: EventId) -> Facts:
    """The facts as if the restoration had ended nothing."""
    return replace(
        facts,
        findings=tuple(_unended(fact, restoration) for fact in facts.findings),
        listings=tuple(_unended(fact, restoration) for fact in facts.listings),
    )


E = TypeVar("E", FindingFact, ListingFact)


def _unended(fact: E, restoration: EventId) -> E:
    kept = tuple(end for end in fact.ended if end.restoration != restoration)
    return fact if len(kept) == len(fact.ended) else replace(fact, ended=kept)


# Commitments -------------------------------------------------------------------------------------


def _commitments(
    held: tuple[CommitmentFact, ...], event: CommitmentEvent, position: int
) -> tuple[CommitmentFact, ...]:
    match event:
        case CommitmentMade():
            return (*held, CommitmentFact(position=position, event=event.commitment, made=event))
        case CommitmentAssessed():
            return _changed(held, event.commitment, lambda fact: replace(fact, assessed=event))
        case CommitmentWithdrawn():
            return _changed(
                held,
                event.commitment,
                lambda fact: replace(fact, withdrawn_on=event.effective_on),
            )
        case CommitmentClosed():
            return _changed(
                held, event.commitment, lambda fact: replace(fact, closed_on=event.effective_on)
            )
        case _:
            assert_never(event)
