"""The views on a real Kafka: what the log makes of them, whatever happens to who makes them."""

import os
import signal
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from random import Random
from secrets import token_hex
from threading import Event, Thread
from typing import LiteralString

import pytest
from psycopg.sql import SQL

from infra.connections import connect
from infra.gate import Pinned
from infra.gate_store import PostgresGateStore
from infra.generations import NoGeneration, digests, live, place_of
from infra.local import Kafka
from infra.log_source import OpenLog, kafka_source, pinned_topic
from infra.projector import Projector, ProjectorStopped
from infra.reader import PlaceLost
from infra.rebuild import rebuild, verify_views
from infra.topic import administer, create_topic, topic_name
from ledger.log import Place
from ledger.rulebooks import shipped
from tests.infra.kafka_ledger import KafkaLedger
from tests.waiting import wait_until

from .history import LEDGER, ROLES, History, Ledger
from .killed import frozen, killed
from .test_faults import MOMENTS
from .test_skips import all_of, approve, facts, poison

pytestmark = [pytest.mark.pg, pytest.mark.kafka]


@dataclass(slots=True)
class Both:
    """A ledger that began on the table log, and its way over Kafka."""

    ledger: Ledger
    line: KafkaLedger
    history: History

    @property
    def url(self) -> str:
        return self.ledger.url

    @property
    def source(self) -> OpenLog:
        return kafka_source(self.url, self.line.address)

    def go_on(self, count: int) -> None:
        """So many events more, in batches of seven; not sent yet."""
        self.history.events.clear()
        self.history.go_on(count)
        self.ledger.append(self.history.events, each=7)

    def publish(self, *texts: str) -> None:
        self.history.events.clear()
        self.history.publish(*texts)
        self.ledger.append(self.history.events)

    def move(self) -> str:
        """Pin a new topic and send it all that is sequenced; its id."""
        name = f"{topic_name(LEDGER)}.{token_hex(4)}"
        with administer(self.line.address) as admin:
            topic = Pinned(topic_id=create_topic(admin, name, single_broker=True), name=name)
        with connect(self.url) as connection:
            PostgresGateStore(connection, self.line.site.opener).pin(topic, "of a test")
        self.ledger.lives_on_kafka()
        self.line.relay()
        return topic.topic_id

    def project(self, limit: int = 40) -> None:
        """As a process of its own does it: on a log and connections of its own."""
        with closing(Projector(self.url, self.source, self.ledger.verifier)) as projector:
            all_of(projector, limit)

    def place(self) -> Place:
        with connect(self.url) as connection:
            found = place_of(connection, live(connection))
        assert found is not None
        return found

    def position(self) -> int:
        """Up to where the views show the log; 0 before there are any."""
        try:
            return self.place().position
        except NoGeneration:
            return 0

    def shown(self) -> dict[str, str]:
        with connect(self.url) as connection:
            return dict(digests(connection, live(connection)))

    def set_place(self, change: LiteralString) -> None:
        with connect(self.url) as connection:
            connection.execute(SQL("UPDATE projection_place SET {}").format(SQL(change)))

    def is_right(self) -> None:
        """What is shown is all that is entered, and exactly what a new fold of Kafka gives."""
        found = verify_views(self.url, self.source, self.ledger.verifier)
        assert (found.ok, found.differences, found.head) == (True, (), self.ledger.position())


@pytest.fixture
def both(ledger: Ledger, kafka: Kafka) -> Both:
    """Some 200 events of twelve subjects, of which editions come late; none is sent yet."""
    line = KafkaLedger(ledger.url, kafka.address, LEDGER, ledger.signer)
    both = Both(ledger, line, History(seed=11, subjects=12))
    first, *others = shipped()
    both.publish(first)
    both.go_on(100)
    both.publish(*others, ROLES)
    both.go_on(100)
    return both


@pytest.mark.parametrize("shares", [1, 3])
def test_a_rebuild_from_kafka_gives_bit_for_bit_what_the_table_log_gave(
    both: Both, shares: int
) -> None:
    all_of(both.ledger.projector())
    before = both.shown()
    both.move()
    rebuilt = rebuild(both.url, both.source, both.ledger.verifier, shares=shares)
    assert (rebuilt.ok, rebuilt.head) == (True, both.ledger.position())
    assert both.shown() == rebuilt.tables == before


def test_the_views_go_on_behind_their_place_when_a_ledger_comes_to_kafka(both: Both) -> None:
    all_of(both.ledger.projector())
    assert both.place().topic_id == "table"
    topic_id = both.move()
    both.project()
    both.go_on(30)
    both.line.relay()
    both.project()
    pinned = pinned_topic(both.url)
    assert pinned is not None
    assert both.place().topic_id == pinned.topic_id == topic_id
    assert both.place().position == both.ledger.position()
    with connect(both.url) as connection:
        newest = connection.execute("SELECT chain_hash FROM ledger_head").fetchone()
    assert newest == (both.place().chain,)
    both.is_right()


def test_a_projector_that_runs_goes_on_by_one_when_the_ledger_moves_to_another_topic(
    both: Both,
) -> None:
    both.move()
    stop = Event()
    projector = Projector(
        both.url, kafka_source(both.url, both.line.address, wait_s=0.05), both.ledger.verifier
    )
    running = Thread(target=projector.run, args=(stop,))
    running.start()
    try:
        wait_until(lambda: both.position() == both.ledger.position(), 60)
        before = both.shown()
        topic_id = both.move()
        both.go_on(1)
        both.line.relay()
        wait_until(lambda: both.position() == both.ledger.position(), 60)
        assert both.place().topic_id == topic_id
        assert both.shown() != before
    finally:
        stop.set()
        running.join()
    both.is_right()


def test_a_projector_killed_at_random_moments_shows_what_a_rebuild_shows(both: Both) -> None:
    both.move()
    random = Random(5)  # noqa: S311  # when it dies
    kills = 0
    for _ in range(8):
        where, behind = random.choice(list(MOMENTS.values()))
        kills += killed(lambda: both.project(15), where, random.randrange(3), behind=behind)
        both.go_on(5)
        both.line.relay()
    assert kills
    both.project()
    both.is_right()


@pytest.mark.parametrize(
    "change",
    [
        '"offset" = greatest("offset" - 100, 0)',
        '"offset" = "offset" - 1',
        '"offset" = "offset" + 1000000',
        "leader_epoch = leader_epoch + 1",
        "topic_id = 'another'",
    ],
)
def test_a_place_that_points_elsewhere_on_the_log_folds_nothing_twice(
    both: Both, change: LiteralString
) -> None:
    both.move()
    both.project()
    right = both.place()
    both.set_place(change)
    assert both.place() != right
    both.project()
    both.go_on(20)
    both.line.relay()
    both.project()
    assert both.place().position == both.ledger.position()
    both.is_right()


@pytest.mark.parametrize("point", ["projector_in_transaction", "projector_after_commit"])
def test_a_projector_that_wakes_when_another_has_its_work_begins_anew_behind_it(
    both: Both, point: str
) -> None:
    """Frozen within its transaction it holds the row of the place until the server ends it."""
    both.move()
    with frozen(lambda: follow(both, both.ledger.position()), f"{point}:stop:2") as former:
        both.project()
        assert both.place().position == both.ledger.position()
        before = both.shown()
        os.kill(former.pid or 0, signal.SIGCONT)
        former.join(60)
        assert former.exitcode == 0
    assert both.shown() == before
    both.is_right()


def follow(both: Both, position: int) -> None:
    """Come to a position, also where another projector comes there first."""
    with closing(Projector(both.url, both.source, both.ledger.verifier)) as projector:
        while projector.position < position:
            projector.step(15)


def test_views_of_another_history_stop_their_projector_and_are_made_anew(both: Both) -> None:
    both.move()
    both.project()
    both.set_place("chain_hash = sha256(chain_hash)")
    both.go_on(10)
    both.line.relay()
    for _ in range(2):
        with pytest.raises(PlaceLost, match="`credit-ledger rebuild` makes them anew"):
            both.project()
    rebuilt = rebuild(both.url, both.source, both.ledger.verifier)
    assert not rebuilt.ok
    both.is_right()
    both.go_on(10)
    both.line.relay()
    both.project()
    both.is_right()


def test_a_record_that_nobody_understands_is_passed_over_once_its_approval_is_entered(
    both: Both,
) -> None:
    both.move()
    unknown = poison()
    both.ledger.append_drafts([unknown])
    at = both.ledger.position()
    both.ledger.append(facts(77))
    both.line.relay()
    stops(both.project, at)
    approve(both.ledger, at, unknown.id)
    stops(both.project, at)  # it is sequenced, and not entered yet
    both.line.relay()
    both.project()
    assert both.place().position == both.ledger.position()
    both.is_right()
    before = both.shown()
    assert rebuild(both.url, both.source, both.ledger.verifier, shares=2).ok
    assert both.shown() == before


def stops(project: Callable[[], None], position: int) -> None:
    with pytest.raises(ProjectorStopped) as stopped:
        project()
    assert stopped.value.position == position
