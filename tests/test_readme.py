"""What the READMEs tell a newcomer to type is typed here, against the service that they start."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.api.cli.test_up import Running, environment, up
from tests.parts import REPOSITORY

pytestmark = [pytest.mark.pg, pytest.mark.timeout(300)]

READMES = ("README.md", "README.zh-CN.md")
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_COMMAND = re.compile(r"`(\.venv/bin/credit-ledger [^`]+)`")
_LINK = re.compile(r"\]\(([^)#]+)\)")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    home = tmp_path_factory.mktemp("readme") / "home"
    with up(home) as running:
        yield running, home


def curls(readme: str) -> list[str]:
    text = (REPOSITORY / readme).read_text("utf-8")
    return [block for block in _BLOCK.findall(text) if block.startswith("curl")]


def said(command: str, url: str) -> Any:
    address = urlsplit(url).netloc
    ran = subprocess.run(
        ["bash", "-c", command.replace("127.0.0.1:8000", address)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)


@pytest.mark.parametrize("readme", READMES)
def test_the_three_calls(readme: str, service: tuple[Running, Path]) -> None:
    running, _ = service
    record, grade, why = curls(readme)
    recorded = said(record, running.url)
    assert recorded["state"] in {"entered", "unchanged"}, recorded
    running.get(f"/v1/subjects/{recorded['subject']}")
    graded = said(grade, running.url)
    explained = said(why, running.url)
    assert (graded["grade"], graded["score"]) == (explained["grade"], explained["score"])
    points = [Decimal(reason["points"]) for reason in explained["reasons"]]
    assert sum(points, Decimal(0)) == Decimal(explained["score"])
    assert "2026-11-02" in [reason["from"] for reason in explained["reasons"]]


@pytest.mark.parametrize("readme", READMES)
def test_the_note_on_the_command_line(readme: str, service: tuple[Running, Path]) -> None:
    _, home = service
    (command,) = _COMMAND.findall((REPOSITORY / readme).read_text("utf-8"))
    ran = subprocess.run(
        shlex.split(command),
        cwd=REPOSITORY,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "示例云帆智能科技有限公司" in ran.stdout


@pytest.mark.parametrize(
    "page", sorted(str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("*.md"))
)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    for link in _LINK.findall((REPOSITORY / page).read_text("utf-8")):
        if not link.startswith("http"):
            assert (REPOSITORY / page).parent.joinpath(link).exists(), f"{page}: {link}"


def test_the_commands_that_start_and_test_it_are_targets_of_the_makefile() -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    for readme in READMES:
        text = (REPOSITORY / readme).read_text("utf-8")
        for target in re.findall(r"^make (\w+)", text, re.MULTILINE):
            assert f"\n{target}:" in makefile
    assert os.access(REPOSITORY / ".ci" / "run", os.X_OK)
