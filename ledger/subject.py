"""The state of one subject, as deciding needs it: what is open, and which keys were used."""

from dataclasses import dataclass, field

from .identifiers import SubjectId
from .rules.commitments import Commitments
from .rules.findings import Findings
from .rules.listings import Listings
from .rules.restorations import Restorations
from .rules.subjects import UNKNOWN_IDENTITY, Identity

__all__ = ["Subject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A subject after `version` events of its stream; each family keeps its own state."""

    id: SubjectId
    version: int = 0
    identity: Identity = UNKNOWN_IDENTITY
    findings: Findings = field(default_factory=Findings)
    commitments: Commitments = field(default_factory=Commitments)
    restorations: Restorations = field(default_factory=Restorations)
    listings: Listings = field(default_factory=Listings)

    @classmethod
    def unknown(cls, subject: SubjectId) -> "Subject":
        """A subject of which nothing is on record."""
        return cls(id=subject)
