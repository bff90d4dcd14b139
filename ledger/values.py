"""The kinds of text, number and name that commands and events are made of.

Each is a distinct type, so that one cannot be passed for another, and so that every way in can bind
one set of limits to one name (`api/schemas.py`). The values themselves are plain strings and
decimals.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NewType

__all__ = [
    "ActId",
    "Digest",
    "DocumentNumber",
    "EditionId",
    "EventId",
    "FileRow",
    "IndicatorId",
    "Line",
    "ListId",
    "Name",
    "Points",
    "RegimeId",
    "RegionCode",
    "Role",
    "RulebookId",
    "Text",
    "Yuan",
    "plain",
    "points",
    "yuan",
    "yuan_from_wan",
]

Name = NewType("Name", str)
"""The name of a body or a person as sent, at most 200 code points."""
Line = NewType("Line", str)
"""One line of free text, at most 512 code points."""
Text = NewType("Text", str)
"""Free text with line breaks, at most 5 000 code points."""
DocumentNumber = NewType("DocumentNumber", str)
"""A document's number (文号) as sent; compared by `folding.fold_document_number`."""
Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hexadecimal digits."""
RegionCode = NewType("RegionCode", str)
"""Six digits of GB/T 2260."""
Yuan = NewType("Yuan", Decimal)
"""An amount in yuan with exactly two decimals."""
Points = NewType("Points", Decimal)
"""Points of a scoring regime, without trailing zeros."""
EventId = NewType("EventId", str)
"""The id of a record.

A UUID in lower-case text. A fact is named by the id of the event that opened it.
"""
ListId = NewType("ListId", str)
RulebookId = NewType("RulebookId", str)
"""A body of rules that lives through its editions: `cnipa-credit`, `demo/enterprise`."""
EditionId = NewType("EditionId", str)
"""One dated text of a rulebook: `cnipa-2022-8`."""
RegimeId = NewType("RegimeId", str)
"""`rulebook/regime`, the same over all editions: `pa-rating/agency`."""
IndicatorId = NewType("IndicatorId", str)
ActId = NewType("ActId", str)
"""What a determination finds, as its edition names it: `ABNORMAL_PATENT_FILING`."""
Role = NewType("Role", str)
"""What a subject acts as: `patent-agency`, `trademark-agency`, `patent-agent` …"""

_CENT = Decimal("0.01")
_WAN_DIGITS = Decimal("0.000001")
_LARGEST = Decimal(10) ** 15


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """Where in a file a fact was read.

    The file's SHA-256 and the sheet row (the title row is 1).
    """

    file: Digest
    row: int


def yuan(text: str | Decimal) -> Yuan:
    """An amount in yuan, exact to the cent.

    Raises:
        ValueError: not a finite, non-negative number, or finer than a cent.
    """
    return Yuan(_exact(text, _CENT, "yuan"))


def yuan_from_wan(text: str | Decimal) -> Yuan:
    """An amount given in 万元 (ten thousand yuan) with up to six decimals, in yuan.

    Raises:
        ValueError: not a finite, non-negative number, or finer than six decimals of 万元.
    """
    return Yuan((_exact(text, _WAN_DIGITS, "万元") * 10_000).quantize(_CENT))


def points(text: str | Decimal) -> Points:
    """Points without trailing zeros; never negative zero.

    Raises:
        ValueError: not a finite number of at most nine digits before and six behind the point.
    """
    number = _finite(text)
    if abs(number) >= Decimal(10) ** 9 or number != number.quantize(_WAN_DIGITS):
        message = f"{text} is not a number of points: at most 9 digits and 6 decimals"
        raise ValueError(message)
    return Points(plain(number))


def plain(number: Decimal) -> Decimal:
    """The same number without exponent, trailing zeros or a sign on zero."""
    if not number:
        return Decimal(0)
    short = number.normalize()
    return short.quantize(Decimal(1)) if short.as_tuple().exponent > 0 else short  # type: ignore[operator]  # finite


def _exact(text: str | Decimal, unit: Decimal, name: str) -> Decimal:
    number = _finite(text)
    if number < 0 or number >= _LARGEST:
        message = f"{text} is not an amount in {name}: from 0 to less than {_LARGEST}"
        raise ValueError(message)
    rounded = number.quantize(unit)
    if rounded != number:
        message = f"{text} is finer than {unit} {name}"
        raise ValueError(message)
    return rounded.copy_abs()


def _finite(text: str | Decimal) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        message = f"{text!r} is not a number"
        raise ValueError(message)
    return number
