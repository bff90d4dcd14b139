"""Stored places: where readers of the log may begin, instead of at its first record."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.log import Place

from .sql import queries

__all__ = ["newest_place", "place_columns", "put_place", "stored_places"]

_SQL: Final = queries("infra/places.sql")


def newest_place(connection: Connection[TupleRow], topic_id: str) -> Place | None:
    """The furthest place known to be accepted in this topic; null where none is stored."""
    row = connection.execute(_SQL["newest"], {"topic_id": topic_id}).fetchone()
    return None if row is None else _place(topic_id, row)


def stored_places(connection: Connection[TupleRow], topic_id: str) -> Sequence[Place]:
    """The batch ends of a topic that are known to be entered, newest first."""
    rows = connection.execute(_SQL["stored"], {"topic_id": topic_id}).fetchall()
    return [_place(topic_id, row) for row in rows]


def put_place(connection: Connection[TupleRow], place: Place, at: datetime) -> None:
    """Keep the newest place; of those before it, one every 10 000 positions."""
    connection.execute(_SQL["put"], {**place_columns(place), "at": at})


def place_columns(place: Place) -> dict[str, object]:
    """A place as the tables of places have it."""
    return {
        "topic_id": place.topic_id,
        "position": place.position,
        "chain": place.chain,
        "term": place.term,
        "offset": place.offset,
        "leader_epoch": place.leader_epoch,
    }


def _place(topic_id: str, row: TupleRow) -> Place:
    position, chain, term, offset, leader_epoch = row
    return Place(
        topic_id=topic_id,
        position=position,
        chain=chain,
        term=term,
        offset=offset,
        leader_epoch=leader_epoch,
    )
