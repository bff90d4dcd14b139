"""`docs/command-line.md` is true: its examples run, and it names every schema and exit code."""

import json
import re
import shlex
from pathlib import Path

import pytest

from api.cli.output import Exit
from tests.api.cli.conftest import COMMANDS
from tests.api.cli.running import Home
from tests.parts import REPOSITORY

_DOCS = REPOSITORY / "docs"
_PAGE = (_DOCS / "command-line.md").read_text("utf-8")
_BLOCKS = re.findall(r"```(\w+)\n(.*?)```", _PAGE, re.DOTALL)


@pytest.mark.pg
def test_every_example_runs(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fine = next(text for language, text in _BLOCKS if language == "json")
    lines = [json.dumps(command, ensure_ascii=False) for command in COMMANDS[:2]]
    Path("commands.jsonl").write_text("\n".join([*lines, fine]), "utf-8")
    examples = [
        shlex.split(line)
        for language, text in _BLOCKS
        if language == "sh"
        for line in text.splitlines()
    ]
    assert {example[0] for example in examples} == {"credit-ledger"}
    for _, *arguments in examples:
        ran = home.run(*arguments)
        assert ran.code == Exit.OK, (arguments, ran.out, ran.err)
        assert ran.out, arguments


def test_every_schema_is_named_and_every_name_is_a_schema() -> None:
    named = set(re.findall(r"docs/schemas/([a-z-]+)\.json", _PAGE))
    there = {path.stem for path in (_DOCS / "schemas").glob("*.json")}
    assert named == there - {"import"}  # which docs/import.md is about


def test_every_exit_code_is_explained() -> None:
    explained = set(map(int, re.findall(r"^\| (\d+) \|", _PAGE, re.MULTILINE)))
    assert explained == set(map(int, Exit))


def test_every_code_of_a_problem_is_explained() -> None:
    schema = json.loads((_DOCS / "schemas" / "verify.json").read_text("utf-8"))
    codes = schema["properties"]["problems"]["items"]["properties"]["code"]["enum"]
    rows = re.findall(r"^\| (`[^|]+`) \|", _PAGE, re.MULTILINE)
    assert sorted(re.findall(r"`([a-z-]+)`", " ".join(rows))) == sorted(codes)
