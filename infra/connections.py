"""Connections to the ledger's database: single ones, and a pool for reads."""

from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

__all__ = ["Pool", "connect", "open_pool"]

Pool = ConnectionPool[Connection[TupleRow]]

_CONNECT_TIMEOUT_S: Final = 5
_KEEPALIVES: Final[dict[str, Any]] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


def connect(dsn: str) -> Connection[TupleRow]:
    """An autocommit connection that notices within seconds when the other end is gone."""
    return psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S, **_KEEPALIVES)


def open_pool(dsn: str, size_max: int) -> Pool:
    """A pool of autocommit connections for reads, open at once."""
    return ConnectionPool(
        dsn,
        min_size=1,
        max_size=size_max,
        kwargs={"autocommit": True, "connect_timeout": _CONNECT_TIMEOUT_S, **_KEEPALIVES},
        open=True,
    )
