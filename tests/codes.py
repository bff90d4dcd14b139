"""Builders of invented codes: the division 000000 is never assigned, so none hits a real body."""

from datetime import date

from ledger.codes import (
    citizen_check_character,
    organisation_check_character,
    registration_check_digit,
    uscc_check_character,
)

DIVISION = "000000"

_NUMBERS_MAX = 1_000_000


def synthetic_organisation_code(n: int) -> str:
    """The n-th invented organisation code, with a sound check character."""
    assert 0 <= n < _NUMBERS_MAX, f"invented codes are numbered below {_NUMBERS_MAX}, not {n}"
    body = f"YY{n:06d}"
    return body + organisation_check_character(body)


def synthetic_uscc(n: int, prefix: str = "91") -> str:
    """The n-th invented credit code; its places 9 to 17 are the n-th invented organisation code."""
    body = prefix + DIVISION + synthetic_organisation_code(n)
    return body + uscc_check_character(body)


def synthetic_registration_number(n: int) -> str:
    """The n-th invented registration number of 15 digits, with a sound check digit."""
    body = f"{DIVISION}{n:08d}"
    return body + registration_check_digit(body)


def synthetic_citizen_id(birth: date, serial: int, division: str = DIVISION) -> str:
    """An invented citizen ID with a sound check character."""
    body = f"{division}{birth.year:04d}{birth:%m%d}{serial:03d}"
    return body + citizen_check_character(body)
