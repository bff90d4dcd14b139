"""The command line as its users have it: a program, with or without a service that runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from api.cli.output import Exit
from tests.api.asking import fresh_code
from tests.api.cli.conftest import AGENCY, COMMANDS, RATING
from tests.api.cli.running import PROGRAM, Home, without_settings
from tests.api.cli.test_recording import enterprise, lines
from tests.api.cli.test_up import Running, up

_SAID = lines(*COMMANDS)
_HEAVY = {"fastapi", "psycopg", "pydantic", "msgspec", "structlog", "uvicorn", "rich", "alembic"}


def test_help_lists_every_command_and_exit_code(tmp_path: Path) -> None:
    ran = Home(tmp_path / "home").program("--help")
    assert ran.code == 0
    named = "up import record grade explain timeline list rebuild verify migrate topic code"
    for command in [*named.split(), "calendar"]:
        assert f"\n  {command} " in ran.out, command
    said = " ".join(ran.out.split())
    for code in Exit:
        assert f" {int(code)} " in f"{said} ", code
    assert not (tmp_path / "home").exists()


def test_nothing_heavy_is_imported_before_a_command_needs_it() -> None:
    """`credit-ledger --help` stays under half a second because of this."""
    code = (
        "import sys, api.cli; print('\\n'.join(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert _HEAVY & set(ran.stdout.split()) == set()


@pytest.mark.parametrize("command", ["explain", "code check", "list", "rebuild"])
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    ran = Home(tmp_path / "home").run(*command.split(), "--help")
    assert ran.code == 0
    assert "--json" in ran.out


def test_a_command_that_is_not_there_is_bad_usage(tmp_path: Path) -> None:
    assert Home(tmp_path / "home").run("nothing").code == Exit.USAGE


@pytest.mark.pg
@pytest.mark.timeout(300)
def test_without_a_service_a_command_starts_postgresql_projects_and_stops_it(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "home")
    recorded = home.program("record", "-", "--json", said=_SAID)
    assert recorded.code == 0, recorded.err
    assert [one["status"] for one in recorded.documents("record")] == ["recorded"] * 5
    asked = ("explain", AGENCY, "--regime", RATING, "--as-of", "2026-07-06", "--json")
    found = home.program(*asked)
    assert found.json("explain")["score"] == "25"
    assert home.program("verify", "--json").json("verify")["ok"]
    left = [
        one.pid
        for one in psutil.process_iter(["cmdline"])
        if str(tmp_path) in " ".join(one.info["cmdline"] or ())
    ]
    assert left == []
    assert not (home.path / "run.json").exists()


@pytest.mark.pg
@pytest.mark.timeout(300)
def test_beside_a_service_commands_use_its_postgresql_and_wait_for_its_projector(
    tmp_path: Path,
) -> None:
    path = tmp_path / "home"
    home = Home(path)
    with up(path, "--no-sample", LEDGER_ID="test") as service:
        servers = _servers(service)
        assert len(servers) == 1
        recorded = home.program("record", "-", "--json", said=_SAID)
        assert recorded.code == 0, recorded.err
        position = recorded.documents("record")[-1]["position"]
        # Shown at once: the command waited for the projector of the service.
        shown = service.get(f"/v1/subjects/{AGENCY}/grade?regime={RATING}&as_of=2026-07-06")
        assert (shown["score"], shown["known_at"]) == ("25", position)
        asked = ("explain", AGENCY, "--regime", RATING, "--as-of", "2026-07-06", "--json")
        told = home.program(*asked).json("explain")
        del shown["complete"]
        assert {name: told[name] for name in shown} == shown
        # What the service records beside it, the next command shows.
        service.record("register-subject", {"identifiers": [fresh_code()], "name": "示例"})
        verified = home.program("verify", "--json")
        assert verified.code == 0, verified.out
        assert verified.json("verify")["head"] == position + 1
        rebuilt = home.program("rebuild", "--yes", "--json")
        assert rebuilt.code == 0, rebuilt.err
        assert rebuilt.json("rebuild")["tables"] == verified.json("verify")["tables"]
        # The service reads the new generation, and goes on to write it.
        code = fresh_code()
        assert home.program("record", "-", said=lines(enterprise(code))).code == 0
        assert service.get(f"/v1/subjects/{code}")["name"]
        assert _servers(service) == servers
    assert home.program("verify").code == 0


def _servers(service: Running) -> list[int]:
    """The PostgreSQL of a service: the process whose children serve its sessions."""
    started = psutil.Process(service.process.pid).children(recursive=True)
    return [one.pid for one in started if one.name() == "postgres" and "-D" in one.cmdline()]


@pytest.mark.pg
def test_what_is_not_utf_8_in_an_argument_is_no_fault(tmp_path: Path) -> None:
    ran = subprocess.run(
        [os.fsencode(PROGRAM), b"code", b"check", b"\xff\xfe", b"--json"],
        env={**without_settings(), "LEDGER_HOME": str(tmp_path / "home")},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == Exit.REJECTED
    assert json.loads(ran.stdout)["valid"] is False
