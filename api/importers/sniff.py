"""How a file is written: its encoding, its delimiter, and whether it is a whole table at all.

The file is read through once before the first row is planned, so that of a broken one nothing is.
"""

import codecs
import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from ledger.identifiers import examine
from ledger.values import Digest

from .cells import unwrapped
from .planned import FileRefused
from .titles import known_titles

__all__ = ["Layout", "Source", "examine_file", "rows_of"]

COLUMNS_MAX: Final = 1_000
CELL_MAX: Final = 100_000
LINE_MAX: Final = 1 << 24
"""Characters of a line, as many as of all cells of a row together that a sheet could have."""
_CHUNK: Final = 1 << 20
_TITLE_ROWS: Final = 10
_DELIMITERS: Final = ",;\t"
_ENDS_OF_LINE: Final = "\r\n"
_QUOTE: Final = '"'
_UTF8: Final = "utf-8-sig"
_GB: Final = "gb18030"
_SIGNS_OF_UTF8: Final = 8
"""So many characters outside ASCII are not read as UTF-8 by accident before it breaks."""
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How the files of spreadsheet programs begin: .xlsx and .xls."""

Source = Path | bytes
"""A file, or what stands in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a file is written.

    `title_row` is the sheet row of the titles, `rows` how many rows that are not blank follow,
    `width` how many cells most of them have.
    """

    digest: Digest
    encoding: str
    delimiter: str
    title_row: int
    titles: tuple[str, ...]
    rows: int
    width: int


def examine_file(source: Source) -> Layout:
    """Read a file through once.

    Raises:
        FileRefused: `encoding`, `not-csv`, `embedded-nul`, `empty-file`, `unbalanced-quote`,
            `too-many-columns`, `cell-too-long`, `line-too-long`.
    """
    digest, encoding = _digest_and_encoding(source)
    delimiter, title_row, titles = _titles(source, encoding)
    rows, width = _measure(source, encoding, delimiter, title_row, len(titles))
    return Layout(
        digest=digest,
        encoding=encoding,
        delimiter=delimiter,
        title_row=title_row,
        titles=titles,
        rows=rows,
        width=width,
    )


def rows_of(source: Source, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """The rows below the titles that are not blank, each with its sheet row."""
    with _text(source, layout.encoding) as lines:
        for number, cells in enumerate(csv.reader(lines, delimiter=layout.delimiter), start=1):
            if number > layout.title_row and not _is_blank(cells):
                yield number, cells


def _is_blank(cells: Sequence[str]) -> bool:
    return not any(unwrapped(cell) for cell in cells if cell)


@contextmanager
def _bytes(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    with source.open("rb") as file:
        yield file


@contextmanager
def _text(source: Source, encoding: str) -> Iterator[io.TextIOWrapper]:
    with _bytes(source) as file:
        lines = io.TextIOWrapper(file, encoding=encoding, newline="")
        yield lines


# Titles ------------------------------------------------------------------------------------------


def _titles(source: Source, encoding: str) -> tuple[str, int, tuple[str, ...]]:
    """The delimiter, the sheet row of the titles, and the titles.

    That row among the first ones has the most titles that are known, under the delimiter that shows
    the most; of equals the first. Where none is known it is the first row that is not blank.
    """
    most, found = -1, None
    for delimiter in _DELIMITERS:
        for number, cells in enumerate(_first_rows(source, encoding, delimiter), start=1):
            # Another delimiter than that of the file leaves its own between empty cells.
            is_blank = not "".join(cells).strip(f"{_DELIMITERS} ")
            known = -1 if is_blank else known_titles(cells)
            if known > most:
                most, found = known, (delimiter, number, tuple(cells))
    if found is None:
        message = "there is no row in the file; the first one has the titles of the columns"
        raise FileRefused("empty-file", message, row=1)
    return found


def _first_rows(source: Source, encoding: str, delimiter: str) -> Iterator[list[str]]:
    """The rows among which the titles are looked for, as far as they can be read."""
    with _text(source, encoding) as text:
        lines = _Lines(text)
        try:
            for cells in islice(csv.reader(lines, delimiter=delimiter), _TITLE_ROWS):
                yield cells
                lines.end_row()
        except csv.Error:
            return  # `_measure` says where


def _delimiter(lines: Sequence[str]) -> str:
    """The delimiter under which these lines show the most titles; of equals the most cells."""

    def shows(delimiter: str) -> tuple[int, int]:
        rows = [line.split(delimiter) for line in lines]
        titles = (known_titles(cell.strip(_QUOTE) for cell in cells) for cells in rows)
        return max(titles, default=0), sum(map(len, rows))

    return max(_DELIMITERS, key=shows)


# The whole table ---------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lines:
    """The lines of a text for a reader of tables; keeps those of the row that is being read."""

    text: io.TextIOWrapper
    row: int = 1
    kept: list[str] = field(default_factory=list)

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.text.readline(LINE_MAX + 1)
        if not line:
            raise StopIteration
        if len(line) > LINE_MAX:
            message = f"a line has more than {LINE_MAX} characters, so this is no table"
            raise FileRefused("line-too-long", message, row=self.row)
        self.kept.append(line)
        return line

    def end_row(self) -> None:
        """The row is read; what comes belongs to the next one."""
        self.row += 1
        self.kept.clear()


def _measure(
    source: Source, encoding: str, delimiter: str, title_row: int, columns: int
) -> tuple[int, int]:
    """How many rows with something in them follow the titles, and how wide most of them are."""
    widths: Counter[int] = Counter()
    with _text(source, encoding) as text:
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise _broken(lines, delimiter) from error
            if cells is None:
                break
            _check_size(cells, lines.row)
            if len(lines.kept) > 1:
                _check_swallowed(cells, lines.row, delimiter, columns)
            if lines.row > title_row and not _is_blank(cells):
                widths[len(cells)] += 1
            lines.end_row()
    width = widths.most_common(1)[0][0] if widths else columns
    return widths.total(), width


def _check_size(cells: Sequence[str], row: int) -> None:
    if len(cells) > COLUMNS_MAX:
        message = f"the row has {len(cells)} cells; at most {COLUMNS_MAX} are read"
        raise FileRefused("too-many-columns", message, row=row, column=COLUMNS_MAX + 1)
    for column, cell in enumerate(cells, start=1):
        if len(cell) > CELL_MAX:
            message = f"the cell has {len(cell)} characters; at most {CELL_MAX} are read"
            raise FileRefused("cell-too-long", message, row=row, column=column)


def _check_swallowed(cells: Sequence[str], row: int, delimiter: str, columns: int) -> None:
    """Refuse a quotation that runs over whole rows to the next mark that happens to stand right.

    Read as one long text, the rows in it would be lost in silence. A line in a cell is a row if it
    has a cell for each column, and a code of a body in one of them.
    """
    for column, cell in enumerate(cells, start=1):
        for line in cell.splitlines()[1:-1]:
            pieces = line.split(delimiter)
            if len(pieces) == columns and any(examine(piece).valid for piece in pieces):
                raise _unbalanced(row, column)


def _broken(lines: _Lines, delimiter: str) -> FileRefused:
    """What is wrong in the row that could not be read."""
    text = "".join(lines.kept)
    column, is_quoted = _where_reading_ends(text, delimiter)
    if is_quoted:
        return _unbalanced(lines.row, column)
    message = f"the cell has more than {CELL_MAX} characters, which is as much as is read"
    return FileRefused("cell-too-long", message, row=lines.row, column=column)


def _unbalanced(row: int, column: int) -> FileRefused:
    message = (
        "a quotation mark opens here and none closes the cell before a delimiter or a line ends;"
        " write a quotation mark inside a cell twice, and the cell in quotation marks"
    )
    return FileRefused("unbalanced-quote", message, row=row, column=column)


def _where_reading_ends(text: str, delimiter: str) -> tuple[int, bool]:
    """The column in which a row breaks off, from 1, and whether inside or behind a quotation.

    It breaks where a closing quote is followed by text, where a quote is never closed, and where a
    cell is longer than can be read.
    """
    column, begins, place = 1, 0, 0
    while place < len(text):
        if place == begins and text[place] == _QUOTE:
            place = _closing_quote(text, place + 1)
            if text[place + 1 : place + 2] not in {"", delimiter, *_ENDS_OF_LINE}:
                return column, True
            if place >= len(text) or place - begins > CELL_MAX:
                return column, True
            place += 1
            continue
        if text[place] == delimiter:
            column, begins = column + 1, place + 1
        elif place - begins > CELL_MAX:
            return column, False
        place += 1
    return column, False


def _closing_quote(text: str, place: int) -> int:
    """Where the quotation closes that has begun before `place`; the end of the text if nowhere."""
    while True:
        place = text.find(_QUOTE, place)
        if place < 0:
            return len(text)
        if text[place + 1 : place + 2] != _QUOTE:
            return place
        place += 2


# Encoding ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Decoding:
    """How far an encoding reads the file: the byte at which it breaks, and what came before."""

    decoder: codecs.IncrementalDecoder
    read: int = 0
    foreign: int = 0
    breaks_at: int | None = None

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        if self.breaks_at is not None:
            return
        waiting = len(self.decoder.getstate()[0])
        try:
            text = self.decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            self.breaks_at = self.read - waiting + error.start
            text = chunk[: max(0, error.start - waiting)].decode(error.encoding, "ignore")
        self.read += len(chunk)
        if self.foreign < _SIGNS_OF_UTF8 and not text.isascii():
            self.foreign += sum(character > "\x7f" for character in text)


def _digest_and_encoding(source: Source) -> tuple[Digest, str]:
    digest, utf8, gb = hashlib.sha256(), _decoding(_UTF8), _decoding(_GB)
    head, nul_at, read = b"", None, 0
    with _bytes(source) as file:
        while chunk := file.read(_CHUNK):
            head = head or chunk[:4]
            if nul_at is None and (place := chunk.find(b"\0")) >= 0:
                nul_at = read + place
            read += len(chunk)
            digest.update(chunk)
            utf8.feed(chunk)
            gb.feed(chunk)
    utf8.feed(b"", final=True)
    gb.feed(b"", final=True)
    if head.startswith(_WORKBOOKS):
        message = "this is a workbook, no text; save the sheet as CSV UTF-8 and import that"
        raise FileRefused("not-csv", message, row=1)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileRefused("encoding", "the file is UTF-16; save it as CSV UTF-8", row=1)
    encoding = _chosen(source, head, utf8, gb)
    if nul_at is not None:
        row, column = _place(source, encoding, nul_at)
        message = "a NUL stands here, so this is no text; save the sheet as CSV again"
        raise FileRefused("embedded-nul", message, row=row, column=column)
    return Digest(f"sha256:{digest.hexdigest()}"), encoding


def _chosen(source: Source, head: bytes, utf8: _Decoding, gb: _Decoding) -> str:
    if utf8.breaks_at is None:
        return _UTF8
    is_utf8 = head.startswith(codecs.BOM_UTF8) or utf8.foreign >= _SIGNS_OF_UTF8
    if not is_utf8 and gb.breaks_at is None:
        return _GB
    encoding, breaks_at = (_UTF8, utf8.breaks_at) if is_utf8 else (_GB, gb.breaks_at or 0)
    row, column = _place(source, encoding, breaks_at)
    message = "bytes stand here that are neither UTF-8 nor GB18030; save the sheet as CSV UTF-8"
    raise FileRefused("encoding", message, row=row, column=column)


def _decoding(encoding: str) -> _Decoding:
    return _Decoding(decoder=codecs.getincrementaldecoder(encoding)())


def _place(source: Source, encoding: str, offset: int) -> tuple[int, int]:
    """The row and column in which the byte at `offset` stands."""
    with _bytes(source) as file:
        before = file.read(offset)
    text = before.decode(encoding, "replace")
    delimiter = _delimiter(text.splitlines()[:_TITLE_ROWS])
    reader = csv.reader(io.StringIO(f"{text}x", newline=""), delimiter=delimiter)
    row, column = 1, 1
    try:
        for cells in reader:
            row, column = row + 1, len(cells)
    except csv.Error:  # a cell that is longer than can be read: the byte stands in it or behind
        return row, 1
    return row - 1, max(1, column)
