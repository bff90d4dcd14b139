"""What a fact may rest on: another fact of the same subject that stands."""

from typing import TYPE_CHECKING, Final

from ..events import CommitmentOutcome, ConvictionRecorded, DeterminationMade, PenaltyImposed
from ..refusals import UnknownFinding
from ..values import EventId

if TYPE_CHECKING:
    from ..subject import Subject

__all__ = ["check_ground", "stands", "stands_as"]

_FINDINGS: Final = {
    "determination-made": DeterminationMade,
    "penalty-imposed": PenaltyImposed,
    "conviction-recorded": ConvictionRecorded,
}


def stands_as(subject: "Subject", fact: EventId, event: str) -> bool:
    """Whether the subject has the fact, not set aside, and an event of this stored name made it so.

    A commitment that was found kept is no ground as `commitment-assessed`: a determination finds
    dishonest conduct.
    """
    if event in _FINDINGS:
        finding = subject.findings.held.get(fact)
        return (
            finding is not None
            and finding.annulled is None
            and isinstance(finding.content, _FINDINGS[event])
        )
    if event == "listing-decided":
        listing = subject.listings.held.get(fact)
        return listing is not None and listing.decided is not None and listing.annulled is None
    commitment = subject.commitments.held.get(fact)
    if commitment is None:
        return False
    if event == "commitment-assessed":
        latest = commitment.latest
        return latest is not None and latest.outcome is not CommitmentOutcome.KEPT
    return event == "commitment-made"


def stands(subject: "Subject", fact: EventId) -> bool:
    """Whether the subject has a finding, listing or commitment of this id, not set aside."""
    return any(
        stands_as(subject, fact, event)
        for event in (*_FINDINGS, "listing-decided", "commitment-made")
    )


def check_ground(subject: "Subject", fact: EventId | None) -> None:
    """Refuse a ground that is no fact of this subject, or was set aside.

    Raises:
        UnknownFinding: in `rests_on`.
    """
    if fact is not None and not stands(subject, fact):
        raise UnknownFinding(finding=fact, field="rests_on")
