"""What may be asked about a subject itself."""

from dataclasses import dataclass
from datetime import date

from ..events.basis import UNKNOWN_BASIS, Basis, Channel
from ..identifiers import Identifier, SubjectKind
from ..values import Name, RegionCode, Role

__all__ = [
    "NAMES",
    "AddIdentifier",
    "EndRole",
    "GiveRole",
    "RegisterSubject",
    "RenameSubject",
    "SubjectCommand",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSubject:
    """Begin to know a subject.

    Nothing to do where one of the identifiers leads to a subject that holds them all.
    """

    identifiers: tuple[Identifier, ...]
    name: Name | None = None
    kind: SubjectKind | None = None
    region: RegionCode | None = None
    channel: Channel = Channel.DECIDED_HERE
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameSubject:
    """Record a new name; the former one is kept."""

    name: Name
    effective_on: date | None = None
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class AddIdentifier:
    """Let one more identifier lead to the subject."""

    identifier: Identifier
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveRole:
    """Record that the subject acts in a role from a day on."""

    role: Role
    effective_on: date
    basis: Basis = UNKNOWN_BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRole:
    """Record the first day on which the subject no longer acts in the role."""

    role: Role
    effective_on: date
    basis: Basis = UNKNOWN_BASIS


SubjectCommand = RegisterSubject | RenameSubject | AddIdentifier | GiveRole | EndRole

NAMES: dict[str, type[SubjectCommand]] = {
    "register-subject": RegisterSubject,
    "rename-subject": RenameSubject,
    "add-identifier": AddIdentifier,
    "give-role": GiveRole,
    "end-role": EndRole,
}
