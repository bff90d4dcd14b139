"""A Kafka broker as its publishers ship it: a Java that runs it, and its jars, fetched by Maven.

The jars are fetched once into a cache folder, which any number of brokers, processes and homes
share. They appear there whole or not at all: a fetch that was killed leaves nothing that looks
done, and of two processes that fetch at once the second finds what the first one fetched.
"""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KAFKA_VERSION: Final = "4.3.1"
"""The newest that kafka-python names as tested."""

_SLF4J_VERSION: Final = "1.7.36"
_COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_POM: Final = Path(__file__).with_name("pom.xml")
_BROKER: Final = f"kafka_2.13-{KAFKA_VERSION}.jar"
_JAVA_MIN: Final = 17
_JAVA_VERSION: Final = re.compile(r'version "(\d+)')
_JAVA_S: Final = 30
_FETCH_S: Final = 900  # 67 MB, from wherever this machine's Maven gets its artefacts
_SAID_MAX: Final = 2_000


class NoKafka(RuntimeError):
    """No Kafka can be started on this machine; the message says what was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Java:
    """A Java that can run a broker."""

    program: Path
    major: int


def find_java() -> Java:
    """The Java of `JAVA_HOME`, else the first on the path, if it is of version 17 or later.

    Raises:
        NoKafka: there is none, it does not run, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if not found:
        raise NoKafka(f"no `java` is on the path; Kafka needs Java {_JAVA_MIN} or later")
    _, said = _run([found, "-version"], _JAVA_S)
    version = _JAVA_VERSION.search(said)
    if version is None or int(version[1]) < _JAVA_MIN:
        raise NoKafka(f"Kafka needs Java {_JAVA_MIN} or later; {found} says: {said}")
    return Java(program=Path(found), major=int(version[1]))


def find_maven() -> str:
    """The program `mvn` on the path.

    Raises:
        NoKafka: there is none.
    """
    found = shutil.which("mvn")
    if not found:
        raise NoKafka("the jars of Kafka are not here yet, and no `mvn` is on the path to get them")
    return found


def are_fetched(cache: Path) -> bool:
    """Whether the jars are in this cache folder."""
    return (cache / "lib" / _BROKER).is_file()


def fetch(cache: Path) -> Path:
    """The folder with the jars of the broker, below `cache`; asks the network only the first time.

    Raises:
        NoKafka: Maven is not there, or does not get them; the message holds what it said.
    """
    cache = cache.absolute()
    jars = cache / "lib"
    if are_fetched(cache):
        return jars
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        if not are_fetched(cache):
            _copy(find_maven(), cache / "lib.new", jars)
    return jars


def _copy(maven: str, new: Path, jars: Path) -> None:
    for left in (new, jars):
        shutil.rmtree(left, ignore_errors=True)
    command = [
        maven,
        "--batch-mode",
        "--no-transfer-progress",
        "--quiet",
        f"--file={_POM}",
        _COPY,
        f"-Dkafka.version={KAFKA_VERSION}",
        f"-Dslf4j.version={_SLF4J_VERSION}",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={new}",
        "-Dstyle.color=never",
    ]
    well, said = _run(command, _FETCH_S)
    if not (well and (new / _BROKER).is_file()):
        raise NoKafka(f"Maven did not get the jars of Kafka. {' '.join(command)} said:\n{said}")
    new.rename(jars)


def _run(command: list[str], patience_s: float) -> tuple[bool, str]:
    """Whether the command ended well, and what it said."""
    try:
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=patience_s,
            text=True,
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"nothing that ends it within {patience_s} s"
    except OSError as error:
        return False, str(error)
    said = ran.stdout.strip()[:_SAID_MAX] or f"nothing, exit status {ran.returncode}"
    return ran.returncode == 0, said


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Be the only process that fetches into this cache; the lock ends with its holder."""
    with (cache / "lock").open("a") as lock:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        yield
