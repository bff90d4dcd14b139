"""What a table of a view is made of, for whoever stores its rows."""

from dataclasses import dataclass
from enum import Enum, auto

__all__ = ["Cell", "Column", "Row", "Table", "TwoTimeTable"]

Cell = object
"""Text, an integer, a date, an exact number, a truth, an instant, bytes or a tuple of texts."""
Row = tuple[Cell, ...]


class Column(Enum):
    """The kinds of column; in `UNTIL` null is written as the day without end, `infinity`."""

    TEXT = auto()
    TEXTS = auto()
    BIGINT = auto()
    INTEGER = auto()
    NUMERIC = auto()
    BOOLEAN = auto()
    DATE = auto()
    UNTIL = auto()
    INSTANT = auto()
    BYTES = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table to which rows are only added. `order` names the columns that tell its rows apart."""

    name: str
    columns: tuple[tuple[str, Column], ...]
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TwoTimeTable:
    """Rows with effective and known times, in `<name>_now` and `<name>_was`.

    A row of the fold holds `columns`; the subject stands before it in the tables, `known_from`
    behind it, and in `_was` the first position at which the row was no longer known. `key` names
    the columns that, with the subject, tell the rows apart that are known at one position.
    """

    name: str
    columns: tuple[tuple[str, Column], ...]
    key: tuple[str, ...]

    @property
    def now(self) -> Table:
        """The rows that are known now."""
        columns = (("subject", Column.TEXT), *self.columns, ("known_from", Column.BIGINT))
        return Table(f"{self.name}_now", columns, ("subject", *self.key))

    @property
    def was(self) -> Table:
        """The rows that were known once."""
        columns = (*self.now.columns, ("known_until", Column.BIGINT))
        return Table(f"{self.name}_was", columns, (*self.now.order, "known_until"))
