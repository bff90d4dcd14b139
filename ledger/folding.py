"""Names and document numbers: the key under which they are compared, and what spoils a name."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

BODY_NAME_MAX: Final = 200
"""Code points that the name of a body may have, as sent."""
PERSON_NAME_MAX: Final = 50
"""Code points that the name of a person may have, as sent."""
_MARKS_MAX: Final = 4

_OFFICIAL_DOT: Final = "·"
_OTHER_DOTS: Final = "\u30fb\uff65\u2022\uff0e\u2027\u2219\u22c5"
"""Dots met between the parts of a name, where the registers write U+00B7."""

_DOTS: Final = dict.fromkeys(map(ord, _OTHER_DOTS + "."), _OFFICIAL_DOT)
_DASHES: Final = dict.fromkeys(map(ord, "\u2010\u2012\u2013\u2014\u2015\u2212"), "-")
_BRACKETS: Final = {
    **dict.fromkeys(map(ord, "([{<«〈《「『【〖〘〚⟨"), "〔"),
    **dict.fromkeys(map(ord, ")]}>»〉》」』】〗〙〛⟩"), "〕"),
}

_VARIATION_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_MARKS: Final = frozenset({"Mn", "Mc", "Me"})
_INVISIBLE: Final = "Cf"
_BIDI_CONTROLS: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_LEFT_BY_SPREADSHEETS: Final = ("\t", "\r")

_REFUSED_CATEGORIES: Final = {
    "Cc": "control-character",
    "Zl": "control-character",
    "Zp": "control-character",
    "Cs": "surrogate",
    "Co": "private-use",
}
_REMEDIES: Final = {
    "control-character": "a line break, tab or control; take it out",
    "bidi-control": "an invisible change of direction; take it out",
    "surrogate": "half of a character; send the whole one",
    "private-use": "without public meaning; old GB 18030 fonts put rare characters there, so send"
    " the code point that Unicode has given since",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NameProblem:
    """Why a name is refused: the machine word, and a sentence for whoever sent it."""

    reason: str
    hint: str


def fold_name(name: str) -> str:
    """The key under which a name is compared; the name itself is stored as sent.

    Width, case, compatibility ideographs, white space, invisible characters, variation selectors
    and the shape of a dot make no difference. Equal keys only suggest the same body: what
    identifies it is its code.
    """
    return _settled(name, lambda text: _visible(text).translate(_DOTS).casefold())


def fold_document_number(number: str) -> str:
    """The key under which a document number (文号) is unique; the number is stored as sent.

    All brackets around the year are one; so are dashes, width, case and white space.
    """
    return _settled(
        number, lambda text: _visible(text).translate(_BRACKETS).translate(_DASHES).upper()
    )


def name_problems(name: str, limit: int) -> tuple[NameProblem, ...]:
    """Why a name cannot be recorded, each reason once; none if it can.

    Reasons: `empty`, `too-long`, `too-many-marks`, `control-character`, `bidi-control`,
    `surrogate`, `private-use`. A tab or carriage return in front is no problem: it is how
    spreadsheets keep a name from being read as a formula.

    Args:
        name: as sent.
        limit: the code points it may have, `BODY_NAME_MAX` or `PERSON_NAME_MAX`.
    """
    if name.isalnum() and len(name) <= limit:
        return ()  # letters and digits alone, as most names are: nothing here is against them
    return (*_measure_problems(name, limit), *_character_problems(name))


def name_warnings(name: str) -> tuple[str, ...]:
    """What is odd about a name and folded away: machine words, none if nothing is.

    `separator` (another dot than U+00B7 between its parts), `invisible-character`,
    `leading-control`.
    """
    found = {
        "separator": any(character in _OTHER_DOTS for character in name),
        "invisible-character": any(
            unicodedata.category(character) == _INVISIBLE for character in name
        ),
        "leading-control": name.startswith(_LEFT_BY_SPREADSHEETS),
    }
    return tuple(word for word, holds in found.items() if holds)


def _settled(text: str, step: Callable[[str], str]) -> str:
    # One pass may leave what another would fold: taking out a character can join its neighbours.
    while (folded := step(unicodedata.normalize("NFKC", text))) != text:
        text = folded
    return text


def _visible(text: str) -> str:
    if text.isprintable() and not _VARIATION_SELECTORS.search(text):
        return text.replace(" ", "")
    return "".join(
        character
        for character in text
        if not character.isspace()
        and not _VARIATION_SELECTORS.match(character)
        and unicodedata.category(character) not in {_INVISIBLE, "Cc"}
    )


def _measure_problems(name: str, limit: int) -> Iterator[NameProblem]:
    marks = sum(
        unicodedata.category(character) in _MARKS and not _VARIATION_SELECTORS.match(character)
        for character in name
    )
    if not _visible(name):
        yield NameProblem(reason="empty", hint="the name has no visible character; send the name")
    if len(name) > limit:
        hint = f"the name has {len(name)} characters; at most {limit} are allowed"
        yield NameProblem(reason="too-long", hint=hint)
    if marks > _MARKS_MAX:
        hint = (
            f"the name has {marks} combining marks; at most {_MARKS_MAX} are allowed:"
            " send letters with their marks as one character"
        )
        yield NameProblem(reason="too-many-marks", hint=hint)


def _character_problems(name: str) -> Iterator[NameProblem]:
    reported: set[str] = set()
    for place, character in enumerate(name, start=1):
        reason = _why_refused(character)
        left_by_a_spreadsheet = place == 1 and character in _LEFT_BY_SPREADSHEETS
        if reason is None or reason in reported or left_by_a_spreadsheet:
            continue
        reported.add(reason)
        hint = f"character {place} is U+{ord(character):04X}, {_REMEDIES[reason]}"
        yield NameProblem(reason=reason, hint=hint)


def _why_refused(character: str) -> str | None:
    if character in _BIDI_CONTROLS:
        return "bidi-control"
    return _REFUSED_CATEGORIES.get(unicodedata.category(character))
