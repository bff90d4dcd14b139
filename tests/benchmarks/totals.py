"""The trivial view: sum of fines, number of events, last day and band of each subject."""

from __future__ import annotations

from datetime import date  # noqa: TC003  # msgspec reads it when it makes the decoder
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from psycopg import sql

from infra.connections import connect
from infra.sql import queries
from infra.tabulating import Tabulation
from projections.tables import Column, Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Told", "make_table", "rows_of", "totals"]

_SQL: Final = queries(Path(__file__).with_name("totals.sql"))
_TABLE: Final = Table(
    "subject_total",
    (
        ("subject", Column.TEXT),
        ("cents", Column.BIGINT),
        ("events", Column.INTEGER),
        ("last_on", Column.DATE),
        ("band", Column.TEXT),
    ),
    ("subject",),
)
_LEDGER: Final = "ledger"
"""The stream of the ledger's own records."""
_LOW_BELOW: Final = 1_000_000
_MIDDLE_BELOW: Final = 10_000_000


class _Facts(msgspec.Struct, gc=False):
    """What matters of an event: the fine in yuan, always with two decimals, and its day."""

    fine: str | None = None
    effective_on: date | None = None


class Told(msgspec.Struct, gc=False):
    """What matters of a record."""

    subject: str
    data: _Facts = msgspec.field(default_factory=_Facts)


def totals(generation: int) -> Tabulation[Told]:
    """The view as `Tabulator` makes it, in a schema of its own for each generation."""
    return Tabulation(
        name="subject-totals",
        generation=generation,
        schema=f"totals_{generation}",
        table=_TABLE,
        read=msgspec.json.Decoder(Told).decode,
        keys=_keys,
        evolve=_evolve,
    )


def make_table(database_url: str, tabulation: Tabulation[Told]) -> None:
    """Make the empty table of the view."""
    schema = sql.Identifier(tabulation.schema)
    with connect(database_url) as connection, connection.transaction():
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(schema))
        connection.execute(_SQL["table"])


def rows_of(database_url: str, tabulation: Tabulation[Told]) -> dict[str, Row]:
    """The rows that are shown, by subject."""
    query = sql.SQL("TABLE {}").format(sql.Identifier(tabulation.schema, _TABLE.name))
    with connect(database_url) as connection:
        return {row[0]: row for row in connection.execute(query)}


def _keys(told: Told) -> Iterable[str]:
    return () if told.subject == _LEDGER else (told.subject,)


def _evolve(subject: str, row: Row | None, told: Told) -> Row:
    cents: Any
    events: Any
    last_on: Any
    _, cents, events, last_on, _ = row or (subject, 0, 0, None, "none")
    facts = told.data
    if facts.fine is not None:
        cents += int(facts.fine.replace(".", ""))
    if facts.effective_on is not None and (last_on is None or facts.effective_on > last_on):
        last_on = facts.effective_on
    return subject, cents, events + 1, last_on, _band(cents)


def _band(cents: int) -> str:
    if cents == 0:
        return "none"
    if cents < _LOW_BELOW:
        return "low"
    return "middle" if cents < _MIDDLE_BELOW else "high"
