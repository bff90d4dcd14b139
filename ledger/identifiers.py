"""Kinds of code that point to a subject: which one a text is, or why it is none."""

import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType

from .citizen_id import is_citizen_id, resembles_citizen_id, why_not_citizen_id
from .code_forms import (
    AGENCY_CODE_FORM,
    AGENT_CERTIFICATE_FORM,
    EMPTY,
    NOT_RECORDED,
    ORGANISATION_CODE_FORM,
    PERSONAL,
    REGISTRATION_NUMBER_FORM,
    USCC_FORM,
    Flaw,
    Form,
    is_personal_number,
    unrecognised,
)
from .codes import canonical

__all__ = [
    "Identifier",
    "IdentifierKind",
    "InvalidIdentifier",
    "SubjectId",
    "SubjectKind",
    "Verdict",
    "agency_code",
    "agent_certificate",
    "canonical",
    "examine",
    "identifier",
    "index_keys",
    "is_citizen_id",
    "is_subject_id",
    "legal_kind_hint",
    "organisation_code",
    "organisation_code_of",
    "readings",
    "region_of",
    "registration_number",
    "same_identity",
    "subject_id_from",
    "uscc",
    "why_not_citizen_id",
]

SubjectId = NewType("SubjectId", str)
"""The opaque name of a subject and of its stream: `s-` and 26 lower-case letters or digits."""

_SUBJECT_ID: Final = re.compile(r"s-[a-z0-9]{26}")
_SUBJECT_ID_ENTROPY_BYTES: Final = 16


class IdentifierKind(StrEnum):
    """What kind of code an identifier is; the stored names never change."""

    USCC = "uscc"
    ORGANISATION_CODE = "organisation-code"
    REGISTRATION_NUMBER = "registration-number"
    AGENCY_CODE = "agency-code"
    AGENT_CERTIFICATE = "agent-certificate"
    PERSON = "person"


class SubjectKind(StrEnum):
    """The one legal kind of a subject; the stored names never change."""

    ENTERPRISE = "enterprise"
    INDIVIDUAL_BUSINESS = "individual-business"
    PUBLIC_INSTITUTION = "public-institution"
    UNIVERSITY = "university"
    ORGAN = "organ"
    ASSOCIATION = "association"
    OTHER_BODY = "other-body"
    NATURAL_PERSON = "natural-person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A code in canonical form, as made by `identifier` and its neighbours, never from raw text."""

    kind: IdentifierKind
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What `examine` found out about a text.

    `canonical` is set exactly when `valid`, `reason` and `hint` exactly when not. Machine words of
    `reason`: `empty`, `length`, `format`, `check-digit`, `citizen-id`, `not-recorded`; of
    `warnings`: `unknown-department`, `organisation-check`, `registration-check`. `hint` is a
    sentence for people and never repeats the text. `is_personal` says that the text may hold the
    number of a natural person, whatever else is wrong with it: neither store, log nor show `input`.
    """

    input: str
    kind: IdentifierKind | None
    valid: bool
    canonical: str | None = None
    reason: str | None = None
    hint: str | None = None
    warnings: tuple[str, ...] = ()
    is_personal: bool = False

    @property
    def identifier(self) -> Identifier | None:
        """The identifier that the text is; None if it is not valid."""
        if self.kind is None or self.canonical is None:
            return None
        return Identifier(kind=self.kind, value=self.canonical)


class InvalidIdentifier(ValueError):
    """A text is not the identifier it should be: `reason` for machines, `remedy` for people."""

    def __init__(self, verdict: Verdict) -> None:
        """Say what is wrong without the text itself, which may be a person's number."""
        self.kind = verdict.kind
        self.reason = verdict.reason or ""
        self.remedy = verdict.hint or ""
        super().__init__(f"not a valid {self.kind or 'identifier'} ({self.reason}): {self.remedy}")


def examine(text: str, kind: IdentifierKind | None = None) -> Verdict:
    """Whether a text is a valid code of `kind`, or without one of the kind that its length shows.

    Told by length: 18 credit code, 9 organisation code, 13 and 15 registration number. An agency
    code (5 digits) or agent certificate (7 digits) holds nothing that could be checked, so its kind
    must be named; `readings` tries them all. A citizen ID is refused as `citizen-id` under every
    kind, in the verdict then None.

    Source: GB 32100-2015, GB 11714-1997, GS 15-2006, GB 11643-1999.
    """
    code = canonical(text)
    kind = kind or _KIND_BY_LENGTH.get(len(code))
    flaw = _flaw(code, kind)
    if flaw is not None:
        return Verdict(
            input=text,
            kind=None if flaw is PERSONAL else kind,
            valid=False,
            reason=flaw.reason,
            hint=flaw.hint,
            is_personal=resembles_citizen_id(code),
        )
    warnings = () if kind is None else _FORMS[kind].warnings(code)
    return Verdict(input=text, kind=kind, valid=True, canonical=code, warnings=warnings)


def identifier(text: str, kind: IdentifierKind | None = None) -> Identifier:
    """The identifier that a text is, of `kind` or of the kind that `examine` recognises.

    Raises:
        InvalidIdentifier: the text is none.
    """
    verdict = examine(text, kind)
    if verdict.identifier is None:
        raise InvalidIdentifier(verdict)
    return verdict.identifier


def uscc(text: str) -> Identifier:
    """The credit code (统一社会信用代码) that a text is; raises InvalidIdentifier."""
    return identifier(text, IdentifierKind.USCC)


def organisation_code(text: str) -> Identifier:
    """The organisation code (组织机构代码) that a text is; raises InvalidIdentifier."""
    return identifier(text, IdentifierKind.ORGANISATION_CODE)


def registration_number(text: str) -> Identifier:
    """The old registration number (工商注册号) that a text is; raises InvalidIdentifier."""
    return identifier(text, IdentifierKind.REGISTRATION_NUMBER)


def agency_code(text: str) -> Identifier:
    """The patent-agency code (代理机构代码) that a text is; raises InvalidIdentifier."""
    return identifier(text, IdentifierKind.AGENCY_CODE)


def agent_certificate(text: str) -> Identifier:
    """The agent's certificate number (资格证号) that a text is; raises InvalidIdentifier."""
    return identifier(text, IdentifierKind.AGENT_CERTIFICATE)


def readings(text: str) -> tuple[Identifier, ...]:
    """Every identifier that a text could be, for looking a subject up without naming the kind."""
    found = (examine(text, kind).identifier for kind in _FORMS)
    return tuple(reading for reading in found if reading is not None)


def organisation_code_of(credit_code: str) -> str:
    """The organisation code inside a credit code: places 9 to 17."""
    return credit_code[8:17]


def region_of(credit_code: str) -> str:
    """The administrative division (GB/T 2260) of a credit code: places 3 to 8."""
    return credit_code[2:8]


def legal_kind_hint(credit_code: str) -> SubjectKind:
    """The legal kind that the first two places of a credit code show; `other-body` when unsure."""
    return _KIND_BY_PREFIX.get(credit_code[:2], SubjectKind.OTHER_BODY)


def index_keys(held: Identifier) -> tuple[Identifier, ...]:
    """What the identifier index holds for an identifier: a credit code claims the code inside too.

    So a credit code and its organisation code can never point to two subjects.
    """
    if held.kind is not IdentifierKind.USCC:
        return (held,)
    inner = organisation_code_of(held.value)
    return (held, Identifier(kind=IdentifierKind.ORGANISATION_CODE, value=inner))


def same_identity(first: Identifier, second: Identifier) -> bool:
    """Whether two identifiers are one: equal, or a credit code and the organisation code in it."""
    return first in index_keys(second) or second in index_keys(first)


def is_subject_id(text: str) -> bool:
    """Whether a text has the form of a subject's id; the hyphen and case keep codes apart."""
    return _SUBJECT_ID.fullmatch(text) is not None


def subject_id_from(entropy: bytes) -> SubjectId:
    """The subject id that 16 fresh random bytes spell.

    Raises:
        ValueError: not 16 bytes.
    """
    if len(entropy) != _SUBJECT_ID_ENTROPY_BYTES:
        raise ValueError(
            f"a subject id is made of {_SUBJECT_ID_ENTROPY_BYTES} bytes, not of {len(entropy)}"
        )
    return SubjectId("s-" + b32encode(entropy).decode("ascii").rstrip("=").lower())


def _flaw(code: str, kind: IdentifierKind | None) -> Flaw | None:
    if not code:
        return EMPTY
    if is_personal_number(code):
        return PERSONAL
    if kind is None:
        return unrecognised(code)
    if kind is IdentifierKind.PERSON:
        return NOT_RECORDED
    return _FORMS[kind].flaw(code)


_KIND_BY_LENGTH: Final[Mapping[int, IdentifierKind]] = {
    18: IdentifierKind.USCC,
    15: IdentifierKind.REGISTRATION_NUMBER,
    13: IdentifierKind.REGISTRATION_NUMBER,
    9: IdentifierKind.ORGANISATION_CODE,
}

_KIND_BY_PREFIX: Final[Mapping[str, SubjectKind]] = {
    "91": SubjectKind.ENTERPRISE,
    "92": SubjectKind.INDIVIDUAL_BUSINESS,
    "12": SubjectKind.PUBLIC_INSTITUTION,
    "11": SubjectKind.ORGAN,
    "51": SubjectKind.ASSOCIATION,
}

_FORMS: Final[Mapping[IdentifierKind, Form]] = {
    IdentifierKind.USCC: USCC_FORM,
    IdentifierKind.ORGANISATION_CODE: ORGANISATION_CODE_FORM,
    IdentifierKind.REGISTRATION_NUMBER: REGISTRATION_NUMBER_FORM,
    IdentifierKind.AGENCY_CODE: AGENCY_CODE_FORM,
    IdentifierKind.AGENT_CERTIFICATE: AGENT_CERTIFICATE_FORM,
}
