"""That a part left out is said loudly: the suite, run anew where its parts do not answer."""

import os
import subprocess
import sys
from multiprocessing import AuthenticationError
from pathlib import Path

import pytest

from infra.local import Kafka, NoKafka
from tests.containers import compose_image
from tests.parts import REPOSITORY, open_kafka, way_to_kafka
from tests.sharing import AskedKafka, OwnKafka

SUITE = ("tests/infra/test_clock.py", "tests/infra/migrations/test_migrate.py")
NOWHERE = "127.0.0.1:1"  # nothing listens there


def run_suite(**environment: str) -> subprocess.CompletedProcess[str]:
    """The end of a run of a few tests."""
    nowhere = {"LEDGER_TEST_PG_URL": f"postgresql://ledger@{NOWHERE}/ledger"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *SUITE],
        cwd=REPOSITORY,
        env=os.environ | nowhere | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def without_java(folder: Path) -> dict[str, str]:
    """An environment on whose path everything is but Java and Docker."""
    folder.mkdir()
    for each in os.environ["PATH"].split(os.pathsep):
        for program in Path(each).glob("*"):
            if program.name not in {"java", "docker"} and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    return {"PATH": str(folder), "JAVA_HOME": ""}


def test_a_part_left_out_is_named_and_what_needs_it_is_skipped() -> None:
    ran = run_suite(STRICT_PARTS="0")
    assert ran.returncode == pytest.ExitCode.OK
    assert "parts: postgres: none · kafka: " in ran.stdout
    assert "PART LEFT OUT: postgres" in ran.stdout
    assert "LEDGER_TEST_PG_URL is set, and nothing answers there" in ran.stdout
    assert " skipped" in ran.stdout.splitlines()[-1]


def test_under_strict_parts_a_part_left_out_fails_the_run() -> None:
    ran = run_suite(STRICT_PARTS="1")
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED
    assert "PART LEFT OUT: postgres" in ran.stdout


def test_without_java_kafka_is_left_out_loudly(tmp_path: Path) -> None:
    ran = run_suite(STRICT_PARTS="0", **without_java(tmp_path / "bin"))
    assert ran.returncode == pytest.ExitCode.OK
    assert " · kafka: none · docker: none" in ran.stdout
    assert "PART LEFT OUT: kafka" in ran.stdout
    assert "no `java` is on the path; Kafka needs Java 17 or later" in ran.stdout


def test_a_kafka_that_is_named_and_does_not_answer_is_not_replaced_by_another(
    tmp_path: Path,
) -> None:
    found = open_kafka(tmp_path / "kafka", {"LEDGER_TEST_KAFKA": NOWHERE})
    assert isinstance(found, NoKafka)
    assert f"no Kafka answers at {NOWHERE}" in str(found)
    assert not (tmp_path / "kafka").exists()


def test_a_kafka_that_is_named_goes_before_every_other_path() -> None:
    assert way_to_kafka({"LEDGER_TEST_KAFKA": "kafka:9092"}) == "LEDGER_TEST_KAFKA kafka:9092"


def test_docker_goes_before_the_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 28.2.2\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert way_to_kafka({}) == f"Docker {compose_image('kafka')}"


@pytest.mark.pg
@pytest.mark.kafka
def test_the_header_names_the_path_to_each_part(pytestconfig: pytest.Config) -> None:
    from tests.conftest import pytest_report_header  # noqa: PLC0415 # not before pytest loads it

    header = pytest_report_header(pytestconfig)
    assert header.startswith("parts: postgres: ")
    assert " · kafka: " in header


@pytest.mark.kafka
def test_a_worker_is_told_of_the_broker_that_the_session_started(kafka: Kafka) -> None:
    own = OwnKafka(Path("/nowhere"))
    own._found = kafka
    try:
        asked = AskedKafka(own.told_to_workers()).get()
        assert isinstance(asked, Kafka)
        assert (asked.address, asked.path) == (kafka.address, kafka.path)
    finally:
        own._found = None
        own.stop()


def test_a_worker_is_told_why_there_is_no_broker(tmp_path: Path) -> None:
    own = OwnKafka(tmp_path)
    own._found = NoKafka("none today")
    try:
        asked = AskedKafka(own.told_to_workers())
        assert [str(asked.get()), str(asked.get())] == ["none today", "none today"]
        assert own.left_out() == "none today"
        assert not asked.left_out()
    finally:
        own.stop()


def test_who_does_not_know_the_secret_is_told_nothing(tmp_path: Path) -> None:
    own = OwnKafka(tmp_path)
    own._found = NoKafka("none today")
    try:
        host, port, _ = own.told_to_workers()
        with pytest.raises(AuthenticationError):
            AskedKafka((host, port, "00" * 16)).get()
        assert str(AskedKafka(own.told_to_workers()).get()) == "none today"
    finally:
        own.stop()
