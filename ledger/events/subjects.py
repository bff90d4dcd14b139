"""What happened to a subject itself: its registration, names, identifiers and roles."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from ..identifiers import Identifier, SubjectKind
from ..values import Name, RegionCode, Role
from .basis import Basis, Channel

__all__ = [
    "STORED_NAMES",
    "IdentifierAdded",
    "RoleEnded",
    "RoleGiven",
    "SubjectEvent",
    "SubjectRegistered",
    "SubjectRenamed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRegistered:
    """The ledger began to know a subject; the first event of its stream."""

    kind: SubjectKind
    name: Name | None
    identifiers: tuple[Identifier, ...]
    region: RegionCode | None
    channel: Channel
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRenamed:
    """The subject bears a new name; the former one is kept."""

    name: Name
    effective_on: date | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierAdded:
    """One more identifier leads to this subject."""

    identifier: Identifier
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGiven:
    """The subject acts in a role from a day on (专利代理机构, 商标代理机构, …)."""

    role: Role
    effective_on: date
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleEnded:
    """The subject no longer acts in the role: `effective_on` is the first day without it."""

    role: Role
    effective_on: date
    basis: Basis


SubjectEvent = SubjectRegistered | SubjectRenamed | IdentifierAdded | RoleGiven | RoleEnded

STORED_NAMES: Final[Mapping[str, type[SubjectEvent]]] = {
    "subject-registered": SubjectRegistered,
    "subject-renamed": SubjectRenamed,
    "identifier-added": IdentifierAdded,
    "role-given": RoleGiven,
    "role-ended": RoleEnded,
}
