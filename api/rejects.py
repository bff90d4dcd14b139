"""The rejects file: the rows of a file of which nothing was recorded, to be mended and sent again.

It has the columns of the file in their order and the cells as they were sent, whatever stands in
them, and one column more that says what is wrong. It belongs to who sent the file: mode 0600.
"""

import csv
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .importers import PROBLEM_TITLE, Columns, Rejected

__all__ = ["NoPlaceForRejects", "RejectsFile", "default_path"]

_STEM_MAX: Final = 60
_DIGITS_SHOWN: Final = 12


class NoPlaceForRejects(RuntimeError):
    """The rejected rows could not be kept where they should be; nothing was recorded."""


def default_path(folder: Path, source: Path, digest: str) -> Path:
    """Where the rejected rows of a file go if nothing else is said: one place for one content."""
    digits = digest.removeprefix("sha256:")[:_DIGITS_SHOWN]
    return folder / f"{source.stem[:_STEM_MAX]}-{digits}.csv"


class RejectsFile:
    """A file that comes to its place at the end, complete, and only if a row was rejected.

    Used as a context: after an error nothing is left of it, and what stood in its place stays.
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        """Prepare the file beside its place.

        Raises:
            NoPlaceForRejects: nothing can be written there.
        """
        self.path = path
        self.rows = 0
        self._columns = columns
        try:
            # `mkstemp` makes what only its owner may read.
            handle, name = tempfile.mkstemp(prefix=".rejects-", dir=path.parent)
        except OSError as error:
            raise NoPlaceForRejects(f"{path} cannot be written: {error.strerror}") from error
        self._draft = Path(name)
        self._file = open(handle, "w", encoding="utf-8-sig", newline="")  # noqa: SIM115, PTH123  # closed in `__exit__`; the handle is all there is
        self._writer = csv.writer(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if kind is None and self.rows:
            self._draft.replace(self.path)
            return
        with suppress(FileNotFoundError):
            self._draft.unlink()

    def add(self, rejected: Rejected) -> None:
        """Keep a row; what it has beyond the titles stands behind the column that says why."""
        if not self.rows:
            self._writer.writerow((*self._columns.titles, PROBLEM_TITLE))
        self.rows += 1
        titles = len(self._columns.titles)
        cells = (*rejected.cells[:titles], *("",) * (titles - len(rejected.cells)))
        self._writer.writerow((*cells, _why(rejected), *rejected.cells[titles:]))

    def flush(self) -> None:
        """Bring what was added to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())


def _why(rejected: Rejected) -> str:
    said = (
        f"{problem.column or '行'}: {problem.message} ({problem.code})"
        for problem in rejected.problems
    )
    return " ".join(part for part in ("; ".join(said), rejected.mark) if part)
