"""What an event rests on.

The authority that acted, its instrument and clause, the document, the evidence.
"""

from dataclasses import dataclass
from enum import StrEnum

from ..values import Digest, DocumentNumber, Line, Name, RegionCode

__all__ = ["UNKNOWN_BASIS", "Authority", "Basis", "Channel"]


class Channel(StrEnum):
    """How a fact reached the ledger.

    A fact decided elsewhere is recorded as it is, one given here is bound by the rules.
    """

    DECIDED_HERE = "decided-here"
    DECIDED_ELSEWHERE = "decided-elsewhere"
    PUBLISHED_LIST = "published-list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Who acted.

    Its name as sent, its unified social credit code, the GB/T 2260 code of its region.
    """

    name: Name | None = None
    code: str | None = None
    region: RegionCode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The paper behind an event; what is unknown is null, never left out."""

    authority: Authority | None = None
    instrument: Line | None = None
    clause: Line | None = None
    document_number: DocumentNumber | None = None
    evidence: tuple[Digest, ...] = ()


UNKNOWN_BASIS = Basis()
