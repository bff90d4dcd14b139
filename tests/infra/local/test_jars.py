"""What a broker needs of the machine, found, fetched and missed: with programs that play it."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local import NoKafka
from infra.local.jars import KAFKA_VERSION, are_fetched, fetch, find_java

pytestmark = pytest.mark.unit

BROKER = f"kafka_2.13-{KAFKA_VERSION}.jar"
INTO = 'for each; do case $each in -DoutputDirectory=*) into=${each#*=};; esac; done; mkdir "$into"'
"""The beginning of a `mvn`: it makes the folder that it is told to copy to."""

Play = Callable[[str, str], Path]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Put a program of this name, a shell script, before all others on the path."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.delenv("JAVA_HOME", raising=False)

    def put(name: str, script: str) -> Path:
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
        return programs / name

    return put


def says(version: str) -> str:
    return f"echo 'openjdk version \"{version}\" 2025-04-15' >&2"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "not" / "yet" / "cache"


@pytest.mark.parametrize(("version", "major"), [("17", 17), ("17.0.15", 17), ("25.0.1", 25)])
def test_a_java_from_17_on_will_do(play: Play, version: str, major: int) -> None:
    java = play("java", says(version))
    assert (find_java().program, find_java().major) == (java, major)


@pytest.mark.parametrize("version", ["16.0.2", "11.0.2", "1.8.0_392"])
def test_an_older_java_is_refused_with_what_it_says(play: Play, version: str) -> None:
    java = play("java", says(version))
    with pytest.raises(NoKafka, match=f"needs Java 17 or later; {java} says: .*{version}"):
        find_java()


def test_a_java_that_does_not_run_is_refused_with_what_it_says(play: Play) -> None:
    play("java", "echo cannot load a library; exit 127")
    with pytest.raises(NoKafka, match="cannot load a library"):
        find_java()


def test_the_java_of_java_home_goes_before_the_path(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / "bin").mkdir(parents=True)
    java = play("java", says("21.0.1")).rename(tmp_path / "home" / "bin" / "java")
    play("java", says("11.0.2"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert find_java().program == java


def test_without_java_the_error_says_which_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(NoKafka, match="no `java` is on the path; Kafka needs Java 17 or later"):
        find_java()


def test_without_maven_the_error_says_what_it_is_for(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoKafka, match="the jars of Kafka are not here yet, and no `mvn`"):
        fetch(cache)


def test_jars_are_fetched_once_and_then_need_no_maven(
    play: Play, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play("mvn", f'{INTO}; echo "$@" > "$into/asked"; touch "$into/{BROKER}"')
    jars = fetch(cache)
    assert (jars / BROKER).is_file()
    asked = (jars / "asked").read_text()
    assert f"-Dkafka.version={KAFKA_VERSION} " in asked
    assert ":maven-dependency-plugin:3.8.1:" in asked
    monkeypatch.setenv("PATH", "/nowhere")
    assert fetch(cache) == jars


def test_a_maven_that_fails_is_quoted_and_leaves_nothing_that_looks_done(
    play: Play, cache: Path
) -> None:
    play("mvn", f'{INTO}; touch "$into/{BROKER}"; echo "Could not transfer: no route"; exit 1')
    with pytest.raises(NoKafka, match=r"(?s)did not get the jars.*Could not transfer: no route"):
        fetch(cache)
    assert not are_fetched(cache)


def test_a_maven_that_brings_something_else_is_no_success(play: Play, cache: Path) -> None:
    play("mvn", f'{INTO}; touch "$into/kafka_2.13-0.0.1.jar"')
    with pytest.raises(NoKafka, match="did not get the jars"):
        fetch(cache)
    assert not are_fetched(cache)


def test_what_a_killed_fetch_left_is_fetched_anew(play: Play, cache: Path) -> None:
    left = cache / "lib.new"
    left.mkdir(parents=True)
    (left / BROKER).touch()
    (left / "half.jar").touch()
    play("mvn", f'{INTO}; touch "$into/{BROKER}"')
    assert [each.name for each in fetch(cache).iterdir()] == [BROKER]


def test_of_two_that_fetch_at_once_one_waits_for_the_other(
    play: Play, cache: Path, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    play("mvn", f'{INTO}; echo once >> {asked}; sleep 0.5; touch "$into/{BROKER}"')
    found: list[Path] = []
    both = [threading.Thread(target=lambda: found.append(fetch(cache))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert found == [cache / "lib"] * 2
    assert asked.read_text() == "once\n"
