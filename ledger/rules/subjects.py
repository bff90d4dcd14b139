"""Who a subject is: its kind, names, identifiers and roles, and what may be asked about them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Final, assert_never

from ..commands import (
    AddIdentifier,
    EndRole,
    GiveRole,
    RegisterSubject,
    RenameSubject,
    SubjectCommand,
)
from ..dates import covers
from ..events import (
    Basis,
    IdentifierAdded,
    RoleEnded,
    RoleGiven,
    SubjectEvent,
    SubjectRegistered,
    SubjectRenamed,
)
from ..identifiers import (
    Identifier,
    IdentifierKind,
    SubjectKind,
    examine,
    legal_kind_hint,
    organisation_code_of,
    region_of,
    same_identity,
)
from ..refusals import (
    EndsBeforeItBegins,
    IdentifiersDisagree,
    NaturalPersonNotRecorded,
    NoIdentifier,
    NotAnIdentifier,
    RoleAlreadyHeld,
    RoleNotHeld,
)
from ..values import Name, RegionCode, Role
from .plausible import check_name

if TYPE_CHECKING:
    from ..subject import Subject

__all__ = ["UNKNOWN_IDENTITY", "Identity", "RoleSpan", "applies", "decide", "evolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSpan:
    """The subject acts in `role` from `from_` on, before `until` (null: still)."""

    role: Role
    from_: date
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the subject is; without kind nobody was registered."""

    kind: SubjectKind | None = None
    name: Name | None = None
    identifiers: tuple[Identifier, ...] = ()
    roles: tuple[RoleSpan, ...] = ()

    def holds(self, identifier: Identifier) -> bool:
        """Whether the identifier leads here, be it as the organisation code in a credit code."""
        return any(same_identity(identifier, held) for held in self.identifiers)


UNKNOWN_IDENTITY: Final = Identity()


def applies(applies_to: tuple[str, ...], identity: Identity, day: date) -> bool:
    """Whether a regime that names these kinds or roles (none: all) applies to the subject."""
    return (
        not applies_to
        or identity.kind in applies_to
        or any(
            span.role in applies_to and covers(span.from_, span.until, day)
            for span in identity.roles
        )
    )


def decide(subject: "Subject", command: SubjectCommand) -> tuple[SubjectEvent, ...]:
    """What a command on the subject itself comes to.

    Raises:
        Refused: the identifiers, the name or the days cannot stand.
    """
    identity = subject.identity
    match command:
        case RegisterSubject():
            return _register(identity, command)
        case RenameSubject():
            check_name("name", command.name)
            if command.name == identity.name:
                return ()
            renamed = SubjectRenamed(
                name=command.name, effective_on=command.effective_on, basis=command.basis
            )
            return (renamed,)
        case AddIdentifier():
            return _add(identity, (command.identifier,), command.basis, "identifier")
        case GiveRole():
            return _give_role(identity, command)
        case EndRole():
            return _end_role(identity, command)
        case _:
            assert_never(command)


def evolve(identity: Identity, event: SubjectEvent) -> Identity:
    """Who the subject is after an event."""
    match event:
        case SubjectRegistered():
            return replace(
                identity, kind=event.kind, name=event.name, identifiers=event.identifiers
            )
        case SubjectRenamed():
            return replace(identity, name=event.name)
        case IdentifierAdded():
            return replace(identity, identifiers=(*identity.identifiers, event.identifier))
        case RoleGiven():
            given = RoleSpan(role=event.role, from_=event.effective_on)
            return replace(identity, roles=(*identity.roles, given))
        case RoleEnded():
            ended = (_ended(span, event) for span in identity.roles)
            return replace(identity, roles=tuple(ended))
        case _:
            assert_never(event)


# Registration and identifiers --------------------------------------------------------------------


def _register(identity: Identity, command: RegisterSubject) -> tuple[SubjectEvent, ...]:
    """Register, or give a registered subject the identifiers that it did not have.

    Another name in a row that names a registered subject is no renaming: that is a command of its
    own.
    """
    if command.kind is SubjectKind.NATURAL_PERSON:
        raise NaturalPersonNotRecorded(field="kind")
    if not command.identifiers:
        raise NoIdentifier
    if identity.kind is not None:
        return _add(identity, command.identifiers, command.basis, "identifiers")
    check_name("name", command.name)
    identifiers = _distinct(command.identifiers)
    _check_identifiers((), identifiers, "identifiers")
    code = _credit_code(identifiers)
    registered = SubjectRegistered(
        kind=command.kind or (legal_kind_hint(code) if code else SubjectKind.OTHER_BODY),
        name=command.name,
        identifiers=identifiers,
        region=command.region or (RegionCode(region_of(code)) if code else None),
        channel=command.channel,
        basis=command.basis,
    )
    return (registered,)


def _add(
    identity: Identity, identifiers: tuple[Identifier, ...], basis: Basis, field: str
) -> tuple[IdentifierAdded, ...]:
    new = tuple(one for one in _distinct(identifiers) if not _is_known(identity, one))
    _check_identifiers(identity.identifiers, new, field)
    return tuple(IdentifierAdded(identifier=one, basis=basis) for one in new)


def _is_known(identity: Identity, identifier: Identifier) -> bool:
    """Whether adding the identifier would tell nothing; a credit code tells more than its inner."""
    if identifier.kind is IdentifierKind.USCC:
        return identifier in identity.identifiers
    return identity.holds(identifier)


def _distinct(identifiers: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
    """Each once, and no organisation code that stands in a credit code beside it."""
    inner = {organisation_code_of(one.value) for one in identifiers if _is_credit_code(one)}
    return tuple(
        one
        for one in dict.fromkeys(identifiers)
        if one.kind is not IdentifierKind.ORGANISATION_CODE or one.value not in inner
    )


def _check_identifiers(
    held: tuple[Identifier, ...], new: tuple[Identifier, ...], field: str
) -> None:
    """Refuse broken codes, numbers of persons, and codes that cannot belong to one subject.

    Source: GB 32100-2015: a body has one credit code, which holds its one organisation code.
    """
    for place, identifier in enumerate(new):
        path = f"{field}/{place}" if field == "identifiers" else field
        verdict = examine(identifier.value, identifier.kind)
        if identifier.kind is IdentifierKind.PERSON or verdict.is_personal:
            raise NaturalPersonNotRecorded(field=path)
        if not verdict.valid:
            raise NotAnIdentifier(
                reason=verdict.reason or "", remedy=verdict.hint or "", field=path
            )
    known = (*held, *new)
    for kind in (IdentifierKind.USCC, IdentifierKind.ORGANISATION_CODE):
        _check_single([one.value for one in known if one.kind is kind], field)
    _check_single([*dict.fromkeys(_organisation_codes(known))], field)


def _check_single(values: list[str], field: str) -> None:
    if len(values) > 1:
        raise IdentifiersDisagree(first=values[0], second=values[1], field=field)


def _organisation_codes(identifiers: Iterable[Identifier]) -> Iterable[str]:
    for identifier in identifiers:
        if _is_credit_code(identifier):
            yield organisation_code_of(identifier.value)
        elif identifier.kind is IdentifierKind.ORGANISATION_CODE:
            yield identifier.value


def _is_credit_code(identifier: Identifier) -> bool:
    return identifier.kind is IdentifierKind.USCC


def _credit_code(identifiers: tuple[Identifier, ...]) -> str | None:
    return next((one.value for one in identifiers if _is_credit_code(one)), None)


# Roles -------------------------------------------------------------------------------------------


def _give_role(identity: Identity, command: GiveRole) -> tuple[RoleGiven, ...]:
    for span in identity.roles:
        if span.role != command.role:
            continue
        if span.from_ == command.effective_on:
            return ()
        if span.until is None or command.effective_on < span.until:
            raise RoleAlreadyHeld(role=span.role, since=span.from_, until=span.until)
    given = RoleGiven(role=command.role, effective_on=command.effective_on, basis=command.basis)
    return (given,)


def _end_role(identity: Identity, command: EndRole) -> tuple[RoleEnded, ...]:
    spans = [span for span in identity.roles if span.role == command.role]
    if any(span.until == command.effective_on for span in spans):
        return ()
    held = next((span for span in spans if span.until is None), None)
    if held is None:
        raise RoleNotHeld(role=command.role)
    if command.effective_on <= held.from_:
        raise EndsBeforeItBegins(field="effective_on", ends=command.effective_on, begins=held.from_)
    return (RoleEnded(role=command.role, effective_on=command.effective_on, basis=command.basis),)


def _ended(span: RoleSpan, event: RoleEnded) -> RoleSpan:
    if span.role == event.role and span.until is None:
        return replace(span, until=event.effective_on)
    return span
