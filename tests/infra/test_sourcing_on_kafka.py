"""An application's ledger with its log on Kafka: what it shows, and what survives its stores."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from uuid import UUID

import pytest
from eventsourcing.persistence import ApplicationRecorder, IntegrityError, StoredEvent
from eventsourcing.utils import Environment

from infra import clock
from infra.connections import connect
from infra.ids import fresh_event
from infra.local import Kafka
from infra.migrations import migrate
from infra.recovery import recover, take_over
from infra.republication import republish
from infra.sequencer import PostgresSequencer
from infra.signer import Signer
from infra.sourced_ledgers import NotEntered
from infra.sourced_records import append_of, stored_event
from infra.sourcing import LedgerFactory
from infra.topic import administer, topics_of
from ledger.gate import Serve
from ledger.sequencing import Appended
from tests.check_ledger import check_ledger
from tests.waiting import wait_until

from .cutting_proxy import CuttingProxy, after_the_commit
from .kafka_ledger import KafkaLedger, raw_records
from .sourcing_on import MODULE

pytestmark = [pytest.mark.pg, pytest.mark.kafka]

CASE = UUID("6f0f3a52-1b1c-4d46-9d8e-4c0a3f6f5b11")


def event(version: int, originator: UUID | str = CASE) -> StoredEvent:
    return StoredEvent(
        originator_id=originator, originator_version=version, topic="cases:Opened", state=b"{}"
    )


@dataclass
class Desk:
    """A ledger of an application, and how recorders are opened on it."""

    ledger: KafkaLedger
    home: Path

    @contextmanager
    def opened(self, url: str | None = None, **more: str) -> Iterator[ApplicationRecorder]:
        env: Mapping[str, str] = {
            **MODULE,
            "LEDGER_ID": self.ledger.name,
            "LEDGER_DATABASE_URL": url or self.ledger.url,
            "LEDGER_HOME": str(self.home),
            "LEDGER_KAFKA": self.ledger.address,
            "LEDGER_SINGLE_BROKER": "yes",
            **more,
        }
        with closing(LedgerFactory(Environment("Cases", dict(env)))) as factory:
            yield factory.application_recorder()

    def sequence(self, *events: StoredEvent) -> Appended:
        """Sequence events without waiting until they are entered; nobody relays them."""
        ledger = self.ledger
        sequencer = PostgresSequencer(
            lambda: connect(ledger.url), ledger.name, ledger.signer.sign, clock.now
        )
        sequencer._lock_name = "lock_head"  # as when a term is opened
        with closing(sequencer):
            (outcome,) = sequencer.append([append_of(events, fresh_event)])
        assert isinstance(outcome, Appended)
        return outcome

    def numbering(self, url: str | None = None) -> tuple[int, list[tuple[object, ...]]]:
        """The head's number of notifications, and the position of each."""
        ledger = self.ledger.at(url or self.ledger.url)
        ((notifications,),) = ledger.rows("SELECT notifications FROM ledger_head")
        rows = ledger.rows("SELECT * FROM ledger_notification ORDER BY notification_id")
        return int(str(notifications)), rows


@pytest.fixture
def desk(database_url: str, kafka: Kafka, tmp_path: Path) -> Iterator[Desk]:
    """A ledger on a topic of its own, with the librarys's and other records, all entered."""
    name = f"cases-{token_hex(4)}"
    home = tmp_path / "home"
    home.mkdir()
    signer = Signer.create(home / "signing.key", name)
    ledger = KafkaLedger.begun(database_url, kafka.address, name, signer)
    desk = Desk(ledger, home)
    desk.sequence(event(0), event(1))
    ledger.record(3)
    desk.sequence(event(2), event(0, "案件/1"))
    ledger.relay()
    yield desk
    with administer(kafka.address) as admin:
        admin.delete_topics(list(topics_of(admin, name)))


def ids(recorder: ApplicationRecorder) -> list[int]:
    return [one.id for one in recorder.select_notifications(None, 10_000)]


class TestEntered:
    def test_what_was_saved_is_on_the_topic_when_the_save_returns(self, desk: Desk) -> None:
        with desk.opened() as recorder:
            assert recorder.insert_events([event(3), event(4)]) == [5, 6]
            records = [value for value, _ in raw_records(desk.ledger.address, desk.ledger.pinned())]
            assert stored_event(records[-1]) == event(4)
        check_ledger(desk.ledger.url)

    def test_what_is_sequenced_and_not_entered_is_shown_nowhere(self, desk: Desk) -> None:
        with desk.opened(LEDGER_RELAYS="no", LEDGER_ENTERED_TIMEOUT="0.5") as recorder:
            with pytest.raises(NotEntered, match="do not save it again"):
                recorder.insert_events([event(3)])
            assert desk.numbering()[0] == 5, "it is sequenced"
            assert recorder.max_notification_id() == 4
            assert ids(recorder) == [1, 2, 3, 4]
            assert [one.originator_version for one in recorder.select_events(CASE)] == [0, 1, 2]
            with pytest.raises(IntegrityError):
                recorder.insert_events([event(3)])
            with recorder.subscribe(gt=4) as subscription, ThreadPoolExecutor(1) as reading:
                got = reading.submit(next, subscription)
                with pytest.raises(NotInTime):
                    got.result(1)
                desk.ledger.relay()
                assert got.result(30).id == 5
            assert recorder.max_notification_id() == 5
            assert [one.originator_version for one in recorder.select_events(CASE)] == [0, 1, 2, 3]

    def test_a_term_that_was_opened_meanwhile_is_written_on_in(self, desk: Desk) -> None:
        with desk.opened() as recorder:
            recorder.insert_events([event(3)])
            desk.ledger.as_another_instance()
            assert desk.ledger.gate() == Serve()
            assert recorder.insert_events([event(4)]) == [6]
        assert [one.said["term"] for one in check_ledger(desk.ledger.url)][-1] == 2

    def test_a_commit_that_was_lost_as_a_term_was_opened_is_found_in_it(self, desk: Desk) -> None:
        """Keys would tell; a record of the library has none, and is looked up by its id."""

        def with_a_new_term(direction: str, sent: bytes) -> int | None:
            place = after_the_commit(direction, sent)
            if place is not None:
                desk.ledger.as_another_instance()
                assert desk.ledger.gate() == Serve()
            return place

        with CuttingProxy(desk.ledger.url) as proxy, desk.opened(proxy.dsn) as recorder:
            recorder.insert_events([event(3)])
            proxy.cut(with_a_new_term)
            assert recorder.insert_events([event(4), event(5)]) == [6, 7]
            assert proxy.cuts == 1
            assert recorder.insert_events([event(6)]) == [8]
            assert ids(recorder) == list(range(1, 9))
        check_ledger(desk.ledger.url)


class TestSurviving:
    def test_everything_comes_back_from_the_log_alone(
        self, desk: Desk, empty_database_url: str
    ) -> None:
        migrate(empty_database_url)
        bare = desk.ledger.at(empty_database_url)
        recover(bare.site, keys=desk.ledger.keys)
        assert bare.all_rows() == desk.ledger.all_rows()
        assert desk.numbering(empty_database_url) == desk.numbering()
        assert desk.numbering() == (4, [(1, 2), (2, 3), (3, 7), (4, 8)])
        take_over(bare.site)
        with desk.opened(empty_database_url) as recorder:
            assert recorder.insert_events([event(3)]) == [5]
            assert ids(recorder) == [1, 2, 3, 4, 5]
        check_ledger(empty_database_url)

    @pytest.mark.parametrize("behind", [1, 3, 6])
    def test_an_older_backup_adopts_what_was_entered_and_its_numbers(
        self, desk: Desk, behind: int
    ) -> None:
        before, numbers = desk.ledger.all_rows(), desk.numbering()
        desk.ledger.lose_behind(behind)
        assert desk.ledger.gate() == Serve()
        assert desk.numbering() == numbers
        assert desk.ledger.all_rows()["ledger_notification"] == before["ledger_notification"]
        desk.ledger.relay()
        with desk.opened() as recorder:
            assert recorder.insert_events([event(3)]) == [5]
        check_ledger(desk.ledger.url)

    def test_numbers_that_lost_are_given_out_again(self, desk: Desk) -> None:
        """They were shown to nobody."""
        lost = desk.sequence(event(3), event(4))
        assert desk.numbering()[0] == 6
        with connect(desk.ledger.url) as connection:
            connection.execute("SELECT ledger_set_aside(%s, now())", (lost.first,))
        assert desk.numbering() == (4, [(1, 2), (2, 3), (3, 7), (4, 8)])
        with desk.opened() as recorder:
            assert recorder.insert_events([event(3, "another")]) == [5]
            assert [one.originator_id for one in recorder.select_notifications(5, 10)] == [
                "another"
            ]
        check_ledger(desk.ledger.url)

    def test_a_lost_topic_is_made_anew_and_the_application_goes_on(self, desk: Desk) -> None:
        numbers = desk.numbering()
        with administer(desk.ledger.address) as admin:
            admin.delete_topics([desk.ledger.pinned()])
        wait_until(lambda: not _exists(desk.ledger), 30)
        republish(desk.ledger.site)
        assert desk.numbering() == numbers
        with desk.opened() as recorder:
            assert recorder.insert_events([event(3)]) == [5]
            assert ids(recorder) == [1, 2, 3, 4, 5]
        check_ledger(desk.ledger.url)

    def test_several_processes_of_an_application_save_side_by_side(self, desk: Desk) -> None:
        with ExitStack() as held:
            recorders = [held.enter_context(desk.opened()) for _ in range(3)]

            def save(number: int) -> list[int]:
                got: list[int] = []
                for version in range(20):
                    got += recorders[number].insert_events([event(version, f"case {number}")]) or ()
                return got

            with ThreadPoolExecutor(3) as pool:
                got = [one for some in pool.map(save, range(3)) for one in some]
            assert sorted(got) == list(range(5, 65))
            assert ids(recorders[0]) == list(range(1, 65))
        check_ledger(desk.ledger.url)


def _exists(ledger: KafkaLedger) -> bool:
    with administer(ledger.address) as admin:
        return ledger.pinned() in topics_of(admin, ledger.name)
