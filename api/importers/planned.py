"""What comes of a row: commands to carry out, or the problems for which it was rejected."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ledger.commands import Command

__all__ = ["FileKind", "FileRefused", "Planned", "Problem", "Rejected", "cell_address"]

_LETTERS = 26


class FileKind(StrEnum):
    """What a file is about."""

    PENALTIES = "penalties"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong in a row, or odd: `row` counts as sheets do, `cell` is as in `C5`.

    `column` is the title as the file has it. `value` is the cell as it was sent, null where it may
    be about a natural person. `message` says what to mend and never repeats the cell.
    """

    row: int
    column: str | None
    cell: str | None
    value: str | None
    code: str
    message: str

    def as_json(self) -> dict[str, object]:
        """The problem as `import --json` prints it."""
        return {
            "row": self.row,
            "column": self.column,
            "cell": self.cell,
            "value": self.value,
            "code": self.code,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A row of which nothing is recorded; `cells` as sent, in the columns of the file.

    `mark` says what the row was told from outside itself, for its next import; else empty.
    """

    row: int
    cells: tuple[str, ...]
    problems: tuple[Problem, ...]
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A row and what it asks for, together or not at all; `commands[0]` registers the subject.

    `sent` is the row as it was sent, `cells` and `mark` are as in `Rejected`; `warnings` say what
    was odd and is accepted all the same.
    """

    row: int
    sent: tuple[str, ...]
    cells: tuple[str, ...]
    commands: tuple[Command, ...]
    warnings: tuple[Problem, ...] = ()
    mark: str = ""

    def rejected(self, *problems: Problem) -> Rejected:
        """This row after all rejected, for what the rules of the ledger said to it."""
        return Rejected(row=self.row, cells=self.cells, problems=problems, mark=self.mark)


class FileRefused(ValueError):
    """The file cannot be read as a table; nothing of it was planned.

    `row` and `column` (both from 1) say where; `cell` is the same as an address.
    """

    def __init__(self, code: str, message: str, *, row: int, column: int = 1) -> None:
        self.code, self.message, self.row, self.column = code, message, row, column
        self.cell = cell_address(column - 1, row)
        super().__init__(f"row {row}, column {column} ({self.cell}): {message}")

    def as_json(self) -> Mapping[str, object]:
        """Where and why, for machines."""
        return {
            "row": self.row,
            "column": self.column,
            "cell": self.cell,
            "code": self.code,
            "message": self.message,
        }


def cell_address(index: int, row: int) -> str:
    """The address of a cell as sheets write it; `index` counts columns from 0."""
    letters = ""
    rest = index + 1
    while rest:
        rest, letter = divmod(rest - 1, _LETTERS)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"
