"""The same totals by Kafka Streams: `streams/SubjectTotals.java`, compiled here and run.

Its jars are fetched by Maven, once, into the cache folder that the broker's are in.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.local import NoKafka
from infra.local.jars import KAFKA_VERSION, find_java, find_maven
from tests.parts import REPOSITORY

if TYPE_CHECKING:
    from projections.tables import Row

__all__ = ["NoStreams", "Streams", "compiled"]

_HERE: Final = Path(__file__).with_name("streams")
_CACHE: Final = REPOSITORY / ".cache" / f"kafka-streams-{KAFKA_VERSION}"
_COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_JACKSON_VERSION: Final = "2.21.2"
_SLF4J_VERSION: Final = "1.7.36"
"""Both are what the broker runs on."""
_JVM: Final = ("-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
_FETCH_S: Final = 900
_RUN_S: Final = 3_600
_SAID_MAX: Final = 2_000


class NoStreams(RuntimeError):
    """Kafka Streams cannot be run on this machine; the message says what was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """The program, compiled; runs in `folder`."""

    java: Path
    classpath: str
    folder: Path

    def totals(self, address: str, topic: str, number: int) -> tuple[float, dict[str, Row]]:
        """Records a second in run `number`, a new one; and the rows that it committed."""
        name = f"{topic}.totals-{number}"
        rows = self.folder / f"{name}.tsv"
        arguments = [address, topic, name, str(self.folder / name), str(rows)]
        command = [str(self.java), *_JVM, "-cp", self.classpath, "SubjectTotals", *arguments]
        told = json.loads(_run(command, _RUN_S).splitlines()[-1])
        lines = rows.read_text("utf-8").splitlines()
        return told["records"] / told["seconds"], dict(map(_row, lines))


def compiled(folder: Path) -> Streams:
    """The program, ready to be run in a new folder.

    Raises:
        NoStreams: there is no Java or no compiler for it, or Maven does not get the jars.
    """
    try:
        java = find_java().program
        if not _CACHE.is_dir():
            _fetch(find_maven())
    except NoKafka as error:
        raise NoStreams(str(error)) from error
    compiler = shutil.which("javac", path=java.parent) or shutil.which("javac")
    if compiler is None:
        raise NoStreams("no `javac` is on the path to compile the program with")
    folder.mkdir()
    source = str(_HERE / "SubjectTotals.java")
    _run([compiler, "-Xlint:all", "-Werror", "-cp", f"{_CACHE}/*", "-d", str(folder), source], 60)
    return Streams(java=java, classpath=f"{folder}:{_CACHE}/*", folder=folder)


def _fetch(maven: str) -> None:
    """Get the jars; the folder gets its name when it is whole, so that a kill leaves none."""
    new = _CACHE.with_name(f"{_CACHE.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    versions = {"kafka": KAFKA_VERSION, "jackson": _JACKSON_VERSION, "slf4j": _SLF4J_VERSION}
    command = [
        maven,
        "--batch-mode",
        "--no-transfer-progress",
        "--quiet",
        f"--file={_HERE / 'pom.xml'}",
        _COPY,
        *(f"-D{name}.version={version}" for name, version in versions.items()),
        "-DincludeScope=runtime",
        f"-DoutputDirectory={new}",
        "-Dstyle.color=never",
    ]
    _run(command, _FETCH_S)
    new.rename(_CACHE)


def _run(command: list[str], patience_s: float) -> str:
    """What a command said.

    Raises:
        NoStreams: it did not end well.
    """
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=patience_s, check=True
        )
    except subprocess.CalledProcessError as error:
        said = f"{error.stdout}{error.stderr}"[-_SAID_MAX:]
        raise NoStreams(f"{' '.join(command)} said:\n{said}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoStreams(str(error)) from error
    return ran.stdout


def _row(line: str) -> tuple[str, Row]:
    subject, cents, events, last_on, band = line.split("\t")
    day = date.fromisoformat(last_on) if last_on else None
    return subject, (subject, int(cents), int(events), day, band)
