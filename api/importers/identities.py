"""Whom a row is about: its identifiers by the rules for files, or why it can be about nobody."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from ledger.codes import canonical
from ledger.identifiers import (
    Identifier,
    IdentifierKind,
    SubjectKind,
    Verdict,
    examine,
    index_keys,
    organisation_code_of,
)

from .cells import shown
from .row import Row
from .titles import CODE_FIELDS, Field

__all__ = ["credit_code_of_authority", "identifiers_of", "kind_of"]

CREDIT_CODE_LENGTH: Final = 18

_PERSONS: Final = ("自然人", "个人", "公民", "natural-person")
_KINDS: Final[Mapping[str, SubjectKind]] = {
    "个体工商户": SubjectKind.INDIVIDUAL_BUSINESS,
    "个体": SubjectKind.INDIVIDUAL_BUSINESS,
    "individual-business": SubjectKind.INDIVIDUAL_BUSINESS,
}
_KIND_OF_COLUMN: Final[Mapping[Field, IdentifierKind | None]] = {
    Field.CREDIT_CODE: IdentifierKind.USCC,
    Field.ORGANISATION_CODE: IdentifierKind.ORGANISATION_CODE,
    Field.REGISTRATION_NUMBER: IdentifierKind.REGISTRATION_NUMBER,
    Field.AGENCY_CODE: IdentifierKind.AGENCY_CODE,
    Field.ANY_CODE: None,
}
_MAY_HOLD_CREDIT_CODE: Final[Mapping[Field, tuple[str, str]]] = {
    Field.ORGANISATION_CODE: (
        "credit-code-in-organisation-column",
        "a full credit code stands in the column of organisation codes; it is taken as such",
    ),
    Field.REGISTRATION_NUMBER: (
        "credit-code-in-registration-column",
        "a full credit code stands in the column of registration numbers; it is taken as such",
    ),
}
_WARNINGS: Final[Mapping[str, str]] = {
    "unknown-department": "the first character names no registering department that is known",
    "organisation-check": "place 17 does not fit the organisation code inside, though the code as a"
    " whole is sound; look whether it is the right one",
    "registration-check": "the last digit does not fit the other 14; look whether it is the right"
    " number",
}
_DIGITS_LOST: Final = re.compile(r"[0-9](?:\.[0-9]+)?E\+?[0-9]+|[0-9]{9,18}\.0+|[0-9]{15}000")
"""What a sheet makes of a code of digits: 9.11E+17, or with zeros behind the fifteenth."""
_ROUNDED: Final = re.compile(r"[0-9]{15}000")

_ONE_OF_A_BODY: Final = (IdentifierKind.USCC, IdentifierKind.ORGANISATION_CODE)

_examined = lru_cache(maxsize=16_384)(examine)


def kind_of(row: Row) -> SubjectKind | None:
    """The legal kind that the category column says; None leaves it to the credit code.

    Notes `natural-person` where it says that the row is about one.
    """
    found = row.one(Field.CATEGORY)
    if found is None:
        return None
    category = "".join(unicodedata.normalize("NFKC", found[1]).split()).casefold()
    if category.startswith(_PERSONS):
        row.note_person(found[0])
    return _KINDS.get(category)


def identifiers_of(row: Row) -> tuple[Identifier, ...]:
    """Every identifier of the subject in the row; notes a problem for each one that is broken.

    Source: GB 32100-2015 (places 9 to 17 of a credit code are the organisation code).
    """
    found: list[tuple[int, Identifier]] = []
    apart: list[tuple[int, str, Verdict]] = []
    broken = False
    for field in CODE_FIELDS:
        for index, text in row.filled(field):
            verdict = _read(row, field, index, text)
            if verdict.reason == "citizen-id":
                row.note_person(index)
                return ()
            if verdict.kind is IdentifierKind.ORGANISATION_CODE:
                apart.append((index, text, verdict))
            elif verdict.identifier is None:
                broken = True
                _note_broken(row, index, text, verdict)
            else:
                found.append((index, verdict.identifier))
                for word in verdict.warnings:
                    row.warn(index, word, _WARNINGS[word], value=shown(text))
    found.extend(_organisation_codes(row, found, apart))
    if not found and not broken and not row.problems:
        _note_nobody(row)
    _check_agreement(row, found)
    return tuple(dict.fromkeys(identifier for _, identifier in found))


def credit_code_of_authority(row: Row) -> str | None:
    """The credit code of the authority; a broken one is a problem of the row as any other."""
    found = row.one(Field.AUTHORITY_CODE)
    if found is None:
        return None
    verdict = _examined(found[1], IdentifierKind.USCC)
    if not verdict.valid:
        _note_broken(row, found[0], found[1], verdict)
    return verdict.canonical


def _read(row: Row, field: Field, index: int, text: str) -> Verdict:
    other = _MAY_HOLD_CREDIT_CODE.get(field)
    if other is not None and len(canonical(text)) == CREDIT_CODE_LENGTH:
        verdict = _examined(text, IdentifierKind.USCC)
        if verdict.valid:
            row.warn(index, *other, value=shown(text))
    else:
        verdict = _examined(text, _KIND_OF_COLUMN[field])
    return _unless_rounded(verdict)


def _unless_rounded(verdict: Verdict) -> Verdict:
    """Refuse what a sheet has rounded to fifteen digits and passes as another body's code.

    One such number in 31 satisfies the check of a credit code by chance; then the check inside
    still tells it from a code that happens to end so.
    """
    if "organisation-check" in verdict.warnings and _ROUNDED.fullmatch(verdict.canonical or ""):
        return Verdict(input=verdict.input, kind=verdict.kind, valid=False, reason="check-digit")
    return verdict


def _organisation_codes(
    row: Row, found: list[tuple[int, Identifier]], apart: list[tuple[int, str, Verdict]]
) -> list[tuple[int, Identifier]]:
    """Those that say more than the credit code beside them, by their own check digit."""
    inner = {organisation_code_of(one.value) for _, one in found if one.kind is IdentifierKind.USCC}
    standing: list[tuple[int, Identifier]] = []
    for index, text, verdict in apart:
        if inner and canonical(text) in inner:
            continue
        if verdict.identifier is not None:
            standing.append((index, verdict.identifier))
        elif inner and verdict.reason == "check-digit":
            _note_disagreement(row, index, text)
        else:
            _note_broken(row, index, text, verdict)
    return standing


def _check_agreement(row: Row, found: list[tuple[int, Identifier]]) -> None:
    """Refuse two credit codes, and an organisation code that stands in no credit code beside it.

    Source: GB 32100-2015: a body has one credit code, which holds its one organisation code.
    """
    known: dict[IdentifierKind, str] = {}
    for index, identifier in found:
        for key in index_keys(identifier):
            if key.kind not in _ONE_OF_A_BODY:
                continue
            if known.setdefault(key.kind, key.value) != key.value:
                _note_disagreement(row, index, identifier.value)
                return


def _note_broken(row: Row, index: int, text: str, verdict: Verdict) -> None:
    value = None if verdict.is_personal else shown(text)
    if _DIGITS_LOST.fullmatch(unicodedata.normalize("NFKC", text).upper()):
        message = (
            "a sheet took the code for a number and lost its digits;"
            " format the column as text and enter the code again"
        )
        row.note(index, "number-lost-digits", message, value=value)
        return
    row.note(index, verdict.reason or "format", verdict.hint or "no code", value=value)


def _note_disagreement(row: Row, index: int, text: str) -> None:
    message = (
        "this code and another one of the row cannot belong to one subject; find out which is right"
    )
    row.note(index, "identifiers-disagree", message, value=shown(text))


def _note_nobody(row: Row) -> None:
    person = row.filled(Field.PERSON_NUMBER)
    if person and row.one(Field.CATEGORY) is None:
        row.note_person(person[0][0])
        return
    message = "no identifier stands in the row; enter a credit code or another code of the body"
    row.note(row.columns.first(*CODE_FIELDS), "no-identifier", message)
