"""A table of a TOML file, read key by key, that notes every wrong value with its place.

A getter that meets a wrong value notes the problem and gives a value of the right type that stands
in for it, so that reading goes on and all problems of a file are found at once. Whoever reads must
therefore look at the problems before using what was read.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar

from .values import Points, points

__all__ = ["ID_FORM", "LINE_MAX", "EditionProblem", "Table", "refuse_repeated", "shown"]

LINE_MAX: Final = 512
"""The longest text that a term may carry, in code points."""
ID_FORM: Final = re.compile(r"(?=.{1,64}\Z)[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*")
"""The form of every id but those of acts: one that can stand in a regime's name and in a path."""

_ID_RULE: Final = "write 1 to 64 of a-z 0-9 . _ / -, each part beginning with a letter or digit"
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")
_SHOWN_MAX: Final = 60
_STAND_IN_DAY: Final = date(1, 1, 1)
_NAMED: Final[Mapping[type, str]] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    Decimal: "a number",
    date: "a day YYYY-MM-DD, without quotes or time",
    dict: "a table",
    list: "an array",
}

_T = TypeVar("_T")
_WordT = TypeVar("_WordT", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class EditionProblem:
    """What is wrong in an edition, and where: `regime[0].indicator[2].points.from`."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Table:
    """One table at its place; `problems` is shared by all tables of a file."""

    values: Mapping[str, Any]
    place: str
    problems: list[EditionProblem]
    _asked: set[str] = field(default_factory=set)

    def refuse(self, key: str, message: str) -> None:
        """Note a problem of `key`; an empty key means the table itself."""
        self.problems.append(EditionProblem(self.at(key), message))

    def at(self, key: str) -> str:
        """The place of a key of this table."""
        return ".".join(part for part in (self.place, key) if part) or "edition"

    def has(self, key: str) -> bool:
        """Whether the key is written, be its value right or wrong; the key counts as known."""
        self._asked.add(key)
        return key in self.values

    def finish(self) -> None:
        """Refuse every key that nobody asked for."""
        known = ", ".join(sorted(self._asked))
        for key in self.values:
            if key not in self._asked:
                self.refuse(_key_shown(key), f"unknown key; known here: {known}")

    def text(self, key: str) -> str:
        """A text that must be there."""
        return self._needed(key, self.text_or_none(key), "")

    def text_or_none(self, key: str) -> str | None:
        """A text of one line, not blank, at most `LINE_MAX` code points; None if absent."""
        return self._line(key, self._typed(key, str))

    def texts(self, key: str, what: str) -> tuple[str, ...]:
        """An array of at least one text, each at most once."""
        values = self._needed(key, self._typed(key, list), None)
        if values is None:
            return ()
        if not values:
            self.refuse(key, f"is empty; write at least one {what}")
        texts = tuple(
            text
            for place, value in enumerate(values)
            if (text := self._line(f"{key}[{place}]", self._checked(f"{key}[{place}]", value, str)))
        )
        self._refuse_repeated(key, values)
        return texts

    def text_or_texts(self, key: str, what: str) -> tuple[str, ...]:
        """A text, or an array of them; empty if absent."""
        if not self.has(key):
            return ()
        if isinstance(self.values[key], list):
            return self.texts(key, what)
        text = self.text(key)
        return (text,) if text else ()

    def id(self, key: str) -> str:
        """An id of `ID_FORM` that must be there."""
        return self._needed(key, self.id_or_none(key), "")

    def id_or_none(self, key: str) -> str | None:
        """An id of `ID_FORM`; None if absent."""
        value = self._typed(key, str)
        if value is not None and not ID_FORM.fullmatch(value):
            self.refuse(key, f"{shown(value)} is no id; {_ID_RULE}")
            return None
        return value

    def word(self, key: str, words: type[_WordT]) -> _WordT:
        """One of the words of an enumeration; it must be there."""
        value = self._typed(key, str)
        if value is None:
            return self._needed(key, None, next(iter(words)))
        for known in words:
            if known.value == value:
                return known
        self.refuse(key, f"{shown(value)} is unknown; write one of {', '.join(words)}")
        return next(iter(words))

    def choice(self, key: str, words: tuple[str, ...], default: str | None = None) -> str:
        """One of a few words; without `default` it must be there.

        What is noted as wrong comes back as it is, or as the empty word.
        """
        value = self._typed(key, str)
        if value is None:
            if default is not None:
                return default
            return self._needed(key, None, "")
        if value not in words:
            self.refuse(key, f"{shown(value)} is unknown; write one of {', '.join(words)}")
        return value

    def flag(self, key: str, *, default: bool | None = None) -> bool:
        """A truth value; without `default` it must be there."""
        value = self._typed(key, bool)
        if value is None and default is not None:
            return default
        return self._needed(key, value, False)  # noqa: FBT003  # the value that stands in

    def whole(self, key: str, least: int, most: int) -> int:
        """A whole number within limits; it must be there."""
        value = self._needed(key, self._typed(key, int), least)
        if not least <= value <= most:
            limits = f"{least} to {most}" if least < most else str(least)
            self.refuse(key, f"{shown(value)} is out of range; write {limits}")
            return least
        return value

    def number(self, key: str) -> Points:
        """A finite decimal of at most 9 digits and 6 decimals; it must be there."""
        return self._needed(key, self.number_or_none(key), Points(Decimal(0)))

    def number_or_none(self, key: str) -> Points | None:
        """A finite decimal of at most 9 digits and 6 decimals; None if absent."""
        if not self.has(key):
            return None
        value = self.values[key]
        if type(value) is not int:
            value = self._checked(key, value, Decimal)
        if value is None:
            return None
        try:
            return points(Decimal(value))
        except ValueError:
            self.refuse(
                key, f"{shown(value)} is out of range; write at most 9 digits and 6 decimals"
            )
            return None

    def day(self, key: str) -> date:
        """A civil day that must be there."""
        return self._needed(key, self.day_or_none(key), _STAND_IN_DAY)

    def day_or_none(self, key: str) -> date | None:
        """A civil day; None if absent."""
        return self._typed(key, date)

    def table(self, key: str) -> "Table | None":
        """A table that must be there; None stands in for one that is missing or no table."""
        return self._needed(key, self.table_or_none(key), None)

    def table_or_none(self, key: str) -> "Table | None":
        """A table; None if absent or no table."""
        value = self._typed(key, dict)
        return None if value is None else Table(value, self.at(key), self.problems)

    def entries(self) -> Iterator[tuple[str, "Table"]]:
        """The tables that this table names; every key is the name of one."""
        for key in self.values:
            name = _key_shown(key)
            value = self._checked(name, self.values[key], dict)
            if value is not None:
                yield key, Table(value, self.at(name), self.problems)

    def tables(self, key: str) -> tuple["Table", ...]:
        """The tables of an array; empty if absent."""
        values = self._typed(key, list)
        return tuple(
            Table(table, self.at(f"{key}[{place}]"), self.problems)
            for place, value in enumerate(values or ())
            if (table := self._checked(f"{key}[{place}]", value, dict)) is not None
        )

    def _typed(self, key: str, kind: type[_T]) -> _T | None:
        if not self.has(key):
            return None
        return self._checked(key, self.values[key], kind)

    def _checked(self, key: str, value: object, kind: type[_T]) -> _T | None:
        """The value if it is exactly of this type: a truth value is no number, a time no day."""
        if type(value) is kind:
            return value
        self.refuse(key, f"{shown(value)} is not {_NAMED[kind]}")
        return None

    def _needed(self, key: str, value: _T | None, stand_in: _T) -> _T:
        if value is not None:
            return value
        if key not in self.values:
            self.refuse(key, "is missing")
        return stand_in

    def _line(self, key: str, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.strip() or len(value) > LINE_MAX or _CONTROL.search(value):
            self.refuse(
                key,
                f"{shown(value)} is no line of text; write 1 to {LINE_MAX} characters, not all"
                " blank, without control characters",
            )
            return None
        return value

    def _refuse_repeated(self, key: str, values: list[object]) -> None:
        for place, value in enumerate(values):
            if value in values[:place]:
                self.refuse(f"{key}[{place}]", f"{shown(value)} stands here twice; keep one")


def shown(value: object) -> str:
    """A value as a message shows it: short, and never raising."""
    match value:
        case dict():
            return "a table"
        case list():
            return "an array"
        case bool():
            return "true" if value else "false"
        case int() if abs(value) >= 10**18:
            return "a number of more than 18 digits"
        case _:
            text = repr(value) if isinstance(value, str) else str(value)
            return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


def refuse_repeated(tables: tuple[Table, ...], key: str) -> None:
    """Refuse each table whose `key` repeats that of one before it."""
    values = [table.values.get(key) for table in tables]
    for place, value in enumerate(values):
        if isinstance(value, str) and value in values[:place]:
            tables[place].refuse(key, f"{shown(value)} stands there already; each needs its own")


def _key_shown(key: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key):
        return key
    return shown(key)
