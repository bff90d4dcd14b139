"""What the eventsourcing library's own cases do not ask of a recorder on this ledger."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from eventsourcing.application import Application
from eventsourcing.persistence import (
    ApplicationRecorder,
    DataError,
    InfrastructureFactory,
    IntegrityError,
    OperationalError,
    StoredEvent,
)
from eventsourcing.utils import Environment

from api.routes.event_schemas import event_schema
from infra import clock, sourced_ledgers
from infra.connections import connect
from infra.creation import public_keys
from infra.generations import ensure_live
from infra.log_source import table_source
from infra.projector import Projector
from infra.sequencer import PostgresSequencer
from infra.signer import Signer, Verifier
from infra.verification import Verified, verify
from ledger.record import BATCH_RECORDS_MAX, NUMBER_MAX
from tests.benchmarks.library import Library, Record, folded
from tests.benchmarks.told import Told
from tests.check_ledger import check_ledger
from tests.contracts import append

from .cutting_proxy import (
    CuttingProxy,
    after_the_commit,
    before_the_commit,
    in_front_of_the_commit,
)
from .sourcing_on import environment_in_memory, environment_on_table

pytestmark = pytest.mark.pg

CUTS = [after_the_commit, before_the_commit, in_front_of_the_commit]
CASE = UUID("6f0f3a52-1b1c-4d46-9d8e-4c0a3f6f5b11")


def event(
    version: int, originator: UUID | str = CASE, topic: str = "cases:Opened", state: bytes = b"{}"
) -> StoredEvent:
    return StoredEvent(
        originator_id=originator, originator_version=version, topic=topic, state=state
    )


def ids(recorder: ApplicationRecorder) -> list[int]:
    return [one.id for one in recorder.select_notifications(None, 10_000)]


class Cases(Application[UUID]):
    """An application with nothing of its own."""


Opens = Callable[..., ApplicationRecorder]


@pytest.fixture
def opens(tmp_path: Path) -> Iterator[Opens]:
    """Opens a recorder on a database, as a process of its own would."""
    factories: list[InfrastructureFactory] = []

    def opened(url: str, **more: str) -> ApplicationRecorder:
        env = {**environment_on_table(url, tmp_path / "home"), **more}
        factory = InfrastructureFactory.construct(Environment("Cases", env))
        factories.append(factory)
        return factory.application_recorder()

    yield opened
    for factory in factories:
        factory.close()


@pytest.fixture
def url(database_url: str, opens: Opens) -> Iterator[str]:
    """A ledger without records of the library, which is checked at the end of the test."""
    opens(database_url)
    yield database_url
    check_ledger(database_url, is_opaque=True)


@pytest.fixture
def recorder(url: str, opens: Opens) -> ApplicationRecorder:
    return opens(url)


def record_own(url: str, home: Path, stream: str) -> None:
    """Append a record that is not the library's to the same ledger."""
    signer = Signer.load(home / "signing.key", "cases")
    with closing(
        PostgresSequencer(lambda: connect(url), "cases", signer.sign, clock.now)
    ) as sequencer:
        sequencer.append([append(stream, 1)])


class TestRecords:
    def test_an_event_stands_on_the_log_with_the_librarys_own_fields(
        self, url: str, recorder: ApplicationRecorder
    ) -> None:
        recorder.insert_events(
            [event(0, state=b"\x00\xff binary"), event(7, "案件/1", "cases:Closed", b"")]
        )
        opened, closed = [one.said for one in check_ledger(url)][1:]
        assert (opened["type"], opened["critical"]) == ("eventsourcing-stored", False)
        assert (opened["subject"], opened["originatortype"]) == (str(CASE), "uuid")
        assert (opened["subjectversion"], opened["topic"]) == (0, "cases:Opened")
        assert opened["data_base64"] == "AP8gYmluYXJ5"
        assert "data" not in opened
        assert "idemkeyhash" not in opened
        assert (closed["subject"], closed["originatortype"]) == ("案件/1", "str")
        assert (closed["subjectversion"], closed["data_base64"]) == (7, "")
        assert opened["commandhash"] == closed["commandhash"], "they were saved together"

    def test_a_record_is_a_cloud_event_whose_data_are_the_state(
        self, url: str, recorder: ApplicationRecorder
    ) -> None:
        recorder.insert_events([event(1, state=b"\x00\xff binary")])
        value = check_ledger(url)[-1].value
        headers = {"content-type": "application/cloudevents+json; charset=UTF-8"}
        read = from_http_event(HTTPMessage(headers=headers, body=value))
        assert read.get_data() == b"\x00\xff binary"
        assert read.get_type() == "eventsourcing-stored"

    def test_what_was_saved_is_read_back(self, recorder: ApplicationRecorder) -> None:
        saved = [event(0, state=bytes(range(256))), event(NUMBER_MAX, "a b/ü", "t" * 500, b"")]
        recorder.insert_events(saved)
        assert recorder.select_events(CASE) == saved[:1]
        assert recorder.select_events("a b/ü") == saved[1:]
        found = recorder.select_notifications(None, 10)
        assert [(one.originator_id, one.state) for one in found] == [
            (one.originator_id, one.state) for one in saved
        ]

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            (event(-1), "version -1"),
            (event(NUMBER_MAX + 1), "version 2147483648"),
            (event(1, "ledger"), "the ledger's own"),
            (event(1, "rulebook/cn"), "the ledger's own"),
            (event(1, "s-" + "a" * 26), "the ledger's own"),
            (event(1, ""), "originator id"),
            (event(1, "a\x00"), "originator id"),
            (event(1, "a" * 256), "originator id"),
            (event(1, "\ud800"), "not Unicode"),
            (event(1, topic=""), "topic"),
            (event(1, topic="a\x00b"), "topic"),
            (event(1, state=bytes(50 * 1024)), "51200 bytes"),
        ],
    )
    def test_what_cannot_stand_on_the_log_is_refused_and_nothing_is_recorded(
        self, recorder: ApplicationRecorder, wrong: StoredEvent, why: str
    ) -> None:
        with pytest.raises(DataError, match=why):
            recorder.insert_events([event(1, uuid4()), wrong])
        assert recorder.max_notification_id() is None

    def test_the_largest_state_is_recorded(self, recorder: ApplicationRecorder) -> None:
        state = bytes((60 * 1024 - len("cases:Opened")) // 4 * 3)
        recorder.insert_events([event(1, state=state)])
        assert recorder.select_events(CASE)[0].state == state

    def test_what_is_saved_together_is_one_batch_or_refused(
        self, url: str, recorder: ApplicationRecorder
    ) -> None:
        most = [event(version) for version in range(BATCH_RECORDS_MAX)]
        assert recorder.insert_events(most) == list(range(1, BATCH_RECORDS_MAX + 1))
        assert [one.signature is not None for one in check_ledger(url)].count(True) == 2
        with pytest.raises(DataError, match="1001 events"):
            recorder.insert_events([event(version, "more") for version in range(1_001)])
        with pytest.raises(DataError, match="4 MiB"):
            recorder.insert_events([event(n, "more", state=bytes(40_000)) for n in range(200)])
        assert recorder.select_events("more") == []


class TestVersions:
    def test_a_version_may_be_any_that_is_free(self, recorder: ApplicationRecorder) -> None:
        recorder.insert_events([event(5)])
        recorder.insert_events([event(3), event(0)])
        assert [one.originator_version for one in recorder.select_events(CASE)] == [0, 3, 5]
        backwards = recorder.select_events(CASE, desc=True, gt=0, limit=1)
        assert [one.originator_version for one in backwards] == [5]
        assert recorder.select_events(CASE, lte=3, gt=0) == [event(3)]

    @pytest.mark.parametrize(
        "saved", [[event(3)], [event(9), event(3)], [event(9, "other"), event(5)], [event(9)] * 2]
    )
    def test_where_one_is_taken_nothing_of_the_save_is_recorded_and_no_id_is_used(
        self, recorder: ApplicationRecorder, saved: Sequence[StoredEvent]
    ) -> None:
        recorder.insert_events([event(5), event(3)])
        with pytest.raises(IntegrityError, match="nothing was recorded of "):
            recorder.insert_events(saved)
        assert recorder.insert_events([event(9)]) == [3]
        assert ids(recorder) == [1, 2, 3]

    def test_of_sixteen_who_save_the_same_version_one_has_it(self, url: str, opens: Opens) -> None:
        recorders = [opens(url) for _ in range(4)]
        gate = threading.Barrier(16)

        def save(number: int) -> int:
            gate.wait()
            won = 0
            for version in range(5):
                try:
                    recorders[number % 4].insert_events([event(version)])
                except IntegrityError:
                    continue
                won += 1
            return won

        with ThreadPoolExecutor(16) as pool:
            assert sum(pool.map(save, range(16))) == 5
        assert ids(recorders[0]) == [1, 2, 3, 4, 5]


class TestNotificationIds:
    def test_records_that_are_not_the_librarys_have_none(
        self, url: str, tmp_path: Path, recorder: ApplicationRecorder
    ) -> None:
        assert recorder.insert_events([event(1), event(2)]) == [1, 2]
        record_own(url, tmp_path / "home", "a")
        assert recorder.insert_events([event(3)]) == [3]
        record_own(url, tmp_path / "home", "b")
        assert recorder.insert_events([event(4), event(5)]) == [4, 5]
        assert [one.position for one in check_ledger(url, is_opaque=True)] == list(range(1, 9))
        assert ids(recorder) == [1, 2, 3, 4, 5]
        assert recorder.max_notification_id() == 5

    def test_they_go_on_in_the_next_process(self, url: str, opens: Opens) -> None:
        opens(url).insert_events([event(1)])
        later = opens(url)
        assert later.insert_events([event(2)]) == [2]
        assert ids(later) == [1, 2]

    def test_the_numbering_cannot_be_changed_behind_its_back(
        self, url: str, recorder: ApplicationRecorder
    ) -> None:
        recorder.insert_events([event(1)])
        with connect(url) as connection, pytest.raises(Exception, match="is forbidden"):
            connection.execute("DELETE FROM ledger_notification")


class TestSettling:
    """What LOG.md calls E1: the library itself answers IntegrityError for its own event."""

    @pytest.fixture
    def proxy(self, url: str) -> Iterator[CuttingProxy]:
        with CuttingProxy(url) as proxy:
            yield proxy

    @pytest.fixture
    def behind(self, proxy: CuttingProxy, opens: Opens) -> ApplicationRecorder:
        recorder = opens(proxy.dsn)
        recorder.insert_events([event(0)])
        return recorder

    @pytest.mark.parametrize("times", [1, 3, 7])
    @pytest.mark.parametrize("where", CUTS)
    def test_a_line_that_is_cut_at_the_commit_leaves_one_record_and_its_id(
        self,
        behind: ApplicationRecorder,
        proxy: CuttingProxy,
        where: Callable[[str, bytes], int | None],
        times: int,
    ) -> None:
        proxy.cut(where, times)
        assert behind.insert_events([event(1), event(2)]) == [2, 3]
        assert proxy.cuts >= 1
        proxy.cut(where, 0)
        assert [one.originator_version for one in behind.select_events(CASE)] == [0, 1, 2]
        assert ids(behind) == [1, 2, 3]

    @pytest.mark.parametrize("where", CUTS)
    def test_a_version_that_another_has_stays_a_conflict_though_lines_are_cut(
        self,
        url: str,
        opens: Opens,
        behind: ApplicationRecorder,
        proxy: CuttingProxy,
        where: Callable[[str, bytes], int | None],
    ) -> None:
        opens(url).insert_events([event(1)])
        proxy.cut(where)
        with pytest.raises(IntegrityError):
            behind.insert_events([event(1)])

    def test_where_nobody_can_be_asked_any_more_that_is_said(
        self,
        url: str,
        behind: ApplicationRecorder,
        proxy: CuttingProxy,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(sourced_ledgers, "_SETTLE_S", 1.0)

        def everything_after_the_commit(direction: str, sent: bytes) -> int | None:
            if after_the_commit(direction, sent) is not None:
                proxy._listener.close()  # and nobody answers there any more
                return 0
            return None

        proxy.cut(everything_after_the_commit, 100)
        with pytest.raises(
            OperationalError, match=r"nobody knows whether the record [0-9a-f-]{36}"
        ):
            behind.insert_events([event(1)])
        # The message names the record, which an operator finds on the log.
        assert len(check_ledger(url)) == 3


class TestSubscription:
    def test_it_delivers_what_others_save_and_ends_when_it_is_stopped(
        self, url: str, opens: Opens
    ) -> None:
        with opens(url).subscribe() as subscription, ThreadPoolExecutor(1) as reading:
            got = reading.submit(next, subscription)
            opens(url).insert_events([event(1)])
            assert got.result(30).id == 1
            waiting = reading.submit(list, subscription)
            opens(url).insert_events([event(2)])
            subscription.stop()
            assert [one.id for one in waiting.result(30)] in ([], [2])

    def test_all_are_delivered_once_and_in_order_though_many_save(
        self, url: str, opens: Opens
    ) -> None:
        recorders = [opens(url) for _ in range(3)]

        def save(number: int) -> None:
            for version in range(40):
                recorders[number].insert_events([event(version, f"case {number}")])

        with opens(url).subscribe() as subscription, ThreadPoolExecutor(3) as pool:
            saving = [pool.submit(save, number) for number in range(3)]
            got = [next(subscription).id for _ in range(120)]
            for one in saving:
                one.result(60)
        assert got == list(range(1, 121))

    def test_of_some_topics_it_passes_over_the_others(
        self, recorder: ApplicationRecorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("infra.sourced_recorder._PAGE", 3)
        recorder.insert_events(
            [event(version, topic="a" if version % 4 else "b") for version in range(1, 41)]
        )
        with recorder.subscribe(gt=8, topics=["b"]) as subscription:
            assert [next(subscription).id for _ in range(8)] == list(range(12, 41, 4))


class TestTheRestOfTheService:
    """Whatever reads the log passes the library's records over."""

    @pytest.fixture
    def filled(self, url: str, tmp_path: Path, recorder: ApplicationRecorder) -> str:
        recorder.insert_events([event(0), event(4), event(1, "案件/1")])
        record_own(url, tmp_path / "home", "a")
        recorder.insert_events([event(2)])
        return url

    def verified(self, url: str) -> Verified:
        with connect(url) as connection:
            ensure_live(connection)
            verifier = Verifier("cases", public_keys(connection))
        return verify(url, table_source(url), verifier)

    def test_the_views_pass_them_over(self, url: str, recorder: ApplicationRecorder) -> None:
        recorder.insert_events([event(version) for version in range(30)])
        with connect(url) as connection:
            ensure_live(connection)
            verifier = Verifier("cases", public_keys(connection))
        with closing(Projector(url, table_source(url), verifier)) as projector:
            while projector.step():
                pass
            assert projector.position == 31
        assert self.verified(url).problems == ()

    def test_the_log_is_verified_with_them(self, url: str, recorder: ApplicationRecorder) -> None:
        recorder.insert_events([event(0), event(4), event(1, "案件/1")])
        assert self.verified(url).problems == ()

    @pytest.mark.parametrize(
        ("change", "at"),
        [
            ("DELETE FROM ledger_notification WHERE position = 3", {3}),
            ("UPDATE ledger_notification SET notification_id = 9 WHERE position = 6", {6}),
            ("UPDATE ledger_notification SET position = 5 WHERE position = 6", {5, 6}),
            ("UPDATE ledger_head SET notifications = 3", {6}),
        ],
    )
    def test_a_numbering_that_was_changed_is_found(
        self, filled: str, change: str, at: set[int]
    ) -> None:
        with connect(filled) as connection, connection.transaction(force_rollback=False):
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(change)
        found = {
            (flaw.position, flaw.code)
            for flaw in self.verified(filled).problems
            if flaw.code in {"notification", "head"}
        }
        code = "head" if "ledger_head" in change else "notification"
        assert {(position, code) for position in at} <= found
        with connect(filled) as connection, connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute("DELETE FROM ledger_notification")
            connection.execute(
                "INSERT INTO ledger_notification SELECT row_number() OVER (ORDER BY position),"
                " position FROM ledger_record WHERE type = 'eventsourcing-stored'"
            )
            connection.execute("UPDATE ledger_head SET notifications = 4")


class TestApplications:
    """The library's own parts work on our ledger and beside it."""

    def test_an_aggregate_is_taken_up_from_its_snapshot(self, url: str, tmp_path: Path) -> None:
        env = environment_on_table(url, tmp_path / "home")
        with Cases({**env, "IS_SNAPSHOTTING_ENABLED": "yes"}) as cases:
            record = Record(facts="one")
            record.note(facts="two")
            cases.save(record)
            cases.take_snapshot(record.id)
            record.note(facts="three")
            cases.save(record)
            assert cases.snapshots is not None
            assert [one.originator_version for one in cases.snapshots.get(record.id)] == [2]
            assert cases.repository.get(record.id).count == 3
        assert len(check_ledger(url)) == 4, "a snapshot is no record"

    def test_the_runner_of_projections_follows(self, url: str, tmp_path: Path) -> None:
        env = environment_on_table(url, tmp_path / "home")
        with closing(Library(env)) as library:
            library.save_each([("a", "x"), ("b", "y"), ("a", "z")], Told(3))
        folded(env, 3)
        with connect(url) as connection:
            counts = connection.execute("SELECT count FROM count_of ORDER BY 1").fetchall()
        assert counts == [(1,), (2,)]


class TestOpening:
    def test_without_the_private_key_it_is_read_and_not_written(
        self, url: str, tmp_path: Path, recorder: ApplicationRecorder, opens: Opens
    ) -> None:
        recorder.insert_events([event(1)])
        stranger = opens(url, LEDGER_HOME=str(tmp_path / "other"))
        assert ids(stranger) == [1]
        with pytest.raises(OperationalError, match="LEDGER_SIGNING_KEY"):
            stranger.insert_events([event(2)])

    def test_settings_of_the_application_go_before_those_of_all(
        self, url: str, opens: Opens
    ) -> None:
        opens(url, LEDGER_ID="other", CASES_LEDGER_ID="cases")

    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ({"LEDGER_KAFKA": "local"}, "host:port"),
            ({"LEDGER_ID": "Not A Name"}, "LEDGER_ID"),
            ({"LEDGER_RELAYS": "perhaps"}, "LEDGER_RELAYS"),
            ({"LEDGER_ENTERED_TIMEOUT": "soon"}, "LEDGER_ENTERED_TIMEOUT"),
            ({"LEDGER_DATABASE_URL": "", "LEDGER_KAFKA": "127.0.0.1:1"}, "LEDGER_DATABASE_URL"),
        ],
    )
    def test_what_cannot_be_used_is_said(self, more: dict[str, str], why: str) -> None:
        env = {**environment_in_memory(), "LEDGER_DATABASE_URL": "postgresql://x@y/z", **more}
        with pytest.raises(OSError, match=why):
            InfrastructureFactory.construct(Environment("Cases", env))


def test_the_state_of_the_library_is_not_looked_into(recorder: ApplicationRecorder) -> None:
    """Not even where it is JSON that would not be canonical."""
    state = json.dumps({"b": 1.5, "a": None}, indent=2).encode()
    recorder.insert_events([event(1, state=state)])
    assert recorder.select_events(CASE)[0].state == state


def test_the_schema_that_its_records_name_is_served(
    recorder: ApplicationRecorder, url: str
) -> None:
    recorder.insert_events([event(1)])
    said = check_ledger(url)[-1].said
    assert said["dataschema"] == event_schema("eventsourcing-stored")["$id"]
