"""How each kind of code is written, what can be checked in it, and the sentence for what fails."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_uppercase, digits
from typing import Final

from .citizen_id import is_citizen_number, is_old_citizen_id
from .codes import (
    USCC_ALPHABET,
    organisation_check_character,
    registration_check_digit,
    uscc_check_character,
)

_LETTERS_AND_DIGITS: Final = digits + ascii_uppercase

_DEPARTMENTS: Final = "123456789ANY"
"""Registering departments, place 1 of a credit code (GB 32100-2015 with its amendment)."""

_OLD_NUMBER_LENGTH: Final = 15
"""Digits of an old citizen ID, and of a registration number given since 2007."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Why a code is refused: the machine word, and a sentence that never repeats the code."""

    reason: str
    hint: str


EMPTY: Final = Flaw(
    reason="empty",
    hint="nothing is left once spaces and hyphens are removed; send the code",
)
PERSONAL: Final = Flaw(
    reason="citizen-id",
    hint="the number of a natural person stands where the code of a body should be; send the code"
    " of the body",
)
NOT_RECORDED: Final = Flaw(
    reason="not-recorded",
    hint="natural persons are not recorded yet; send the code of a body",
)


def _no_flaw(_code: str) -> None:
    return None


def _no_warnings(_code: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How codes of a kind are written; `check` and `warnings` take codes that match `pattern`."""

    name: str
    lengths: tuple[int, ...]
    alphabet: str = digits
    pattern: re.Pattern[str]
    check: Callable[[str], Flaw | None] = _no_flaw
    warnings: Callable[[str], tuple[str, ...]] = _no_warnings

    def flaw(self, code: str) -> Flaw | None:
        """What is wrong with a code in canonical form: first its writing, then its check."""
        if self.pattern.fullmatch(code):
            return self.check(code)
        return (
            _stranger(code, _LETTERS_AND_DIGITS)
            or self._wrong_length(code)
            or _stranger(code, self.alphabet)
            or Flaw(reason="format", hint=f"a letter stands where {self.name} has a digit")
        )

    def _wrong_length(self, code: str) -> Flaw | None:
        if len(code) in self.lengths:
            return None
        wanted = " or ".join(str(length) for length in self.lengths)
        return Flaw(
            reason="length", hint=f"{self.name} has {wanted} characters, this has {len(code)}"
        )


def unrecognised(code: str) -> Flaw:
    """Why a text is no code that could be told by its length."""
    return _stranger(code, _LETTERS_AND_DIGITS) or Flaw(
        reason="length",
        hint=f"{len(code)} characters fit no kind of code: a credit code has 18, an organisation"
        " code 9, a registration number 13 or 15; for an agency code (5 digits) or an agent"
        " certificate (7 digits) name the kind",
    )


def is_personal_number(code: str) -> bool:
    """Whether a code in canonical form must be taken for a citizen ID.

    One citizen ID in 31 satisfies the check of a credit code by chance, so the person wins; except
    over a code that begins with 9 (market regulation), as no province does. Of 15 digits the check
    of a registration number decides: the old citizen ID has none.
    """
    if len(code) == _OLD_NUMBER_LENGTH:
        return is_old_citizen_id(code) and registration_check_digit(code[:-1]) != code[-1]
    if not is_citizen_number(code):
        return False
    return not (code.startswith("9") and uscc_check_character(code[:-1]) == code[-1])


def _stranger(code: str, alphabet: str) -> Flaw | None:
    for place, character in enumerate(code, start=1):
        if character not in alphabet:
            shown = character if character in _LETTERS_AND_DIGITS else f"U+{ord(character):04X}"
            return Flaw(
                reason="format",
                hint=f"character {place} ({shown}) cannot occur here; look for a look-alike (O for"
                " 0, I for 1) or an invisible character",
            )
    return None


def _uscc_flaw(code: str) -> Flaw | None:
    if uscc_check_character(code[:-1]) == code[-1]:
        return None
    return Flaw(
        reason="check-digit",
        hint="the last character does not fit the other 17: one is mistyped, or two are swapped;"
        " pilot codes from before the standard fail this check though they are in force: send the"
        " organisation code or the registration number of the holder instead",
    )


def _uscc_warnings(code: str) -> tuple[str, ...]:
    body, check = code[8:16], code[16]
    found = {
        "unknown-department": code[0] not in _DEPARTMENTS,
        "organisation-check": organisation_check_character(body) != check,
    }
    return tuple(word for word, holds in found.items() if holds)


def _organisation_flaw(code: str) -> Flaw | None:
    if organisation_check_character(code[:-1]) == code[-1]:
        return None
    return Flaw(
        reason="check-digit",
        hint="the last character does not fit the other 8: one is mistyped, or two are swapped",
    )


def _registration_warnings(code: str) -> tuple[str, ...]:
    # Thirteen digits, the form before 2007, had no check digit.
    has_check_digit = len(code) == _OLD_NUMBER_LENGTH
    fails = has_check_digit and registration_check_digit(code[:-1]) != code[-1]
    return ("registration-check",) if fails else ()


USCC_FORM: Final = Form(
    name="a credit code",
    lengths=(18,),
    alphabet=USCC_ALPHABET,
    pattern=re.compile(rf"[{USCC_ALPHABET}]{{2}}[0-9]{{6}}[{USCC_ALPHABET}]{{10}}"),
    check=_uscc_flaw,
    warnings=_uscc_warnings,
)
ORGANISATION_CODE_FORM: Final = Form(
    name="an organisation code",
    lengths=(9,),
    alphabet=_LETTERS_AND_DIGITS,
    pattern=re.compile(r"[0-9A-Z]{8}[0-9X]"),
    check=_organisation_flaw,
)
REGISTRATION_NUMBER_FORM: Final = Form(
    name="a registration number",
    lengths=(13, _OLD_NUMBER_LENGTH),
    pattern=re.compile(r"[0-9]{13}(?:[0-9]{2})?"),
    warnings=_registration_warnings,
)
AGENCY_CODE_FORM: Final = Form(name="an agency code", lengths=(5,), pattern=re.compile(r"[0-9]{5}"))
AGENT_CERTIFICATE_FORM: Final = Form(
    name="an agent certificate number", lengths=(7,), pattern=re.compile(r"[0-9]{7}")
)
