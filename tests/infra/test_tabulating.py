"""A table of one row a key: the whole log and nothing else, however its making was interrupted."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from random import Random
from secrets import token_hex
from threading import Event, Thread

import pytest
from psycopg import sql

from infra import failpoints, tabulating
from infra.connections import connect
from infra.kafka_log import KafkaLog
from infra.local import Kafka
from infra.log_source import table_source
from infra.tabulating import Tabulation, Tabulator, TabulatorStopped
from ledger.sequencing import Draft
from projections.tables import Row
from tests.benchmarks.filling import filled
from tests.benchmarks.province import Province
from tests.benchmarks.totals import Told, make_table, rows_of, totals
from tests.projections.history import Ledger
from tests.projections.killed import frozen, killed
from tests.waiting import wait_until

from .kafka_ledger import KafkaLedger

pytestmark = pytest.mark.pg
_COUNT = 400
_EACH = 30
_LIMIT = 70
"""Some transactions for the whole log, which end between batches of it."""
_ROWS_KEPT = 10
"""So few that rows must be read again."""
_PATIENCE_S = 30
_TOTALS = totals(1)
_TABLE = tabulating._TableOf
_MOMENTS = {
    "before the place is moved": ((_TABLE, "move"), False),
    "behind it, before any row is written": ((_TABLE, "move"), True),
    "when the rows are written": ((_TABLE, "put"), True),
    "when rows are read again": ((_TABLE, "load"), False),
}
_POINTS = ("projector_in_transaction", "projector_before_commit", "projector_after_commit")


class Recorded:
    """A ledger with a province's history, of which some is still to come."""

    def __init__(self, url: str) -> None:
        self.ledger = Ledger(url)
        self.drafts = [draft for one in Province(_COUNT).appends() for draft in one.drafts]
        self._left = list(self.drafts)
        self._tabulators: list[Tabulator[Told]] = []
        make_table(url, _TOTALS)

    def close(self) -> None:
        for one in self._tabulators:
            one.close()
        self.ledger.close()

    def go_on(self, count: int = _COUNT) -> None:
        """So many events more, in batches."""
        coming, self._left = self._left[:count], self._left[count:]
        for start in range(0, len(coming), _EACH):
            self.ledger.append_drafts(coming[start : start + _EACH])

    def tabulator(
        self, of: Tabulation[Told] = _TOTALS, rows_kept: int = _ROWS_KEPT
    ) -> Tabulator[Told]:
        url = self.ledger.url
        made = Tabulator(url, table_source(url), self.ledger.verifier, of, rows_kept=rows_kept)
        self._tabulators.append(made)
        return made

    def tabulate(self) -> None:
        """As a process of its own does it: on a log and connections of its own."""
        tabulator = self.tabulator()
        while tabulator.step(_LIMIT):
            pass

    def catch_up(self) -> None:
        """Likewise, with a thread that writes."""
        self.tabulator().catch_up(_LIMIT)

    def rows(self) -> dict[str, Row]:
        return rows_of(self.ledger.url, _TOTALS)

    def places(self) -> list[int]:
        query = "SELECT position FROM projection_place WHERE projector = %s AND generation = 1"
        with connect(self.ledger.url) as connection:
            return [row[0] for row in connection.execute(query, (_TOTALS.name,))]


@pytest.fixture
def recorded(database_url: str) -> Iterator[Recorded]:
    made = Recorded(database_url)
    yield made
    made.close()


@pytest.fixture
def whole(recorded: Recorded) -> Iterator[Recorded]:
    """All is recorded, and shown exactly at the end of the test."""
    recorded.go_on()
    yield recorded
    recorded.tabulate()
    assert recorded.rows() == _totals(recorded.drafts)
    assert recorded.places() == [recorded.ledger.position()]


def _totals(drafts: list[Draft]) -> dict[str, Row]:
    """The rows, worked out from the whole history of each subject."""
    told = defaultdict(list)
    for draft in drafts:
        told[draft.stream].append(json.loads(draft.data))
    return {subject: _total(subject, facts) for subject, facts in told.items()}


def _total(subject: str, facts: list[dict[str, str | None]]) -> Row:
    fines = [fine for one in facts if (fine := one.get("fine"))]
    days = [date.fromisoformat(day) for one in facts if (day := one.get("effective_on"))]
    cents = sum(round(100 * float(fine)) for fine in fines)  # small enough to be exact
    bands = [(1, "none"), (1_000_000, "low"), (10_000_000, "middle")]
    band = next((name for below, name in bands if cents < below), "high")
    return subject, cents, len(facts), max(days, default=None), band


def test_a_table_shows_every_record_once(whole: Recorded) -> None:
    tabulator = whole.tabulator()
    shown = [tabulator.step(_LIMIT) for _ in range(_COUNT // _LIMIT + 1)]
    assert shown[:3] == [61, 60, 60], "batches are whole, and the first one is the ledger's own"


def test_a_table_does_not_depend_on_how_many_transactions_made_it(recorded: Recorded) -> None:
    random = Random(3)  # noqa: S311  # chance, not secrecy
    tabulator = recorded.tabulator()
    for _ in range(20):
        recorded.go_on(_COUNT // 20)
        while random.choice((tabulator.step, tabulator.catch_up))(random.randrange(1, 100)):
            if random.random() < 1 / 2:
                tabulator.close()  # and begins anew, knowing nothing
    assert recorded.rows() == _totals(recorded.drafts)


@pytest.mark.parametrize("moment", _MOMENTS)
@pytest.mark.parametrize("work", [Recorded.tabulate, Recorded.catch_up])
def test_a_tabulator_that_is_killed_goes_on_where_it_was(
    whole: Recorded, work: Callable[[Recorded], None], moment: str
) -> None:
    where, behind = _MOMENTS[moment]
    kills = 0
    while killed(lambda: work(whole), where, kills, behind=behind):
        kills += 1
        _is_one_with_its_place(whole)
        assert kills < _COUNT
    assert kills


def _is_one_with_its_place(recorded: Recorded) -> None:
    """The table shows what was recorded up to its place, and nothing behind it."""
    assert recorded.rows() == _totals(_upto(recorded, sum(recorded.places())))


def _upto(recorded: Recorded, position: int) -> list[Draft]:
    """What was recorded up to a position, the first of which is that of the ledger's beginning."""
    return recorded.drafts[: max(position - 1, 0)]


@pytest.mark.parametrize("point", _POINTS)
def test_a_tabulator_that_breaks_steps_again(
    whole: Recorded, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tabulator = whole.tabulator()
    tabulator.step(_LIMIT)
    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "_ARMED", failpoints._read(f"{point}:raise:1"))
        with pytest.raises(failpoints.Broken):
            tabulator.step(_LIMIT)
    assert tabulator.position == 0, "it knows nothing any more"
    assert tabulator.step(_LIMIT) > 0


def test_a_write_that_fails_beside_the_fold_is_told(
    whole: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    tabulator = whole.tabulator()
    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "_ARMED", failpoints._read("projector_before_commit:raise:2"))
        with pytest.raises(failpoints.Broken):
            tabulator.catch_up(_LIMIT)
    _is_one_with_its_place(whole)
    assert 0 < sum(whole.places()) <= _LIMIT, "the first transaction is committed"


@pytest.mark.parametrize("rows_kept", [_ROWS_KEPT, _COUNT])
def test_of_two_tabulators_one_wins_and_the_other_begins_anew_behind_it(
    whole: Recorded, rows_kept: int
) -> None:
    one, other = (whole.tabulator(rows_kept=rows_kept) for _ in range(2))
    one.step(_LIMIT)
    assert other.step(_LIMIT) > 0, "it begins behind the first"
    assert one.step(_LIMIT) == 0, "the place is not where it left it"
    assert one.step(_LIMIT) > 0
    assert other.step(_LIMIT) == 0


def test_a_tabulator_that_freezes_in_a_transaction_has_written_nothing(whole: Recorded) -> None:
    with frozen(whole.tabulate, "projector_before_commit:stop:2"):
        position = sum(whole.places())
        assert 0 < position <= _LIMIT, "only the first transaction is committed"
        _is_one_with_its_place(whole)


def test_a_table_whose_place_was_dropped_is_made_anew(whole: Recorded) -> None:
    whole.tabulate()
    with connect(whole.ledger.url) as connection:
        connection.execute("DELETE FROM projection_place")
    assert whole.tabulator().step(1) > 0
    _is_one_with_its_place(whole)


def test_a_generation_is_folded_beside_another(whole: Recorded) -> None:
    whole.tabulate()
    second = totals(2)
    make_table(whole.ledger.url, second)
    tabulator = whole.tabulator(second)
    assert tabulator.step() == _COUNT + 1
    assert rows_of(whole.ledger.url, second) == whole.rows()


def test_nothing_is_shown_from_a_record_on_that_cannot_be_taken(whole: Recorded) -> None:
    refused = whole.drafts[200].id.encode()

    def read(value: bytes) -> Told:
        if refused in value:
            raise ValueError(value.decode())
        return _TOTALS.read(value)  # type: ignore[return-value]  # it reads every record

    careful = Tabulation(
        name=_TOTALS.name,
        generation=_TOTALS.generation,
        schema=_TOTALS.schema,
        table=_TOTALS.table,
        read=read,
        keys=_TOTALS.keys,
        evolve=_TOTALS.evolve,
    )
    tabulator = whole.tabulator(careful)
    with pytest.raises(TabulatorStopped, match="subject-totals stops before position 202") as told:
        tabulator.catch_up(_LIMIT)
    assert "示例" not in str(told.value), "what is in a record is nobody's business"
    _is_one_with_its_place(whole)


def test_a_table_follows_the_log(recorded: Recorded) -> None:
    stop, tabulator = Event(), recorded.tabulator()
    thread = Thread(target=tabulator.run, args=(stop,))
    thread.start()
    try:
        for _ in range(10):
            recorded.go_on(_COUNT // 10)
        wait_until(lambda: recorded.places() == [recorded.ledger.position()], _PATIENCE_S)
    finally:
        stop.set()
        thread.join()
    assert recorded.rows() == _totals(recorded.drafts)


def test_rows_that_were_not_changed_are_not_written(whole: Recorded) -> None:
    whole.tabulate()
    query = sql.SQL("SELECT ctid::text FROM {}").format(
        sql.Identifier(_TOTALS.schema, _TOTALS.table.name)
    )
    with connect(whole.ledger.url) as connection:
        before = connection.execute(query).fetchall()
        assert whole.tabulator().step() == 0
        assert connection.execute(query).fetchall() == before


@pytest.mark.kafka
def test_a_table_is_made_from_kafka_by_either_client(database_url: str, kafka: Kafka) -> None:
    ledger = KafkaLedger.begun(database_url, kafka.address, f"tabulated-{token_hex(4)}")
    assert filled(ledger, Province(_COUNT)) == _COUNT + 1
    drafts = [draft for one in Province(_COUNT).appends() for draft in one.drafts]
    for generation, far in enumerate((1, 10 * _COUNT), 1):
        made = totals(generation)
        make_table(database_url, made)
        work = partial(_catch_up_from_kafka, ledger, made, far)
        assert killed(work, (_TABLE, "put"), 0, behind=True), "it has not come to an end"
        assert rows_of(database_url, made) == {}
        work()
        assert rows_of(database_url, made) == _totals(drafts)


def _catch_up_from_kafka(ledger: KafkaLedger, made: Tabulation[Told], far: int) -> None:
    topic = ledger.pinned()
    tabulator = Tabulator(
        ledger.url,
        lambda: KafkaLog(ledger.address, topic, far=far),
        ledger.verifier(),
        made,
    )
    tabulator.catch_up(_LIMIT)
    tabulator.close()
