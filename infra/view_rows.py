"""Rows of the views on their way into PostgreSQL and out of it, as binary as they can be."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from projections.tables import Column, Row, Table

__all__ = ["columns_read", "copy_rows", "delete_rows", "names"]

_DAY_ZERO: Final = date(2000, 1, 1).toordinal()
_INFINITY: Final = 2_147_483_647
"""The day `infinity` as PostgreSQL stores it."""
_BLOCK: Final = 1_000
_INSTANT_ZERO: Final = datetime(2000, 1, 1, tzinfo=UTC)

# COPY in binary asks only for the right bytes: days and instants travel as the integers that they
# are stored as, which psycopg writes in C.
_SENT_AS: Final = {
    Column.TEXT: "text",
    Column.TEXTS: "text[]",
    Column.BIGINT: "int8",
    Column.INTEGER: "int4",
    Column.NUMERIC: "numeric",
    Column.BOOLEAN: "bool",
    Column.DATE: "int4",
    Column.UNTIL: "int4",
    Column.INSTANT: "int8",
    Column.BYTES: "bytea",
}
_ARRAYS: Final = {
    Column.TEXT: sql.SQL("text[]"),
    Column.BIGINT: sql.SQL("bigint[]"),
    Column.DATE: sql.SQL("date[]"),
}


def copy_rows(cursor: psycopg.Cursor[TupleRow], table: Table, rows: Iterable[Row]) -> None:
    """Add rows to a table of the schema in use."""
    query = sql.SQL("COPY {table} ({columns}) FROM STDIN (FORMAT binary)").format(
        table=sql.Identifier(table.name), columns=names(name for name, _ in table.columns)
    )
    kinds = [kind for _, kind in table.columns]
    with cursor.copy(query) as copy:
        copy.set_types([_SENT_AS[kind] for kind in kinds])
        write = copy.write_row
        for block in _blocks(rows):
            columns = [
                _ENCODERS[kind](cells) if kind in _ENCODERS else cells
                for kind, cells in zip(kinds, zip(*block, strict=True), strict=True)
            ]
            for row in zip(*columns, strict=True):
                write(row)


def _blocks(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    """The rows, some at a time: columns of them are encoded faster than cell by cell."""
    left = iter(rows)
    while block := list(islice(left, _BLOCK)):
        yield block


def delete_rows(
    cursor: psycopg.Cursor[TupleRow], table: Table, keys: Sequence[tuple[Any, ...]]
) -> None:
    """Take the rows with these values of `table.order` out of a table of the schema in use."""
    kinds = dict(table.columns)
    query = sql.SQL("DELETE FROM {table} AS t USING unnest({arrays}) AS k ({columns}) WHERE {same}")
    cursor.execute(
        query.format(
            table=sql.Identifier(table.name),
            arrays=sql.SQL(", ").join(
                sql.SQL("{}::{}").format(sql.Placeholder(), _ARRAYS[kinds[name]])
                for name in table.order
            ),
            columns=names(table.order),
            same=sql.SQL(" AND ").join(
                sql.SQL("t.{0} = k.{0}").format(sql.Identifier(name)) for name in table.order
            ),
        ),
        [list(column) for column in zip(*keys, strict=True)],
    )


def columns_read(table: Table) -> sql.Composable:
    """The columns of a table as they are read: a day without end is null."""
    return sql.SQL(", ").join(
        sql.SQL("nullif({}, 'infinity')").format(sql.Identifier(name))
        if kind is Column.UNTIL
        else sql.Identifier(name)
        for name, kind in table.columns
    )


def names(columns: Iterable[str]) -> sql.Composable:
    """Names of columns, in a row."""
    return sql.SQL(", ").join(sql.Identifier(name) for name in columns)


_Cells = Sequence[Any]
"""The cells of a column, as rows have them."""


def _days(cells: _Cells) -> _Cells:
    return [None if cell is None else cell.toordinal() - _DAY_ZERO for cell in cells]


def _untils(cells: _Cells) -> _Cells:
    return [_INFINITY if cell is None else cell.toordinal() - _DAY_ZERO for cell in cells]


def _instants(cells: _Cells) -> _Cells:
    since = [cell - _INSTANT_ZERO for cell in cells]
    return [(one.days * 86_400 + one.seconds) * 1_000_000 + one.microseconds for one in since]


def _texts(cells: _Cells) -> _Cells:
    return [list(cell) for cell in cells]


_ENCODERS: Final[dict[Column, Callable[[_Cells], _Cells]]] = {
    Column.DATE: _days,
    Column.UNTIL: _untils,
    Column.INSTANT: _instants,
    Column.TEXTS: _texts,
}
