"""How many records of each type were appended: counted bit by bit, and never all anew.

Only what is never set aside is counted for good. What stands behind that, and what was set aside,
is counted at each look: the first is at most what may wait to be entered, the second is next to
nothing.
"""

from collections.abc import Mapping
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from .sql import queries

__all__ = ["appended_by_type"]

_SQL: Final = queries("infra/figures.sql")
_SLICE: Final = 50_000
"""How many records one statement counts."""
_SLICES_MAX: Final = 4
"""How many statements one look makes: what is left is for the next one."""
_WORTH: Final = 1_000
"""Fewer are not counted for good: a look reads them sooner than it writes."""


def appended_by_type(connection: Connection[TupleRow]) -> Mapping[str, int] | None:
    """Type -> how many records of it were ever appended, also those that were set aside later.

    Null while a log that nobody counted before is not counted to its end: a count that is too low
    would look like a fall. `connection` is in autocommit; several processes may count at once.
    """
    for _ in range(_SLICES_MAX):
        if not _count_a_slice(connection):
            break
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        tallied, settled = _number(connection, "tallied"), _number(connection, "settled")
        if settled - tallied > _SLICE:
            return None
        rows = connection.execute(_SQL["appended"], {"tallied": tallied})
        return dict(rows.fetchall())


def _count_a_slice(connection: Connection[TupleRow]) -> bool:
    """Count some more for good; whether there was something to count, and nobody else did."""
    with connection.transaction():
        row = connection.execute(_SQL["hold_tally"]).fetchone()
        if row is None:
            return False
        after, settled = int(row[0]), _number(connection, "settled")
        if settled - after < _WORTH:
            return False
        upto = min(settled, after + _SLICE)
        connection.execute(_SQL["tally"], {"after": after, "upto": upto})
        return True


def _number(connection: Connection[TupleRow], name: str) -> int:
    row = connection.execute(_SQL[name]).fetchone()
    return 0 if row is None or row[0] is None else int(row[0])
