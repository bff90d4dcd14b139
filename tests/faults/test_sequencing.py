"""Faults of the process that sequences: killed, frozen, cut off from PostgreSQL, outrun."""

from contextlib import closing

import psycopg
import pytest
from psycopg.rows import TupleRow

from infra.sql import queries

from .proxy import at_commit, behind_commit
from .site import Site

pytestmark = pytest.mark.kafka


@pytest.mark.smoke
def test_f00_without_any_fault_everything_holds(running: Site) -> None:
    running.clients.run(60)
    assert set(running.finish().values()) == {"entered", "unknown"}


@pytest.mark.smoke
def test_f01_a_command_whose_api_is_killed_before_the_commit_was_never_recorded(
    running: Site,
) -> None:
    clients = running.clients
    clients.run(20)
    api = running.restart("api", failpoint="before_commit:kill:1")
    head = running.head()
    (asked,) = clients.registrations(1)
    assert clients.record(asked)["type"] == "info"
    api.wait_until_dead()
    assert running.head() == head
    running.restart("api")
    assert clients.ask(asked.key)["answer"]["code"] == "unknown-key"
    assert clients.record(asked)["answer"]["position"] == head + 1
    assert running.finish()[asked.key] == "entered"


@pytest.mark.smoke
def test_f02_a_command_whose_api_is_killed_after_the_commit_is_recorded_once(
    running: Site,
) -> None:
    clients = running.clients
    api = running.restart("api", failpoint="after_commit:kill:1")
    head = running.head()
    (asked,) = clients.registrations(1)
    assert clients.record(asked)["type"] == "info"
    api.wait_until_dead()
    running.restart("api")
    told = clients.ask(asked.key)["answer"]
    again = clients.record(asked)["answer"]
    assert told["position"] == again["position"] == head + 1
    assert running.head() == head + 1
    running.finish()


@pytest.mark.parametrize("place", [behind_commit, at_commit], ids=["behind", "before"])
def test_f02_a_line_cut_inside_the_commit_settles_by_looking_the_key_up(
    running: Site, place: object
) -> None:
    cut = behind_commit if place is behind_commit else at_commit
    proxy = running.processes["api"].postgres
    running.clients.start(running.clients.script(120, 60))
    for _ in range(6):
        proxy.cut(cut)
        running.wait(lambda: proxy.cuts_left == 0, "no commit passed by")
    running.clients.join()
    running.finish()
    assert proxy.cuts == 6


def test_f03_of_sixteen_writers_on_one_version_one_wins_and_no_number_is_burnt(
    running: Site,
) -> None:
    clients = running.clients
    (subject,) = clients.registrations(1)
    clients.send([subject])
    for version in range(1, 6):
        head = running.head()
        lines = clients.send(clients.penalties(subject, 16, version=version))
        statuses = sorted(line["answer"]["status"] for line in lines)
        assert statuses == [201] + [412] * 15
        assert running.head() == head + 1
    lines = clients.send(clients.penalties(subject, 16))
    assert sorted(line["answer"]["version"] for line in lines) == list(range(7, 23))
    running.finish()


def test_f04_an_api_frozen_with_the_head_locked_does_not_keep_the_other_one(running: Site) -> None:
    clients = running.clients
    running.start_api("api-2")
    running.wait_until_ready("api-2")
    clients.urls.append(f"127.0.0.1:{running.ports['api-2']}")
    frozen = running.restart("api", failpoint="holding_head_lock:stop:1")
    clients.start(clients.registrations(1, proc=0))
    running.wait(lambda: frozen.is_frozen, "it was to stop with the head locked")
    lines = clients.send(clients.registrations(5, proc=1))
    assert {line["answer"]["status"] for line in lines} == {201}
    assert frozen.is_frozen
    frozen.thaw()
    clients.join()
    running.finish()


def test_f04_a_process_frozen_while_it_sends_its_records_loses_the_head(running: Site) -> None:
    limits = queries("infra/sequencer.sql")["session_limits"]
    clients = running.clients
    with closing(psycopg.connect(running.database_url, autocommit=True)) as frozen:
        frozen.execute(limits)
        # Without a sync the server waits for more, and takes the session for a busy one.
        frozen.pgconn.enter_pipeline_mode()
        for statement in (b"BEGIN", b"SELECT * FROM ledger_head FOR UPDATE"):
            frozen.pgconn.send_query_params(statement, None)
        frozen.pgconn.send_flush_request()
        frozen.pgconn.flush()
        lines = clients.send(clients.registrations(5))
        assert {line["answer"]["status"] for line in lines} == {201}
        running.wait(lambda: _has_ended(frozen), "the session holds the head for ever")
    running.finish()


def _has_ended(connection: psycopg.Connection[TupleRow]) -> bool:
    """Whether the server has closed this session."""
    pid = connection.info.backend_pid
    with psycopg.connect(connection.info.dsn, password=connection.info.password) as other:
        row = other.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (pid,)
        ).fetchone()
    assert row is not None, "an aggregate gives one row"
    return bool(row[0] == 0)
