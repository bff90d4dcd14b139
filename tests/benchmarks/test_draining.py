"""An outage of Kafka: what was sequenced meanwhile is entered when it is back."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from infra import clock
from infra.local import Cluster, start_cluster
from tests.parts import KAFKA_CACHE

from .figures import Figure
from .recording import CLIENTS
from .service import Stores, serving
from .told import say
from .workload import history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import NewDatabase
    from .figures import Board

_EVENTS: Final = 30_000
_DRAIN_S_MAX: Final = 10
_LOOK_S: Final = 0.02
_PATIENCE_S: Final = 120


def test_what_an_outage_held_back_is_soon_entered(
    folder: Path, new_database: NewDatabase, board: Board
) -> None:
    with _broker(folder / "outage") as broker:
        stores = Stores(
            ledger="outage",
            home=folder / "outage-home",
            database_url=new_database("outage"),
            kafka=broker.address,
        )
        with serving(stores) as service:
            _wait_until(stores, stores.head())
            broker.stop()
            say(f"recording {_EVENTS} events while Kafka is away")
            sent = len(history(_EVENTS))
            answered = service.clients(
                "record", events=_EVENTS, count=sent, clients=CLIENTS, wait_s=0
            )
            assert answered.statuses == {"202": sent}, answered.statuses
            waiting = stores.head() - stores.entered()
            assert waiting >= _EVENTS, "nothing of it was entered"
            with ThreadPoolExecutor(1) as beside:
                opening = beside.submit(_opened_at, broker.address)
                broker.start()
                _wait_until(stores, stores.head())
                drain_s = clock.elapsed() - opening.result()
    board.hold(
        Figure(
            what=f"entering {waiting:,} events after an outage",
            ours=f"{drain_s:.1f} s, {waiting / max(drain_s, _LOOK_S):,.0f}/s",
            demand=f"≤ {_DRAIN_S_MAX} s",
            is_met=drain_s <= _DRAIN_S_MAX,
        )
    )


@contextmanager
def _broker(folder: Path) -> Iterator[Cluster]:
    """A broker that nobody else is on, so that it can be stopped."""
    cluster = start_cluster(folder, KAFKA_CACHE, brokers=1)
    try:
        yield cluster
    finally:
        cluster.stop()


def _opened_at(address: str) -> float:
    """When a broker took the first connection, which is when it begins to answer."""
    host, _, port = address.rpartition(":")
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(_LOOK_S)
        else:
            return clock.elapsed()


def _wait_until(stores: Stores, position: int) -> None:
    """Until the log is entered up to a position."""
    deadline = clock.elapsed() + _PATIENCE_S
    while stores.entered() < position:
        assert clock.elapsed() < deadline, f"{stores.entered()} of {position} are entered"
        time.sleep(_LOOK_S)
