"""Stored places: where readers of the log may begin, instead of at its first record."""

from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.log import Place

from .sql import queries

__all__ = ["newest_place"]

_SQL: Final = queries("infra/places.sql")


def newest_place(connection: Connection[TupleRow], topic_id: str) -> Place | None:
    """The furthest place known to be accepted in this topic; null where none is stored."""
    row = connection.execute(_SQL["newest"], {"topic_id": topic_id}).fetchone()
    if row is None:
        return None
    position, chain, term, offset, leader_epoch = row
    return Place(
        topic_id=topic_id,
        position=position,
        chain=chain,
        term=term,
        offset=offset,
        leader_epoch=leader_epoch,
    )
