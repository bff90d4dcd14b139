"""What the gate reads of the log at a start: as much of a long history as of a short one."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

from infra import clock
from infra.connections import connect
from infra.creation import public_keys
from infra.gate import Gate, Pinned
from infra.gate_store import PostgresGateStore, TermOpener
from infra.ids import fresh_event
from infra.kafka_log import KafkaLog
from infra.kafka_topic import KafkaTopic
from infra.signer import Verifier
from ledger.gate import Serve

from .figures import Figure
from .recording import CLIENTS
from .service import serving
from .told import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ledger.acceptance import Arrival

    from .conftest import NewStores
    from .figures import Board
    from .service import Stores

_SHORT: Final = 1_000
_LONG: Final = 10_000


def test_a_start_reads_as_much_of_a_long_history_as_of_a_short_one(
    new_stores: NewStores, board: Board
) -> None:
    stores = new_stores("gate", on_kafka=True)
    read = {}
    first = 0
    for behind in (_SHORT, _LONG):
        say(f"entering {behind - first} events, and counting what the gate reads behind them")
        with serving(stores) as service:
            told = {"events": _LONG, "first": first, "count": behind - first, "clients": CLIENTS}
            answered = service.clients("record", **told)
            assert answered.statuses == {"201": behind - first}, answered.statuses
        read[behind] = _records_read(stores)
        first = behind
    board.hold(
        Figure(
            what=f"records that the gate reads behind {_LONG:,} events",
            ours=f"{read[_LONG]}",
            beside=f"behind {_SHORT:,} events {read[_SHORT]}",
            demand="no more",
            is_met=read[_LONG] <= read[_SHORT],
        )
    )


def _records_read(stores: Stores) -> int:
    """How many records of the log a pass through the gate reads; it must find all well."""
    assert stores.kafka is not None, "this is about Kafka"
    counted: list[int] = []
    with connect(stores.database_url) as connection:
        verifier = Verifier(stores.ledger, public_keys(connection))
    opener = TermOpener(ledger=stores.ledger, signer=_no_key, fresh=fresh_event, now=clock.now)
    gate = Gate(
        store=lambda: PostgresGateStore.held(lambda: connect(stores.database_url), opener),
        topic=lambda pinned: _Counted(stores, pinned, counted),
        verify=lambda: verifier,
    )
    assert gate.pass_through() == Serve()
    return sum(counted)


def _no_key() -> NoReturn:
    raise AssertionError("nothing is signed where all is well")


class _Counted(KafkaTopic):
    """The topic, of which it is counted what is read."""

    def __init__(self, stores: Stores, pinned: Pinned | None, counted: list[int]) -> None:
        assert stores.kafka is not None, "this is about Kafka"
        assert pinned is not None, "the service has pinned it"
        super().__init__(stores.kafka, pinned.name, single_broker=True)
        self._counted = counted

    @contextmanager
    def open(self) -> Iterator[KafkaLog]:
        """Its records, counted."""
        with closing(_CountedLog(self._address, self.name)) as log:
            log.counted = self._counted
            yield log


class _CountedLog(KafkaLog):
    """A log that counts the records that it gives."""

    counted: list[int]

    def read(self, offset: int, limit: int, *, wait_s: float | None = None) -> Sequence[Arrival]:
        """As the log, counted."""
        found = super().read(offset, limit, wait_s=wait_s)
        self.counted.append(len(found))
        return found
