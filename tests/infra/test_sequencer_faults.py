"""The sequencer on PostgreSQL while lines are cut, servers die and many write at once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import psutil
import psycopg
import pytest

from infra import clock
from infra.connections import connect
from infra.creation import create_ledger
from infra.ids import fresh_event
from infra.local import start
from infra.migrations import migrate
from infra.sequencer import PostgresSequencer
from infra.signer import Signer
from ledger.record import Head
from ledger.sequencing import (
    Append,
    Appended,
    AppendOutcome,
    CommandRecord,
    KeyKnown,
    VersionConflict,
)
from tests.check_ledger import check_ledger
from tests.contracts import LEDGER, append, at, conflict

from .cutting_proxy import (
    CuttingProxy,
    after_the_commit,
    before_the_commit,
    in_front_of_the_commit,
)

pytestmark = pytest.mark.pg

SIGNER: Final = Signer.generate(LEDGER)
CUTS: Final = [after_the_commit, before_the_commit, in_front_of_the_commit]


def sequencer_on(url: str, sign: Callable[[Head], bytes] = SIGNER.sign) -> PostgresSequencer:
    return PostgresSequencer(lambda: connect(url), LEDGER, sign, clock.now)


def create(url: str) -> None:
    with connect(url) as connection:
        create_ledger(
            connection, ledger=LEDGER, signer=lambda: SIGNER, fresh=fresh_event, now=clock.now
        )


@pytest.fixture
def url(database_url: str) -> Iterator[str]:
    """A ledger at position 1, which is checked at the end of the test."""
    create(database_url)
    yield database_url
    check_ledger(database_url, is_opaque=True)


class TestManyWriters:
    def test_batches_of_many_connections_get_positions_without_a_gap(self, url: str) -> None:
        def write(writer: int) -> list[AppendOutcome]:
            with closing(sequencer_on(url)) as sequencer:
                answers: list[AppendOutcome] = []
                for version in range(1, 21, 2):
                    batch = [
                        append(f"w{writer}", version, key=writer * 1_000 + version),
                        append("everybody", 1_000_000),  # never stands
                        append(f"w{writer}", version + 1),
                    ]
                    answers += sequencer.append(batch)
                return answers

        with ThreadPoolExecutor(8) as pool:
            answers = [one for found in pool.map(write, range(8)) for one in found]
        positions = sorted(one.first for one in answers if isinstance(one, Appended))
        assert positions == list(range(2, 162))
        assert sum(isinstance(one, VersionConflict) for one in answers) == 80

    def test_of_sixteen_writers_on_one_subject_the_winners_have_the_versions(
        self, url: str
    ) -> None:
        gate = threading.Barrier(16)

        def write(_: int) -> int:
            with closing(sequencer_on(url)) as sequencer:
                gate.wait()
                won = 0
                for version in range(1, 6):
                    (answer,) = sequencer.append([append("one", version)])
                    won += isinstance(answer, Appended)
                return won

        with ThreadPoolExecutor(16) as pool:
            winners = sum(pool.map(write, range(16)))
        # Nobody goes on before version n stands, whoever gave it; each version has one giver.
        assert winners == 5
        assert [one.said["subjectversion"] for one in check_ledger(url)[1:]] == [1, 2, 3, 4, 5]

    def test_one_key_sent_over_many_connections_is_used_once(self, url: str) -> None:
        gate = threading.Barrier(8)

        def write(writer: int) -> AppendOutcome:
            with closing(sequencer_on(url)) as sequencer:
                gate.wait()
                return sequencer.append([append(f"s{writer}", 1, key=1)])[0]

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(write, range(8)))
        assert answers.count(at(2)) == 1
        known = KeyKnown(record=CommandRecord(command_hash=f"{7:064x}", first=2, last=2))
        assert answers.count(known) == 7


class TestCutLines:
    """What LOG.md calls E1: the outcome of a commit is looked up, never sent again blindly."""

    @pytest.fixture
    def proxy(self, url: str) -> Iterator[CuttingProxy]:
        with CuttingProxy(url) as proxy:
            yield proxy

    @pytest.fixture
    def sequencer(self, proxy: CuttingProxy) -> Iterator[PostgresSequencer]:
        with closing(sequencer_on(proxy.dsn)) as sequencer:
            sequencer.append([append("before", 1)])
            yield sequencer

    @pytest.mark.parametrize("where", CUTS)
    def test_a_cut_at_the_commit_leaves_one_event_and_the_same_outcome(
        self, sequencer: PostgresSequencer, proxy: CuttingProxy, where: Callable[..., int | None]
    ) -> None:
        proxy.cut(where)
        batch = [append("a", 1, key=1, count=2), append("b", 1)]
        assert sequencer.append(batch) == (at(3, 4), at(5))
        assert proxy.cuts == 1
        assert sequencer.position() == 5
        assert [one.stream for one in sequencer.read_positions(3, 5)] == ["a", "a", "b"]

    @pytest.mark.parametrize("where", CUTS)
    def test_a_cut_keeps_the_answers_of_what_could_not_stand(
        self, sequencer: PostgresSequencer, proxy: CuttingProxy, where: Callable[..., int | None]
    ) -> None:
        """They were forgotten once: a settled batch answered only for what it had appended."""
        proxy.cut(where)
        batch = [append("a", 9), append("b", 1, key=1), append("before", 1), append("c", 1, key=1)]
        known = KeyKnown(record=CommandRecord(command_hash=f"{7:064x}", first=3, last=3))
        assert sequencer.append(batch) == (
            conflict("a", 0),
            at(3),
            conflict("before", 1),
            known,
        )

    @pytest.mark.parametrize("where", CUTS)
    def test_a_line_that_is_cut_again_and_again_is_settled_all_the_same(
        self, sequencer: PostgresSequencer, proxy: CuttingProxy, where: Callable[..., int | None]
    ) -> None:
        proxy.cut(where, times=3)
        assert sequencer.append([append("a", 1)]) == (at(3),)
        assert proxy.cuts >= 1
        assert sequencer.position() == 3

    def test_a_cut_in_a_later_transaction_of_a_batch_leaves_the_earlier_ones(
        self, sequencer: PostgresSequencer, proxy: CuttingProxy
    ) -> None:
        proxy.cut(_second_time(after_the_commit))
        batch = [append("a", 1, count=1_000), append("b", 1, count=500), append("c", 7)]
        answers = sequencer.append(batch)
        assert answers == (at(3, 1_002), at(1_003, 1_502), conflict("c", 0))
        assert proxy.cuts == 1

    def test_a_batch_that_never_comes_through_says_so_and_leaves_nothing(
        self, sequencer: PostgresSequencer, proxy: CuttingProxy
    ) -> None:
        proxy.cut(before_the_commit, times=1_000)
        with pytest.raises(psycopg.OperationalError):
            sequencer.append([append("a", 1, key=1)])
        proxy.cut(before_the_commit, times=0)
        assert sequencer.position() == 2
        assert sequencer.append([append("a", 1, key=1)]) == (at(3),)

    def test_where_nobody_can_tell_the_key_does_when_the_database_is_back(
        self, sequencer: PostgresSequencer, proxy: CuttingProxy
    ) -> None:
        proxy.cut(_and_then_always(after_the_commit), times=1_000)
        with pytest.raises(psycopg.OperationalError):
            sequencer.append([append("a", 1, key=1)])
        proxy.cut(before_the_commit, times=0)
        (answer,) = sequencer.append([append("a", 1, key=1)])
        assert isinstance(answer, KeyKnown)
        assert (answer.record.first, answer.record.last) == (3, 3)

    def test_a_read_goes_on_over_a_new_line(
        self, sequencer: PostgresSequencer, proxy: CuttingProxy
    ) -> None:
        proxy.cut(lambda direction, _: 0 if direction == "down" else None)
        assert sequencer.position() == 2
        assert proxy.cuts == 1


def _second_time(where: Callable[[str, bytes], int | None]) -> Callable[[str, bytes], int | None]:
    seen = 0

    def cut(direction: str, sent: bytes) -> int | None:
        nonlocal seen
        place = where(direction, sent)
        seen += place is not None
        return place if seen > 1 else None

    return cut


def _and_then_always(
    where: Callable[[str, bytes], int | None],
) -> Callable[[str, bytes], int | None]:
    begun = False

    def cut(direction: str, sent: bytes) -> int | None:
        nonlocal begun
        begun = begun or where(direction, sent) is not None
        return 0 if begun else None

    return cut


class TestRollbacks:
    def test_a_transaction_that_is_rolled_back_burns_no_number(self, url: str) -> None:
        def refuse(_: Head) -> bytes:
            raise PermissionError("no key here")

        with closing(sequencer_on(url, refuse)) as sequencer:
            with pytest.raises(PermissionError):
                sequencer.append([append("a", 1, key=1, count=3)])
            assert sequencer.position() == 1
            assert sequencer.commands([f"{1:064x}"]) == {}
        with closing(sequencer_on(url)) as sequencer:
            assert sequencer.append([append("a", 1, key=1)]) == (at(2),)

    def test_a_writer_frozen_with_the_head_in_its_hands_loses_it_and_tries_again(
        self, url: str
    ) -> None:
        """The server ends its session; that is no OperationalError, and was not caught once."""
        frozen, thawed = threading.Event(), threading.Event()

        def sign(head: Head) -> bytes:
            frozen.set()
            assert thawed.wait(30), "the other writer never got the head"
            return SIGNER.sign(head)

        with closing(sequencer_on(url, sign)) as slow, closing(sequencer_on(url)) as other:
            asked = ThreadPoolExecutor(1).submit(slow.append, [append("a", 1)])
            assert frozen.wait(10)
            assert other.append([append("b", 1)]) == (at(2),)
            thawed.set()
            assert asked.result(30) == (at(3),)

    def test_a_commit_that_is_still_under_way_is_waited_for(self, url: str) -> None:
        """The lock is asked for before the look-up, so that it cannot look too early."""
        with closing(sequencer_on(url)) as sequencer, connect(url) as slow:
            one = append("a", 1)
            slow.execute("BEGIN")
            slow.execute("SELECT 1 FROM ledger_head FOR UPDATE")
            asked = ThreadPoolExecutor(1).submit(sequencer.positions_of, [one.drafts[0].id])
            with closing(psycopg.connect(url, autocommit=True)) as looking:
                _wait_for_lock(looking)
                assert not asked.done()
            slow.execute("COMMIT")
            assert asked.result(10) == {}


def _wait_for_lock(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    deadline = clock.elapsed() + 10
    waiting = b"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while connection.execute(waiting).fetchone() == (0,):
        assert clock.elapsed() < deadline, "nobody waits for the head"


class TestRestart:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "pg"

    def test_a_server_that_is_killed_and_started_again_goes_on_where_it_was(
        self, folder: Path
    ) -> None:
        postgres = start(folder)
        try:
            migrate(postgres.dsn)
            create(postgres.dsn)
            with closing(sequencer_on(postgres.dsn)) as sequencer:
                sequencer.append([append("a", 1, key=1)])
                pid = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
                server = psutil.Process(pid)
                server.kill()
                server.wait()
                postgres.stop()  # what it started is waited for
                with pytest.raises(psycopg.OperationalError):
                    sequencer.append([append("a", 2)])
                postgres = start(folder)
            with closing(sequencer_on(postgres.dsn)) as sequencer:
                batch: list[Append] = [append("a", 1, key=1), append("a", 2), append("b", 1)]
                known, second, third = sequencer.append(batch)
                assert isinstance(known, KeyKnown)
                assert (second, third) == (at(3), at(4))
            # On the table log no term is opened, however often the server is started.
            kept = check_ledger(postgres.dsn, is_opaque=True)
            assert [one.said["type"] for one in kept].count("term-opened") == 1
        finally:
            postgres.stop()
