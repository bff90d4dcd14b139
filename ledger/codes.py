"""The canonical form of a code, and the check characters of the national standards."""

import unicodedata
from collections.abc import Iterable
from operator import mul
from string import ascii_uppercase, digits
from typing import Final

USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The 31 characters of GB 32100: no I, O, S, V, Z, which look like 1, 0, 5, U, 2."""

_USCC_VALUES: Final = {character: value for value, character in enumerate(USCC_ALPHABET)}
_VALUES: Final = {character: int(character, 36) for character in digits + ascii_uppercase}
_USCC_WEIGHTS: Final = tuple(pow(3, place, 31) for place in range(17))
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_CITIZEN_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

_MINUS_SIGN: Final = "\u2212"


def canonical(text: str) -> str:
    """The one spelling under which a code is stored and compared.

    Compatibility forms (full-width digits and letters) are folded, spaces and dashes of every kind
    removed, ASCII letters raised. Everything else stays, so that an invisible or a look-alike
    character spoils the code and is refused, instead of making a second subject in silence.
    """
    if text.isascii():
        return text.replace(" ", "").replace("-", "").upper()
    folded = unicodedata.normalize("NFKC", text)
    return "".join(_raised(character) for character in folded if not _is_filler(character))


def uscc_check_character(body: str) -> str:
    """The 18th character of a unified social credit code, from its first 17.

    Source: GB 32100-2015.
    """
    total = _weighted(map(_USCC_VALUES.__getitem__, body), _USCC_WEIGHTS)
    return USCC_ALPHABET[-total % 31]


def organisation_check_character(body: str) -> str:
    """The 9th character of an organisation code, from its first 8 (digits and A–Z, A counting 10).

    Source: GB 11714-1997.
    """
    total = _weighted(map(_VALUES.__getitem__, body), _ORGANISATION_WEIGHTS)
    return "0123456789X"[-total % 11]


def citizen_check_character(body: str) -> str:
    """The 18th character of a citizen identification number, from its first 17 digits.

    Source: GB 11643-1999.
    """
    return "10X98765432"[_weighted(map(_VALUES.__getitem__, body), _CITIZEN_WEIGHTS) % 11]


def registration_check_digit(body: str) -> str:
    """The 15th digit of a registration number as given since 2007, from its first 14.

    Source: GS 15-2006 (工商行政管理注册号编制规则), by ISO 7064 MOD 11,10.
    """
    product = 10
    for digit in body:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def _weighted(values: Iterable[int], weights: tuple[int, ...]) -> int:
    return sum(map(mul, values, weights))


def _is_filler(character: str) -> bool:
    return character == _MINUS_SIGN or unicodedata.category(character) in {"Zs", "Pd"}


def _raised(character: str) -> str:
    # Raising could turn a letter outside ASCII into one inside (dotless i, long s): a look-alike.
    return character.upper() if character.isascii() else character
