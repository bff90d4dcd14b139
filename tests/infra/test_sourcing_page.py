"""The application in docs/sourcing.md runs on each of the ledgers and prints what stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local import Kafka
from infra.settings import Settings, variable
from infra.sourcing import LedgerFactory
from tests.check_ledger import check_ledger
from tests.repository import REPOSITORY

from .sourcing_on import environment_in_memory, environment_on_kafka, environment_on_table

PAGE = (REPOSITORY / "docs" / "sourcing.md").read_text("utf-8")
_PROGRAM = re.compile(r"```python\n# (\w+\.py)\n(.*?)```", re.DOTALL)
_PRINTED = re.compile(r"```text\n(.*?)```", re.DOTALL)
NAMES = ["ComplaintReceived", "InvestigationOpened", "EvidenceAdded", "EvidenceAdded"]
NAMES += ["HearingHeld", "FindingProposed"]


def run(folder: Path, environment: dict[str, str]) -> str:
    """What the page's program prints, in a process of its own in this folder."""
    for name, program in _PROGRAM.findall(PAGE):
        (folder / name).write_text(program, "utf-8")
    ours = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    ran = subprocess.run(
        [sys.executable, "one_case.py"],
        cwd=folder,
        env={**ours, **environment, "PYTHONPATH": str(REPOSITORY), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def printed() -> str:
    (text,) = _PRINTED.findall(PAGE)
    return str(text)


@pytest.mark.unit
def test_the_page_holds_two_programs() -> None:
    assert [name for name, _ in _PROGRAM.findall(PAGE)] == ["cases.py", "one_case.py"]


@pytest.mark.unit
def test_in_memory(tmp_path: Path) -> None:
    assert run(tmp_path, environment_in_memory()) == printed()


@pytest.mark.pg
def test_on_the_table(tmp_path: Path, database_url: str) -> None:
    assert run(tmp_path, environment_on_table(database_url, tmp_path / "home")) == printed()
    topics = [one.said["topic"] for one in check_ledger(database_url)[1:]]
    assert topics == [f"cases:Case.{name}" for name in NAMES]


@pytest.mark.pg
@pytest.mark.kafka
def test_on_kafka(tmp_path: Path, database_url: str, kafka: Kafka) -> None:
    environment = environment_on_kafka(database_url, tmp_path / "home", kafka)
    assert run(tmp_path, environment) == printed()
    assert len(check_ledger(database_url)) == 7


@pytest.mark.unit
def test_the_settings_of_the_page_are_those_that_are_read() -> None:
    named = set(re.findall(r"^\| `(LEDGER_\w+)` \|", PAGE, re.MULTILINE))
    own = {LedgerFactory.LEDGER_RELAYS, LedgerFactory.LEDGER_ENTERED_TIMEOUT}
    assert own <= named
    assert named - own <= {variable(name) for name in Settings.model_fields}
