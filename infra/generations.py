"""Generations of the views: schemas `views_1`, `views_2` …, of which one is read.

A generation is folded from the log and from nothing else, so any one may be dropped and made anew.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from ledger.log import Place
from projections.state import ADDED, SCHEMAS, TWO_TIMES
from projections.tables import Column, Table

from .sql import queries

__all__ = [
    "PROJECTOR",
    "Generation",
    "NoGeneration",
    "alone",
    "analyze",
    "digests",
    "drop_generations",
    "ensure_live",
    "join_shares",
    "live",
    "make_indexes",
    "make_indexes_of",
    "make_keys",
    "make_tables",
    "mark",
    "place_of",
    "shares_shown",
    "stored",
    "switch_to",
    "tables_of_views",
    "unfinished",
]

PROJECTOR: Final = "views"
"""The name of the projector in `projection_place`."""

_INDEX: Final = re.compile(r"^CREATE (?:UNIQUE )?INDEX (\w+)", re.MULTILINE)
_SQL: Final = queries("infra/generations.sql")
_DDL: Final = {view: queries(f"projections/{view}.sql") for view in SCHEMAS}

Connection = psycopg.Connection[TupleRow]


class NoGeneration(RuntimeError):
    """There is no generation to read, or none to switch to."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation of the views."""

    number: int

    @property
    def schema(self) -> str:
        """The schema that holds it."""
        return f"views_{self.number}"


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """Fill generations alone in this block: whoever else would waits until it is left.

    Otherwise each would drop what the other has not finished.
    """
    connection.execute(_SQL["hold_rebuild"])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(_SQL["release_rebuild"])


def live(connection: Connection) -> Generation:
    """The generation that is read.

    Raises:
        NoGeneration: none was made yet.
    """
    row = connection.execute(_SQL["live"]).fetchone()
    if row is None:
        raise NoGeneration("no generation of the views was made yet; start the projector")
    return Generation(row[0])


def ensure_live(connection: Connection) -> Generation:
    """The generation that is read, made empty where there is none yet."""
    row = connection.execute(_SQL["live"]).fetchone()
    if row is not None:
        return Generation(row[0])
    with connection.transaction():
        connection.execute(_SQL["hold_generations"])
        row = connection.execute(_SQL["live"]).fetchone()
        if row is not None:
            return Generation(row[0])
        first = Generation(1)
        make_tables(connection, first)
        make_keys(connection, first)
        make_indexes(connection, first)
        connection.execute(_SQL["insert_first"], {"live": first.number})
    return first


def make_tables(connection: Connection, generation: Generation) -> None:
    """Make the schema of a generation with its empty tables, without any index."""
    connection.execute(
        sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(generation.schema)),
    )
    _make(connection, generation, "tables")


def make_keys(connection: Connection, generation: Generation) -> None:
    """Make the keys that the projector itself goes by."""
    _make(connection, generation, "keys")


def make_indexes(connection: Connection, generation: Generation) -> None:
    """Make the indexes that readers go by."""
    _make(connection, generation, "indexes")


def make_indexes_of(connection: Connection, generation: Generation, view: str) -> None:
    """Make those of one of `SCHEMAS`, on full tables; beside others, on another connection."""
    ddl = _DDL[view].get("indexes")
    if ddl is None:
        return
    with connection.transaction():
        connection.execute(_SQL["session_of_indexes"], {"schema": generation.schema})
        (first,) = _INDEX.findall(ddl)[:1]
        # Whoever went on with a rebuild that was cut off may find those of some views.
        if connection.execute("SELECT to_regclass(%s)", (first,)).fetchone() == (None,):
            connection.execute(ddl)


def analyze(connection: Connection, generation: Generation) -> None:
    """Let the planner know what is in the tables of a generation."""
    for table in tables_of_views():
        connection.execute(
            sql.SQL("ANALYZE {}").format(sql.Identifier(generation.schema, table.name))
        )


def stored(connection: Connection) -> tuple[Generation, ...]:
    """All generations that have a schema, oldest first."""
    return tuple(Generation(number) for (number,) in connection.execute(_SQL["schemas"]))


def drop_generations(
    connection: Connection, *, keep_former: bool, keep: Generation | None = None
) -> None:
    """Drop every generation but the live one (the former one, and another one)."""
    with connection.transaction():
        connection.execute(_SQL["hold_generations"])
        row = connection.execute(_SQL["live"]).fetchone()
        kept = set(row if keep_former else row[:1]) if row is not None else set()
        kept |= set() if keep is None else {keep.number}
        dropped = [one for one in stored(connection) if one.number not in kept]
        for one in dropped:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(one.schema)))
        gone = {"projector": PROJECTOR, "generations": [one.number for one in dropped]}
        connection.execute(_SQL["forget_places"], gone)


def mark(connection: Connection, generation: Generation, by: str) -> None:
    """Note how a generation is being filled, for whoever goes on with it."""
    connection.execute(
        sql.SQL("COMMENT ON SCHEMA {} IS {}").format(
            sql.Identifier(generation.schema), sql.Literal(by)
        )
    )


def unfinished(connection: Connection) -> tuple[Generation, str] | None:
    """The newest generation that was begun and never read, and its mark; null where there is none.

    One whose tables were not all made has no mark.
    """
    row = connection.execute(_SQL["unfinished"]).fetchone()
    return None if row is None else (Generation(row[0]), row[1])


def switch_to(connection: Connection, generation: Generation) -> None:
    """Read this generation from now on; the one read until now becomes the former one."""
    with connection.transaction():
        connection.execute(_SQL["hold_generations"])
        before = live(connection)
        if before != generation:
            numbers = {"live": generation.number, "former": before.number}
            connection.execute(_SQL["switch"], numbers)


def place_of(
    connection: Connection, generation: Generation, projector: str = PROJECTOR
) -> Place | None:
    """Up to where a generation shows the log, in the topic on which it was read then.

    Null where it was not begun.
    """
    asked = {"projector": projector, "generation": generation.number}
    row = connection.execute(_SQL["place"], asked).fetchone()
    if row is None:
        return None
    topic_id, position, chain, term, offset, leader_epoch = row
    return Place(
        topic_id=topic_id,
        position=position,
        chain=chain,
        term=term,
        offset=offset,
        leader_epoch=leader_epoch,
    )


def join_shares(connection: Connection, generation: Generation, shares: Sequence[str]) -> bool:
    """Let the generation be where all shares of its fold are; whether they are at one place."""
    asked = {"projector": PROJECTOR, "generation": generation.number, "shares": list(shares)}
    with connection.transaction():
        joined = connection.execute(_SQL["join_shares"], asked).rowcount == 1
        connection.execute(_SQL["forget_shares"], asked)
    return joined


def shares_shown(connection: Connection, generation: Generation, shares: Sequence[str]) -> int:
    """Up to which position all shares of a fold have come."""
    asked = {"generation": generation.number, "shares": list(shares)}
    row = connection.execute(_SQL["shares_shown"], asked).fetchone()
    return int(row[0] or 0) if row is not None else 0


def digests(connection: Connection, generation: Generation) -> Mapping[str, str]:
    """A digest of each table, equal where its rows are: in lower-case hexadecimal.

    It is the SHA-256 of how many rows there are and of the sum of their 64-bit hashes, so that
    PostgreSQL neither sorts nor sends them. It tells tables of one server apart, against accident;
    what proves the records themselves is their chain.
    """
    return {
        table.name: _digest(connection, generation, table)
        for table in sorted(tables_of_views(), key=lambda table: table.name)
    }


def tables_of_views() -> tuple[Table, ...]:
    """Every table of a generation."""
    return (*ADDED, *(table for pair in TWO_TIMES for table in (pair.now, pair.was)))


def _digest(connection: Connection, generation: Generation, table: Table) -> str:
    query = sql.SQL(
        "SELECT count(*), sum(hash_record_extended(ROW({columns}), 0)) FROM {table}"
    ).format(
        columns=sql.SQL(", ").join(
            # Numbers that are equal may be written unlike (-5 and -5.0), and are shown as written.
            sql.SQL("{}::text" if kind is Column.NUMERIC else "{}").format(sql.Identifier(name))
            for name, kind in table.columns
        ),
        table=sql.Identifier(generation.schema, table.name),
    )
    row = connection.execute(query).fetchone()
    return sha256(repr(row).encode()).hexdigest()


def _make(connection: Connection, generation: Generation, what: str) -> None:
    """Execute this part of every view's SQL in the schema of the generation."""
    with connection.transaction():
        connection.execute(
            "SELECT set_config('search_path', %(schema)s, true)", {"schema": generation.schema}
        )
        for ddl in _DDL.values():
            if what in ddl:
                connection.execute(ddl[what])
