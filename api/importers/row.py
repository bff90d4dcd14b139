"""One row as it is read: each cell by its field, and what is wrong or odd in it, collected."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from ledger.folding import name_warnings
from ledger.values import DocumentNumber, Line, Name, Text, Yuan

from .cells import (
    DOCUMENT_NUMBER_MAX,
    LINE_MAX,
    TEXT_MAX,
    BrokenCell,
    Unit,
    amount,
    check_name,
    check_text,
    day,
    end_day,
    filled,
    shown,
    unwrapped,
)
from .planned import Problem, Rejected, cell_address
from .titles import Columns, Field

__all__ = ["Row"]

_PERSON: Final = "the row is about a natural person; natural persons are not recorded yet"
_SURPLUS: Final = (
    "the row has more cells than the file has titles; look for a delimiter inside a cell,"
    " and put that cell in quotation marks"
)
_MISSING: Final = "the row has fewer cells than most others; those at the end are taken as empty"
_NAME_WARNINGS: Final = {
    "separator": "another dot than · stands in the name; they are taken for one when comparing",
    "invisible-character": "an invisible character stands in the name; it is left out when"
    " comparing",
    "leading-control": "a tab or carriage return stands before the name; it is left out when"
    " comparing",
}


class Row:
    """A row under its columns; reading a broken cell notes the problem and answers None."""

    def __init__(self, number: int, cells: Sequence[str], columns: Columns, *, width: int) -> None:
        """Take the cells as sent; `width` is how many most rows of the file have.

        A row that lost its last cells is filled up with empty ones; one with more than titles is
        noted as a problem, for then nobody knows which of them stands under which title.
        """
        missing = len(columns.all_titles) - len(cells)
        self.number = number
        self.cells = (*cells, *("",) * missing)
        self.columns = columns
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._sent = tuple(cells)
        if missing < 0:
            self._check_surplus(-missing)
        elif missing > 0 and len(cells) < width:
            self.warn(len(cells), "cells-missing", _MISSING)

    def kept_cells(self) -> tuple[str, ...]:
        """The cells as sent, without those of a column `问题`; surplus ones stand at the end."""
        kept = self.columns.kept
        if kept is None:
            return self._sent
        surplus = self.cells[len(self.columns.all_titles) :]
        return (*(self.cells[index] for index in kept), *surplus)

    def rejected(self, mark: str = "") -> Rejected:
        """The row as rejected for the problems that were found."""
        return Rejected(
            row=self.number, cells=self.kept_cells(), problems=tuple(self.problems), mark=mark
        )

    def note(self, index: int | None, code: str, message: str, *, value: str | None = None) -> None:
        """Note a problem of the cell in a column, or of the row where there is none."""
        self.problems.append(self._about(index, code, message, value))

    def warn(self, index: int | None, code: str, message: str, *, value: str | None = None) -> None:
        """Note what is odd in a cell and accepted all the same."""
        self.warnings.append(self._about(index, code, message, value))

    def note_person(self, index: int | None) -> None:
        """Note that the row is about a natural person: then nothing else is said of it."""
        self.problems.clear()
        self.note(index, "natural-person", _PERSON)

    def filled(self, field: Field) -> list[tuple[int, str]]:
        """The filled cells of a field: each column and its text."""
        found = []
        for index in self.columns.at.get(field, ()):
            text = filled(self.cells[index])
            if text is not None:
                found.append((index, text))
        return found

    def one(self, field: Field) -> tuple[int, str] | None:
        """The one filled cell of a field; two columns that say different things are a problem."""
        indices = self.columns.at.get(field)
        if indices is None:
            return None
        if len(indices) == 1:
            text = filled(self.cells[indices[0]])
            return None if text is None else (indices[0], text)
        found = self.filled(field)
        for index, text in found[1:]:
            if text != found[0][1]:
                other = self._title(found[0][0])
                message = f"this column and {other} mean the same and differ; leave one"
                self.note(index, "columns-disagree", message, value=shown(text))
                return None
        return found[0] if found else None

    def name(self, field: Field) -> Name | None:
        """The name of a body; a problem with it never shows it, for it may be a person's."""
        found = self.one(field)
        if found is None:
            return None
        try:
            check_name(found[1])
        except BrokenCell as broken:
            self.note(found[0], broken.code, broken.message)
        if not found[1].isalnum():
            for word in name_warnings(found[1]):
                self.warn(found[0], word, _NAME_WARNINGS[word])
        return Name(found[1])

    def text(self, field: Field) -> Text | None:
        """Free text; that of several columns of the field stands together, a line each."""
        if field not in self.columns.at:
            return None
        pieces = dict.fromkeys(text for _, text in self.filled(field))
        if not pieces:
            return None
        text = "\n".join(pieces)
        self._check(self.columns.at[field][0], text, TEXT_MAX)
        return Text(text)

    def line(self, field: Field) -> Line | None:
        """One line of free text."""
        text = self._sound(field, LINE_MAX)
        return None if text is None else Line(text)

    def document_number(self, field: Field) -> DocumentNumber | None:
        """The number of a document, as sent."""
        text = self._sound(field, DOCUMENT_NUMBER_MAX)
        return None if text is None else DocumentNumber(text)

    def day(self, field: Field) -> date | None:
        """A day on which something happened."""
        found = self.one(field)
        try:
            return None if found is None else day(found[1])
        except BrokenCell as broken:
            self._broken(found, broken)
            return None

    def end_day(self, field: Field) -> date | None:
        """A day on which something ends; None is no end, or unknown."""
        found = self.one(field)
        try:
            return None if found is None else end_day(found[1])
        except BrokenCell as broken:
            self._broken(found, broken)
            return None

    def amount(self, field: Field, unit: Unit | None) -> Yuan | None:
        """An amount in yuan; None too where neither `unit` nor the cell says in what it is."""
        found = self.one(field)
        try:
            return None if found is None else amount(found[1], unit=unit)
        except BrokenCell as broken:
            self._broken(found, broken)
            return None

    def _check_surplus(self, surplus: int) -> None:
        titles = len(self.columns.all_titles)
        if any(unwrapped(cell) for cell in self.cells[-surplus:]):
            self.note(titles, "surplus-cells", _SURPLUS)

    def _sound(self, field: Field, length_max: int) -> str | None:
        found = self.one(field)
        if found is None:
            return None
        self._check(*found, length_max)
        return found[1]

    def _check(self, index: int, text: str, length_max: int) -> None:
        try:
            check_text(text, length_max)
        except BrokenCell as broken:
            value = None if broken.code == "personal-number" else shown(text)
            self.note(index, broken.code, broken.message, value=value)

    def _broken(self, found: tuple[int, str] | None, broken: BrokenCell) -> None:
        assert found is not None, "there was a cell to read"
        self.note(found[0], broken.code, broken.message, value=shown(found[1]))

    def _about(self, index: int | None, code: str, message: str, value: str | None) -> Problem:
        return Problem(
            row=self.number,
            column=self._title(index),
            cell=None if index is None else cell_address(index, self.number),
            value=value,
            code=code,
            message=message,
        )

    def _title(self, index: int | None) -> str | None:
        if index is None or index >= len(self.columns.all_titles):
            return None
        return self.columns.all_titles[index].strip() or None
