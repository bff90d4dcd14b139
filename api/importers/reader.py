"""What a file is about, and each of its rows read as that."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.values import FileRow

from .lists import ListDefaults, plan_listing
from .penalties import plan_penalty
from .planned import FileKind, Planned, Rejected
from .row import Row
from .sniff import Layout
from .titles import Columns, Field

__all__ = ["Reader", "file_kind"]


def file_kind(columns: Columns) -> FileKind:
    """A file with document number and decision date is about penalties, every other is a list."""
    is_penalties = Field.DOCUMENT_NUMBER in columns and Field.DECIDED_ON in columns
    return FileKind.PENALTIES if is_penalties else FileKind.LIST


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How the rows of one file are read; `defaults` hold for the rows of lists."""

    kind: FileKind
    layout: Layout
    columns: Columns
    defaults: ListDefaults

    def plan(self, number: int, cells: Sequence[str]) -> Planned | Rejected:
        """What the row `number` of the sheet asks for, or why nothing of it can be recorded."""
        row = Row(number, cells, self.columns, width=self.layout.width)
        origin = FileRow(file=self.layout.digest, row=number)
        match self.kind:
            case FileKind.PENALTIES:
                return plan_penalty(row, origin)
            case FileKind.LIST:
                return plan_listing(row, origin, self.defaults)
