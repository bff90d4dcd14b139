"""Recognising the number of a natural person where a code of a body should stand; none is kept."""

import re
from datetime import date
from typing import Final

from .codes import canonical, citizen_check_character

_SHAPE: Final = re.compile(r"[0-9]{17}[0-9X]|[0-9]{15}")
_EMBEDDED: Final = re.compile(r"(?=([0-9]{17}[0-9X]))")
_BESIDE_THE_CODE: Final = re.compile(r"[^0-9A-Z]")

# The core has no clock, so a birth date is plausible in any year of the people on record.
_FIRST_BIRTH_YEAR: Final = 1850
_LAST_BIRTH_YEAR: Final = 2099

_PROVINCE: Final = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
"""The first two digits of an administrative division (GB/T 2260) that has citizens."""

_LENGTH_NOW: Final = 18


def is_citizen_id(text: str) -> bool:
    """Whether a text is a citizen ID: 18 places with date and check character, or 15 old digits.

    The old form has nothing but a date to check, and a registration number has 15 digits too: ask
    this of 15 digits only in a column of persons' numbers.

    Source: GB 11643-1999.
    """
    return why_not_citizen_id(text) is None


def why_not_citizen_id(text: str) -> str | None:
    """`length`, `format`, `birth-date` or `check-digit`; None if the text is a citizen ID.

    Source: GB 11643-1999.
    """
    return _why_not(canonical(text))


def is_citizen_number(number: str) -> bool:
    """Whether a text in canonical form is a citizen ID."""
    return _why_not(number) is None


def is_old_citizen_id(number: str) -> bool:
    """Whether 15 digits in canonical form can be an old citizen ID: a province and a birth date."""
    return (
        len(number) < _LENGTH_NOW
        and _PROVINCE.match(number) is not None
        and _SHAPE.fullmatch(number) is not None
        and _has_birth_date(number)
    )


def resembles_citizen_id(number: str) -> bool:
    """Whether a text in canonical form holds what may be somebody's number, mistyped or hidden.

    A false alarm costs a value not shown; a miss would put a person's number into a log.
    """
    bare = _BESIDE_THE_CODE.sub("", number)
    found = (match.group(1) for match in _EMBEDDED.finditer(bare))
    return is_old_citizen_id(bare) or any(_has_birth_date(candidate) for candidate in found)


def _has_birth_date(number: str) -> bool:
    written = number[6:14] if len(number) == _LENGTH_NOW else f"19{number[6:12]}"
    try:
        born = date(int(written[:4]), int(written[4:6]), int(written[6:]))
    except ValueError:
        return False
    return _FIRST_BIRTH_YEAR <= born.year <= _LAST_BIRTH_YEAR


def _why_not(number: str) -> str | None:
    if len(number) not in {15, _LENGTH_NOW}:
        return "length"
    if not _SHAPE.fullmatch(number):
        return "format"
    if not _has_birth_date(number):
        return "birth-date"
    if len(number) == _LENGTH_NOW and citizen_check_character(number[:-1]) != number[-1]:
        return "check-digit"
    return None
