"""`credit-ledger doctor`: each thing is broken for real, and found with what to do about it."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import psutil
import psycopg
import psycopg.sql
import pytest
import typer.main
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from api import wiring
from api.cli import app
from infra import clock
from infra.connections import connect
from infra.generations import alone
from infra.local import Home as LocalHome
from infra.local import Kafka, RememberedLog
from infra.local.processes import free_port
from infra.projector import ProjectorStopped
from infra.signer import Signer
from infra.topic import administer, topics_of
from ledger.gate import Stop, decide
from tests.api.cli.running import Home, validator, without_settings
from tests.api.cli.test_skipping import poisoned
from tests.api.cli.test_up import PROGRAM, environment, until_gone, up
from tests.api.conftest import settings_of
from tests.faults.disks import Ramdisk
from tests.infra.migrations.test_migrate import set_revision
from tests.parts import KAFKA_CACHE, REPOSITORY
from tests.test_operations import STOPPED
from tests.waiting import wait_until

pytestmark = [pytest.mark.pg, pytest.mark.timeout(300)]

Finding = Mapping[str, Any]
_COMMANDS = set(typer.main.get_group(app).commands)


class Told:
    """What the doctor said, and with which exit code."""

    def __init__(self, code: int, document: Mapping[str, Any]) -> None:
        validator("doctor").validate(document)
        self.code = code
        self.findings: list[Finding] = document["findings"]
        assert code == (0 if document["healthy"] else 1)
        assert document["healthy"] == (not self.of("error"))
        for finding in self.findings:
            self._has_remedy(finding)

    def of(self, severity: str) -> list[Finding]:
        """All of this severity, but for how the server of these tests keeps what is written."""
        return [
            one
            for one in self.findings
            if one["severity"] == severity and one["check"] != "durability"
        ]

    def one(self, check: str, severity: str) -> Finding:
        """The one finding of this check, which is of this severity."""
        (found,) = [one for one in self.findings if one["check"] == check]
        assert found["severity"] == severity, found
        return found

    @staticmethod
    def _has_remedy(finding: Finding) -> None:
        """Commands and pages that are named are there."""
        for name in re.findall(r"credit-ledger ([a-z-]+)", finding["run"] or ""):
            assert name in _COMMANDS, finding
        if finding["see"] is not None:
            page, _, section = finding["see"].partition("#")
            text = (REPOSITORY / page).read_text("utf-8")
            assert not section or f"\n## {section}\n" in text, finding


def told(home: Home) -> Told:
    ran = home.run("doctor", "--json")
    assert ran.err == ""
    return Told(ran.code, json.loads(ran.out))


def told_by_program(path: Path, **more: str) -> Told:
    ran = subprocess.run(
        [str(PROGRAM), "doctor", "--json"],
        env=environment(path, **more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Told(ran.returncode, json.loads(ran.stdout))


@pytest.fixture
def made(empty: Home) -> Home:
    """A home with a ledger that is shown whole."""
    assert empty.run("list").code == 0
    return empty


def execute(home: Home, statement: str, *values: object) -> None:
    assert home.database_url is not None
    with connect(home.database_url) as connection:
        connection.execute("SET session_replication_role = replica")  # past the triggers
        connection.execute(statement, values)


def with_settings(home: Home, **more: str) -> Home:
    return replace(home, more={**home.more, **more})


def everything_in(home: Home) -> tuple[object, ...]:
    """Files with their times, and all rows with the transactions that wrote them."""
    files = sorted((str(path), path.stat().st_mtime_ns) for path in home.path.rglob("*"))
    assert home.database_url is not None
    rows: list[object] = []
    with connect(home.database_url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname = 'public' OR schemaname LIKE 'views%' ORDER BY 1, 2"
        ).fetchall()
        for named in tables:
            query = psycopg.sql.SQL("SELECT xmin, ctid FROM {}")
            table = psycopg.sql.Identifier(*named)
            rows += [(named, *row) for row in connection.execute(query.format(table))]
    return files, rows


# Nothing wrong ----------------------------------------------------------------------------------


def test_with_nothing_there_it_is_healthy_and_nothing_is_made(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", more={"LEDGER_PORT": "0"})
    found = told(home)
    assert (found.code, found.one("home", "note")["run"]) == (0, "credit-ledger up")
    assert "does not run" in found.one("postgresql", "note")["what"]
    assert not home.path.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_is_well_is_healthy_and_left_as_it_was(made: Home) -> None:
    before = everything_in(made)
    found = told(made)
    assert found.code == 0
    assert everything_in(made) == before
    for check in ("postgresql", "migrations", "ledger", "serving", "signing-key", "projector"):
        found.one(check, "ok")
    said = made.run("doctor")
    assert said.code == 0
    assert said.lines[-1] == "nothing that was looked at keeps the ledger from its work"
    assert "✓ serving: the ledger is open" in said.lines


# On this machine --------------------------------------------------------------------------------


def test_settings_that_cannot_be_read_are_all_named(tmp_path: Path) -> None:
    home = Home(tmp_path, more={"LEDGER_PORT": "many", "LEDGER_KAFKA": "no address"})
    found = told(home)
    assert found.code == 1
    assert {one["what"].partition(":")[0] for one in found.of("error")} == {
        "LEDGER_PORT",
        "LEDGER_KAFKA",
    }


def test_a_home_that_is_a_file_or_open_to_others_is_found(made: Home, tmp_path: Path) -> None:
    made.path.chmod(0o755)
    assert "chmod 700" in told(made).one("home", "warning")["run"]
    file = tmp_path / "file"
    file.touch()
    found = told(Home(file, made.database_url))
    assert (found.code, "is no folder" in found.one("home", "error")["what"]) == (1, True)


def test_a_port_that_another_program_has_is_found(made: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        found = told(with_settings(made, LEDGER_PORT=port))
        assert found.code == 1
        assert port in found.one("port", "error")["what"]


def test_files_of_the_home_that_are_torn_are_found(made: Home) -> None:
    (made.path / "log.json").write_text('{"kafka": ')
    found = told(made)
    assert (found.code, [one["check"] for one in found.of("error")]) == (1, ["home"])
    assert "log.json" in found.of("error")[0]["run"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a disk that can be filled")
def test_a_disk_without_room_is_found(tmp_path: Path) -> None:
    disk = Ramdisk(tmp_path / "disk")
    disk.make()
    try:
        home = Home(disk.mounted / "home", more={"LEDGER_PORT": "0"})
        disk.fill()
        found = told(home)
        assert (found.code, "0 MiB free" in found.one("disk", "error")["what"]) == (1, True)
    finally:
        disk.clear()


# PostgreSQL -------------------------------------------------------------------------------------


def test_a_postgresql_that_is_away_or_answers_nothing_is_found(made: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (free_port(0), silent.getsockname()[1]):
            away = replace(made, database_url=f"postgresql://x:secret@127.0.0.1:{port}/x")
            found = told(away)
            assert found.code == 1
            assert "pg_isready" in found.one("postgresql", "error")["run"]
            assert "secret" not in str(found.findings)


def test_a_database_of_another_release_is_found(made: Home) -> None:
    assert made.database_url is not None
    set_revision(made.database_url, "0003")
    assert told(made).one("migrations", "error")["run"] == "credit-ledger migrate"
    set_revision(made.database_url, "9999")
    assert "later release" in told(made).one("migrations", "error")["why"]


def test_a_database_without_tables_or_without_a_ledger_is_no_fault(
    empty_database_url: str, database_url: str, tmp_path: Path
) -> None:
    found = told(Home(tmp_path, empty_database_url, {"LEDGER_PORT": "0"}))
    assert (found.code, found.one("migrations", "note")["run"]) == (0, "credit-ledger up")
    found = told(Home(tmp_path, database_url, {"LEDGER_PORT": "0"}))
    assert (found.code, found.one("ledger", "note")["run"]) == (0, "credit-ledger up")


def test_the_database_of_another_ledger_is_found(made: Home) -> None:
    found = told(with_settings(made, LEDGER_ID="other"))
    assert found.code == 1
    assert found.one("ledger", "error")["run"] == "LEDGER_ID=test credit-ledger doctor"


def test_a_table_that_is_gone_is_found(made: Home) -> None:
    execute(made, "DROP TABLE projection_generation")
    found = told(made)
    assert (found.code, found.of("error")[0]["check"]) == (1, "postgresql")


def test_a_record_of_a_time_to_come_is_found(made: Home) -> None:
    execute(made, "UPDATE ledger_head SET recorded_at = %s", datetime.now(UTC) + timedelta(hours=3))  # noqa: TID251  # the clock that is ahead
    found = told(made)
    assert found.code == 1
    assert "3 h from now" in found.of("error")[0]["what"]


def test_a_clock_that_differs_from_postgresqls_is_found(
    made: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The only clock of a test that can be put wrong is this process's own.
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(minutes=10))
    found = told(made)
    assert found.code == 1
    assert "10 min" in found.one("clock", "error")["what"]


def test_a_server_that_does_not_keep_what_it_says_is_found(made: Home) -> None:
    assert made.database_url is not None
    with connect(made.database_url) as connection:
        fsync = connection.execute("SHOW fsync").fetchone()
    is_found = any(one["check"] == "durability" for one in told(made).findings)
    assert is_found == (fsync == ("off",))  # as it is for our own server of the tests


# Keys -------------------------------------------------------------------------------------------


def _other_key(path: Path) -> None:
    path.unlink()
    Signer.create(path, "test")


@pytest.mark.parametrize(
    ("how", "severity", "says"),
    [
        (Path.unlink, "error", "there is no private key"),
        (lambda path: path.write_text("-----BEGIN NOTHING"), "error", "cannot be used"),
        (_other_key, "error", "another key than the ledger's"),
        (lambda path: path.chmod(0o644), "warning", "read by other accounts"),
    ],
    ids=["gone", "broken", "another", "open"],
)
def test_a_private_key_that_does_not_serve_is_found(
    made: Home, how: Callable[[Path], object], severity: str, says: str
) -> None:
    how(made.path / "signing.key")
    found = told(made)
    assert found.code == (severity == "error")
    assert says in found.one("signing-key", severity)["what"]


def test_a_list_of_public_keys_that_is_not_the_ledgers_is_found(made: Home) -> None:
    file = made.path / "keys.json"
    listed = json.loads(file.read_text())
    listed["keys"][0]["first_term"] = 2
    file.write_text(json.dumps(listed))
    assert "other keys" in told(made).one("public-keys", "warning")["what"]
    file.unlink()
    found = told(made).one("public-keys", "warning")
    assert made.run(*str(found["run"]).split()[1:]).code == 0  # what it says to run mends it
    told(made).one("public-keys", "ok")


# Stops ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(STOPPED)))
def test_every_stop_is_told_with_its_section(made: Home, number: int) -> None:
    stop = decide(STOPPED[number])
    assert isinstance(stop, Stop)
    execute(made, "UPDATE ledger_head SET state = 'stopped', reason = %s", stop.message)
    found = told(made).one("serving", "error")
    assert found["see"] == f"docs/operations/stops.md#{stop.halt.value}"
    assert stop.message in found["what"]


def test_a_fence_and_a_healing_are_told(made: Home) -> None:
    execute(made, "UPDATE ledger_head SET state = 'fenced', reason = 'somebody else'")
    found = told(made).one("serving", "error")
    assert found["run"] == "credit-ledger recover --take-over"
    assert found["see"].endswith("#fenced")
    execute(made, "UPDATE ledger_head SET state = 'healing', reason = 'records are adopted'")
    assert told(made).code == 0
    assert told(made).one("serving", "warning")["see"].endswith("#not-serving")


# Views ------------------------------------------------------------------------------------------


def test_a_record_that_stops_the_views_is_found_by_its_position(made: Home) -> None:
    position, event = poisoned(made)
    for _ in range(2):
        found = told(made)
        assert found.code == 1
        halt = found.one("projector", "error")
        assert f"before position {position} (event {event}, of-tomorrow)" in halt["what"]
        assert halt["run"].startswith(f"credit-ledger approve-skip {position} ")
        # The second time as the projector itself has left it.
        with pytest.raises(ProjectorStopped):
            _run_projector(made)
    arguments = (str(position), "--reason", "of a later version", "--yes")
    assert made.run("approve-skip", *arguments).code == 0
    assert told(made).code == 0
    assert made.run("list").code == 0
    told(made).one("projector", "ok")


def _run_projector(home: Home) -> None:
    assert home.database_url is not None
    settings = settings_of(home.path, home.database_url)
    with wiring.reach(settings) as database:
        wiring.run_projector(settings, database, threading.Event())


def test_views_that_nobody_makes_are_told_and_are_no_fault(made: Home) -> None:
    execute(made, "UPDATE projection_place SET position = position - 1")
    found = told(made)
    assert (found.code, found.one("projector", "note")["run"]) == (0, "credit-ledger up")


def test_what_a_rebuild_left_half_done_is_found_and_what_it_says_to_run_mends_it(
    made: Home,
) -> None:
    env = {**without_settings(), **made.environment, "FAILPOINT": "rebuild_before_switch:kill:1"}
    command = [str(PROGRAM), "rebuild", "--yes", "--no-progress"]
    ran = subprocess.run(command, env=env, capture_output=True, timeout=120, check=False)
    assert ran.returncode == -signal.SIGKILL
    assert made.database_url is not None
    with connect(made.database_url) as connection, alone(connection):
        assert told(made).findings  # while one runs, it is none
        assert "being made" in [one["what"] for one in told(made).of("note")][-1]
    found = told(made)
    assert found.code == 0
    (left,) = found.of("warning")
    assert "generation 2 is left of a rebuild" in left["what"]
    assert made.run(*left["run"].split()[1:]).code == 0
    found = told(made)
    assert found.of("warning") == []
    assert "1 is kept, up to position 4" in found.one("generations", "ok")["what"]


def test_views_without_tables_are_found(made: Home) -> None:
    execute(made, "DROP SCHEMA views_1 CASCADE")
    assert "no schema views_1" in told(made).of("error")[0]["what"]


# A running service ------------------------------------------------------------------------------


def test_beside_a_service_it_tells_how_that_is_whatever_happens_to_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with up(home, "--no-sample") as service:
        found = told_by_program(home)
        assert (found.code, service.url in found.one("service", "ok")["what"]) == (0, True)
        assert found.one("projector", "ok")
        assert not [one for one in found.findings if one["check"] == "port"]

        service.process.send_signal(signal.SIGSTOP)
        found = told_by_program(home)
        service.process.send_signal(signal.SIGCONT)
        assert found.code == 1
        silent = found.one("service", "error")
        assert f"{service.url}/livez" in silent["run"]

        children = psutil.Process(service.process.pid).children(recursive=True)
        postgres = [one for one in children if one.name() == "postgres"]
        main = next(one for one in postgres if one.ppid() not in {other.pid for other in postgres})
        main.kill()
        until_gone([main])
        found = told_by_program(home)
        assert found.code == 1
        assert found.one("postgresql", "error")["run"] == f"tail {home}/pg/log"
        assert "takes no commands" in found.one("service", "error")["what"]

        service.process.kill()
        service.process.wait(60)
        assert until_gone(children) == []
        found = told_by_program(home, LEDGER_PORT="0")
        assert found.code == 0
        assert "run.json" in found.one("service", "warning")["what"]


# Kafka ------------------------------------------------------------------------------------------


@pytest.fixture
def admin(kafka: Kafka) -> Iterator[KafkaAdminClient]:
    with administer(kafka.address) as client:
        yield client


@pytest.fixture
def on_kafka(
    empty: Home, kafka: Kafka, admin: KafkaAdminClient
) -> Iterator[tuple[Home, str, KafkaAdminClient]]:
    """A home whose ledger lives on Kafka, the name of its topic, and who can alter that."""
    ledger = f"test-{token_hex(4)}"
    named = {"LEDGER_ID": ledger, "LEDGER_KAFKA": kafka.address, "LEDGER_SINGLE_BROKER": "true"}
    home = replace(empty, more={**named, "LEDGER_PORT": "0"})
    made = home.run("list")
    assert made.code == 0, made.err
    yield home, f"{ledger}.log", admin
    admin.delete_topics(list(topics_of(admin, ledger)))


@pytest.mark.kafka
def test_a_ledger_on_kafka_that_is_well_is_healthy(
    on_kafka: tuple[Home, str, KafkaAdminClient],
) -> None:
    home, topic, _ = on_kafka
    before = everything_in(home)
    found = told(home)
    assert found.code == 0, found.of("error")
    assert everything_in(home) == before
    assert "all is entered on Kafka" in found.one("relay", "ok")["what"]
    assert {one["check"] for one in found.of("warning")} == {"topic"}  # as for a single broker
    assert any(topic in one["what"] for one in found.of("ok"))


@pytest.mark.kafka
def test_a_topic_that_was_altered_or_is_gone_is_found(
    on_kafka: tuple[Home, str, KafkaAdminClient],
) -> None:
    home, topic, admin = on_kafka
    altered = {"retention.ms": "1000000"}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, altered)])
    found = told(home)
    assert found.code == 1
    assert "retention.ms=1000000" in found.of("error")[0]["what"]
    assert found.of("error")[0]["see"] == "docs/operations/stops.md#not-as-pinned"
    admin.delete_topics([topic])
    wait_until(lambda: topic not in admin.list_topics(), 30)
    found = told(home)
    assert found.code == 1
    assert f"there is no topic {topic}" in found.of("error")[0]["what"]


@pytest.mark.kafka
def test_a_kafka_that_is_away_is_found_and_so_is_one_that_nobody_names(
    on_kafka: tuple[Home, str, KafkaAdminClient],
) -> None:
    home, topic, _ = on_kafka
    away = with_settings(home, LEDGER_KAFKA=f"127.0.0.1:{free_port(0)}")
    found = told(away)
    assert (found.code, found.one("kafka", "error")["check"]) == (1, "kafka")
    found.one("postgresql", "ok")
    (home.path / "log.json").unlink()
    nowhere = replace(home, more={"LEDGER_ID": home.more["LEDGER_ID"], "LEDGER_PORT": "0"})
    found = told(nowhere)
    assert found.code == 1
    assert topic in found.one("log", "error")["what"]


@pytest.mark.kafka
def test_what_waits_for_a_relay_is_found(on_kafka: tuple[Home, str, KafkaAdminClient]) -> None:
    home, _, _ = on_kafka
    assert home.database_url is not None
    with psycopg.connect(home.database_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "INSERT INTO ledger_record SELECT position + 1, gen_random_uuid(), sha256('x'),"
            " sha256('x'), term, 'x', 's-x', 1, 'x', NULL FROM ledger_head"
        )
        connection.execute("UPDATE ledger_head SET position = position + 1")
    found = told(home)
    assert found.code == 0
    (waiting,) = [one for one in found.of("warning") if one["check"] == "relay"]
    assert (waiting["what"].split()[0], waiting["run"]) == ("1", "credit-ledger up")


@pytest.mark.kafka
def test_a_ledger_without_a_topic_yet_is_no_fault(
    database_url: str, kafka: Kafka, tmp_path: Path
) -> None:
    named = {"LEDGER_ID": f"test-{token_hex(4)}", "LEDGER_KAFKA": kafka.address}
    found = told(Home(tmp_path, database_url, {**named, "LEDGER_PORT": "0"}))
    assert (found.code, found.one("topic", "note")["run"]) == (0, "credit-ledger topic --create")


def test_a_broker_of_the_home_that_does_not_run_is_told_and_not_started(tmp_path: Path) -> None:
    path = tmp_path / "home"
    LocalHome(path).make().remember(RememberedLog(kafka="local", single_broker=True))
    home = Home(path, more={"LEDGER_PORT": "0", "LEDGER_KAFKA_JARS": str(KAFKA_CACHE)})
    found = told(home)
    assert (found.code, found.one("kafka", "note")["run"]) == (0, "credit-ledger up")
    assert sorted(one.name for one in path.iterdir()) == ["log.json"]
