"""Files in, commands and problems out; pure: nothing here knows a ledger.

`examine_file` reads a file through and refuses what is no whole table; `reader` gives what makes of
each row the commands that it asks for, or the problems for which it is rejected.
"""

from .lists import ListDefaults, NamedList, list_of_file, named_list
from .planned import FileKind, FileRefused, Planned, Problem, Rejected, cell_address
from .reader import Reader, file_kind
from .refusals import problem_of
from .report import Report, Tally, refused_report
from .sniff import Layout, Source, examine_file, rows_of
from .titles import PROBLEM_TITLE, Columns, Field, columns_of

__all__ = [
    "PROBLEM_TITLE",
    "Columns",
    "Field",
    "FileKind",
    "FileRefused",
    "Layout",
    "ListDefaults",
    "NamedList",
    "Planned",
    "Problem",
    "Reader",
    "Rejected",
    "Report",
    "Source",
    "Tally",
    "cell_address",
    "columns_of",
    "examine_file",
    "file_kind",
    "list_of_file",
    "named_list",
    "problem_of",
    "refused_report",
    "rows_of",
]
