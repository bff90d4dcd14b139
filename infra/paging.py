"""Rows of a large answer, a page ahead: PostgreSQL works on the next one while a page is taken."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from psycopg import ServerCursor
from psycopg.rows import TupleRow

__all__ = ["rows_ahead"]


def rows_ahead(cursor: ServerCursor[TupleRow], page: int) -> Iterator[TupleRow]:
    """All rows of a server-side cursor that was executed; two pages of them are held.

    Its connection may be used meanwhile: what is asked on it waits for the page on its way.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="rows-ahead") as ahead:
        coming = ahead.submit(cursor.fetchmany, page)
        while rows := coming.result():
            coming = ahead.submit(cursor.fetchmany, page)
            yield from rows
