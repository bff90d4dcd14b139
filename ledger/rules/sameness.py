"""When two records speak of one fact: what is compared, and the key under which it stands once.

Document numbers and names of authorities are compared folded, and stored as sent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, Final, TypeVar

from ..events import (
    Basis,
    CommitmentMade,
    ConvictionRecorded,
    DeterminationMade,
    DeterminationWaived,
    ListingDecided,
    ListingProposed,
    PenaltyImposed,
)
from ..folding import fold_document_number, fold_name
from ..values import DocumentNumber, Name

__all__ = ["Comparable", "Key", "differences", "essence", "paper_key"]

Key = tuple[object, ...]
"""A natural key: what names a fact in the world, told from other keys by its first part."""

Comparable = (
    DeterminationMade
    | PenaltyImposed
    | ConvictionRecorded
    | DeterminationWaived
    | CommitmentMade
    | ListingProposed
    | ListingDecided
)
"""An event that opens a fact, or is one in itself, and so may be sent twice."""

E = TypeVar("E", bound=Comparable)

_HOW_IT_CAME: Final = {"channel": None, "origin": None, "irregular": None}
_SET_ASIDE: Final[Mapping[type, Mapping[str, Any]]] = {
    DeterminationMade: {**_HOW_IT_CAME, "finding": None, "edition": None, "clause": None},
    PenaltyImposed: {**_HOW_IT_CAME, "finding": None},
    ConvictionRecorded: {**_HOW_IT_CAME, "finding": None},
    DeterminationWaived: {"edition": None, "clause": None},
    CommitmentMade: {"commitment": None, "channel": None},
    ListingProposed: {"listing": None, "list_name": None},
    ListingDecided: {
        **_HOW_IT_CAME,
        "listing": None,
        "list_name": None,
        "rulebook": None,
        "edition": None,
        "clause": None,
    },
}
"""What is no part of what a fact says.

How it reached the ledger, the id that it was given, and what the rulebooks made of it on the day
on which it was recorded.
"""


def paper_key(basis: Basis) -> tuple[str, str] | None:
    """The document by which a decision is known: folded number and folded name of its authority.

    None where either is unknown; then only a fact that says just the same is the same.
    """
    authority = basis.authority
    if basis.document_number is None or authority is None or authority.name is None:
        return None
    return _folded_number(basis.document_number), _folded_name(authority.name)


def essence(event: E) -> E:
    """What an event says, without what does not tell it from another record of the same fact.

    For comparing and hashing only: what is set aside is null, whatever the field's type.
    """
    return replace(event, **_SET_ASIDE[type(event)], basis=_folded(event.basis))


def differences(recorded: E, sent: E) -> tuple[str, ...]:
    """The paths of what two records of one fact say differently; none if they say the same."""
    return tuple(_differing(essence(recorded), essence(sent), ""))


def _differing(one: object, other: object, path: str) -> Iterator[str]:
    if one == other:
        return
    if type(one) is not type(other) or not is_dataclass(one):
        yield path
        return
    for field in fields(one):
        inner = f"{path}/{field.name}" if path else field.name
        yield from _differing(getattr(one, field.name), getattr(other, field.name), inner)


def _folded(basis: Basis) -> Basis:
    number, authority = basis.document_number, basis.authority
    if number is not None:
        basis = replace(basis, document_number=_folded_number(number))
    if authority is not None and authority.name is not None:
        named = replace(authority, name=_folded_name(authority.name))
        basis = replace(basis, authority=named)
    return basis


@lru_cache(maxsize=4096)
def _folded_number(number: DocumentNumber) -> DocumentNumber:
    # Asked when a decision is compared with the record, and again when it is filed.
    return DocumentNumber(fold_document_number(number))


@lru_cache(maxsize=4096)
def _folded_name(name: Name) -> Name:
    # The same few authorities stand in every row of a file.
    return Name(fold_name(name))
