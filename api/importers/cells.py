"""What is written in a cell: null words, days, amounts and texts, in the spellings met in files."""

import re
import unicodedata
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from ledger.citizen_id import is_citizen_id, resembles_citizen_id
from ledger.codes import canonical
from ledger.folding import BODY_NAME_MAX, name_problems
from ledger.values import Yuan, yuan, yuan_from_wan

__all__ = [
    "BrokenCell",
    "Unit",
    "amount",
    "check_name",
    "check_text",
    "day",
    "end_day",
    "filled",
    "shown",
    "unwrapped",
]

LINE_MAX: Final = 512
TEXT_MAX: Final = 5_000
DOCUMENT_NUMBER_MAX: Final = 200

_SHOWN_MAX: Final = 200
_FORMULA_OF_TEXT: Final = re.compile(r'="([^"]*)"')
"""How sheets are kept from taking a code for a number: ="0123"."""
_MARK_OF_TEXT: Final = re.compile(r"'(?=[0-9=+@-])")
"""The sign before a cell that is text though it looks like a number or a formula."""
_NULL_WORD_MAX: Final = 8
_NULL_WORDS: Final = frozenset(
    {"无", "暂无", "空", "/", "\\", "null", "(null)", "\\n", "none", "n/a", "nan"}
)
_DASHES: Final = frozenset("-_\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2500\u2501\u30fc")

_DAY: Final = re.compile(
    r"([0-9]{4})(?:-([0-9]{1,2})-([0-9]{1,2})|/([0-9]{1,2})/([0-9]{1,2})"
    r"|\.([0-9]{1,2})\.([0-9]{1,2})|年([0-9]{1,2})月([0-9]{1,2})日|([0-9]{2})([0-9]{2}))"
    r"(?:[T ]+(?:[01]?[0-9]|2[0-3]):[0-5]?[0-9](?::[0-5]?[0-9](?:\.[0-9]{1,9})?)?)?"
)
_SERIAL: Final = re.compile(r"[2-5][0-9]{4}(?:\.0+)?")
_SERIAL_BEGINS: Final = date(1899, 12, 30)
"""A sheet counts days from here, unless it was made on an old Macintosh."""

_UNKNOWN_DAYS: Final = frozenset({date(1970, 1, 1), date(1, 1, 1)})
_NO_END_DAY: Final = date(2099, 12, 31)
_NO_END_YEAR: Final = 9999
_NO_END_WORDS: Final = frozenset({"长期", "永久", "长期有效", "永久有效", "无固定期限", "无期限"})

_AMOUNT: Final = re.compile(
    r"[¥￥]?([0-9]{1,3}(?:,[0-9]{3}){1,5}(?:\.[0-9]{1,20})?|[0-9]{1,18}(?:\.[0-9]{1,20})?(?:E-0?[0-9])?)"
    r"(万元|万|元)?"
)
_YUAN_LIMIT: Final = Decimal(10) ** 15

_LINE: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_TEXT: Final = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")
_ORDINARY_NAME: Final = re.compile(r"[\u4e00-\u9fa5A-Za-z0-9()（）·&]{1,200}")
_PERSON_NUMBER: Final = re.compile(r"(?<![\dA-Za-z])\d{17}[\dXxＸｘ](?![\dA-Za-z])")
_PERSON_NAME: Final = re.compile(r"[\u3400-\u9fff]{2,4}|[\u3400-\u9fff]+·[\u3400-\u9fff·]+")
"""What may be the name of a person where a row is shifted by a cell."""


class Unit(StrEnum):
    """In what an amount is given."""

    WAN = "万元"
    YUAN = "元"


class BrokenCell(ValueError):
    """What stands in a cell cannot be what its column is about."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(f"{code}: {message}")


def unwrapped(cell: str) -> str:
    """The text of a cell without space around it and without what marks it as text for a sheet."""
    text = cell.strip()
    if text.startswith("="):
        formula = _FORMULA_OF_TEXT.fullmatch(text)
        return text if formula is None else formula.group(1).strip()
    return _MARK_OF_TEXT.sub("", text, count=1) if text.startswith("'") else text


def filled(cell: str) -> str | None:
    """The text of a cell as `unwrapped` gives it; None where it is empty or a null word."""
    text = unwrapped(cell)
    if not text or (len(text) <= _NULL_WORD_MAX and _is_null_word(text)):
        return None
    return text


def shown(text: str) -> str | None:
    """A cell as a problem may show it; None where it may be the number or name of a person."""
    if resembles_citizen_id(canonical(text)) or _PERSON_NAME.fullmatch(text):
        return None
    return text[:_SHOWN_MAX]


@lru_cache(maxsize=65_536)
def day(text: str) -> date | None:
    """The civil day that a cell says; None where it stands for «unknown» (1970-01-01, 0001-01-01).

    Read are 2017-7-7, 2017/7/7, 2017.7.7, 2017年7月7日, 20170707, each also with a time of day
    without offset, and the number by which a sheet counts its days.

    Raises:
        BrokenCell: `invalid-date`.
    """
    found = _civil_day(text)
    return None if found in _UNKNOWN_DAYS else found


@lru_cache(maxsize=65_536)
def end_day(text: str) -> date | None:
    """The last or the ending day that a cell says; None for «no end» and for «unknown».

    No end are 2099-12-31, any day of the year 9999, and words such as 长期.

    Raises:
        BrokenCell: `invalid-date`.
    """
    if text in _NO_END_WORDS:
        return None
    found = day(text)
    if found is None or found == _NO_END_DAY or found.year == _NO_END_YEAR:
        return None
    return found


def amount(text: str, *, unit: Unit | None) -> Yuan | None:
    """The amount that a cell says, in yuan: exact to six decimals of 万元, or to the cent.

    A unit written in the cell counts for more than `unit`, that of the title. None where neither
    says one: to take the wrong one would be wrong by four digits.

    Raises:
        BrokenCell: `invalid-amount`.
    """
    match = _AMOUNT.fullmatch("".join(unicodedata.normalize("NFKC", text).split()).upper())
    if match is None:
        raise BrokenCell(
            "invalid-amount",
            "no amount; write digits with a point, such as 0.2, at most six decimals of 万元",
        )
    number, written = Decimal(match.group(1).replace(",", "")), match.group(2)
    if written is not None:
        unit = Unit.YUAN if written == "元" else Unit.WAN
    try:
        found = yuan_from_wan(number) if unit is Unit.WAN else yuan(number)
    except ValueError as error:
        raise BrokenCell(
            "invalid-amount", "finer than six decimals of 万元 or a cent, or beyond all measure"
        ) from error
    if found >= _YUAN_LIMIT:
        raise BrokenCell("invalid-amount", f"an amount is less than {_YUAN_LIMIT} yuan")
    return None if unit is None else found


def check_name(text: str) -> None:
    """Refuse a name that cannot be recorded; `code` is the first of its problems.

    Raises:
        BrokenCell: as `ledger.folding.name_problems` says, or `personal-number`.
    """
    if _ORDINARY_NAME.fullmatch(text) is None:
        for problem in name_problems(text, BODY_NAME_MAX):
            raise BrokenCell(problem.reason, problem.hint)
    check_no_person_number(text)


def check_text(text: str, length_max: int) -> None:
    """Refuse text that its field cannot hold: too long, or with characters that cannot be stored.

    Raises:
        BrokenCell: `too-long`, `control-character`, `personal-number`.
    """
    if len(text) > length_max:
        raise BrokenCell("too-long", f"{len(text)} characters; at most {length_max} are allowed")
    form = _TEXT if length_max == TEXT_MAX else _LINE
    if form.fullmatch(text) is None:
        raise BrokenCell("control-character", "an invisible control stands here; take it out")
    check_no_person_number(text)


def check_no_person_number(text: str) -> None:
    """Refuse text in which the number of a natural person stands: a log forgets nothing.

    Raises:
        BrokenCell: `personal-number`.
    """
    for match in _PERSON_NUMBER.finditer(text):
        number = unicodedata.normalize("NFKC", match.group())
        # What begins with 9 is a credit code: no province has that number.
        if not number.startswith("9") and is_citizen_id(number):
            raise BrokenCell(
                "personal-number", "the text holds the number of a natural person; take it out"
            )


@lru_cache(maxsize=4096)
def _is_null_word(text: str) -> bool:
    bare = "".join(unicodedata.normalize("NFKC", text).split()).casefold()
    return bare in _NULL_WORDS or all(character in _DASHES for character in bare)


def _civil_day(text: str) -> date:
    written = text if text.isascii() else unicodedata.normalize("NFKC", text)
    match = _DAY.fullmatch(written.strip())
    if match is None:
        if _SERIAL.fullmatch(written):
            return _SERIAL_BEGINS + timedelta(days=int(written.split(".")[0]))
        raise BrokenCell("invalid-date", "no day; write YYYY-MM-DD, without offset")
    year, month, of_month = (int(part) for part in match.groups() if part is not None)
    try:
        return date(year, month, of_month)
    except ValueError as error:
        raise BrokenCell("invalid-date", "the calendar has no such day") from error
