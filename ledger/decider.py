"""What a command on a subject comes to, and what the subject is after an event."""

from dataclasses import replace
from typing import assert_never

from .commands import (
    AcceptRestoration,
    AddIdentifier,
    AnnulFinding,
    AnnulListing,
    AnnulRestoration,
    AssessCommitment,
    CloseCommitment,
    Command,
    CorrectFinding,
    DecideListing,
    DropListing,
    EndListing,
    EndRole,
    GiveRole,
    GrantRestoration,
    ImposePenalty,
    MakeCommitment,
    MakeDetermination,
    ProposeListing,
    PublishEdition,
    RecordConviction,
    RecordPerformance,
    RefuseRestoration,
    RegisterSubject,
    RenameSubject,
    RequestRestoration,
    WaiveDetermination,
    WithdrawCommitment,
)
from .events import (
    CommitmentAssessed,
    CommitmentClosed,
    CommitmentMade,
    CommitmentWithdrawn,
    ConvictionRecorded,
    DeterminationMade,
    DeterminationWaived,
    DutyPerformed,
    Event,
    FindingAnnulled,
    FindingCorrected,
    IdentifierAdded,
    ListingAnnulled,
    ListingDecided,
    ListingDropped,
    ListingEnded,
    ListingProposed,
    PenaltyImposed,
    RestorationAccepted,
    RestorationAnnulled,
    RestorationGranted,
    RestorationRefused,
    RestorationRequested,
    RoleEnded,
    RoleGiven,
    RulebookEditionPublished,
    SubjectRegistered,
    SubjectRenamed,
    TermOpened,
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
    match command:
        case RegisterSubject() | RenameSubject() | AddIdentifier() | GiveRole() | EndRole():
            return subjects.decide(subject, command)
        case (
            MakeDetermination()
            | ImposePenalty()
            | RecordConviction()
            | CorrectFinding()
            | AnnulFinding()
            | WaiveDetermination()
            | RecordPerformance()
        ):
            return findings.decide(subject, command, rules)
        case MakeCommitment() | AssessCommitment() | WithdrawCommitment() | CloseCommitment():
            return commitments.decide(subject, command, rules)
        case (
            RequestRestoration()
            | AcceptRestoration()
            | GrantRestoration()
            | RefuseRestoration()
            | AnnulRestoration()
        ):
            return restorations.decide(subject, command, rules)
        case ProposeListing() | DecideListing() | DropListing() | EndListing() | AnnulListing():
            return listings.decide(subject, command, rules)
        case PublishEdition():
            return rulebooks.decide(command, rules)
        case _:
            assert_never(command)


def evolve(subject: Subject, event: Event) -> Subject:
    """The subject after the event; never refuses, for what is on record has happened."""
    version = subject.version + 1
    match event:
        case SubjectRegistered() | SubjectRenamed() | IdentifierAdded() | RoleGiven() | RoleEnded():
            identity = subjects.evolve(subject.identity, event)
            return replace(subject, version=version, identity=identity)
        case (
            DeterminationMade()
            | PenaltyImposed()
            | ConvictionRecorded()
            | FindingCorrected()
            | FindingAnnulled()
            | DeterminationWaived()
            | DutyPerformed()
        ):
            held = findings.evolve(subject.findings, event)
            return replace(subject, version=version, findings=held)
        case CommitmentMade() | CommitmentAssessed() | CommitmentWithdrawn() | CommitmentClosed():
            given = commitments.evolve(subject.commitments, event)
            return replace(subject, version=version, commitments=given)
        case (
            RestorationRequested()
            | RestorationAccepted()
            | RestorationGranted()
            | RestorationRefused()
            | RestorationAnnulled()
        ):
            asked = restorations.evolve(subject.restorations, event)
            return replace(subject, version=version, restorations=asked)
        case (
            ListingProposed()
            | ListingDecided()
            | ListingDropped()
            | ListingEnded()
            | ListingAnnulled()
        ):
            listed = listings.evolve(subject.listings, event)
            return replace(subject, version=version, listings=listed)
        case RulebookEditionPublished() | TermOpened():
            return replace(subject, version=version)
        case _:
            assert_never(event)


def opens(event: Event, fresh: EventId) -> bool:
    """Whether the event opened a fact under the id `fresh`, and so must be recorded under it."""
    match event:
        case DeterminationMade() | PenaltyImposed() | ConvictionRecorded():
            return event.finding == fresh
        case CommitmentMade():
            return event.commitment == fresh
        case RestorationRequested() | RestorationGranted():
            return event.restoration == fresh
        case ListingProposed() | ListingDecided():
            return event.listing == fresh
        case _:
            return False
