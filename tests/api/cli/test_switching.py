"""`switch-back`: what is shown and asked beforehand, and done, also beside a running service."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Client

from tests.api.asking import fresh_code
from tests.api.cli.conftest import AGENCY, RATING
from tests.api.cli.running import Home, validator
from tests.api.cli.test_up import PROGRAM, environment, up

pytestmark = [pytest.mark.pg, pytest.mark.timeout(300)]


def test_it_is_shown_asked_and_done_and_both_are_kept(home: Home) -> None:
    refused = home.run("switch-back", "--yes")
    assert (refused.code, "no former one is kept" in refused.err) == (1, True)
    grade = home.run("grade", AGENCY, "--regime", RATING, "--json").out
    assert home.run("rebuild", "--yes").code == 0
    planned = home.run("switch-back", "--dry-run", "--json")
    assert planned.code == 0, planned.err
    said = planned.json("switch-back")
    assert (said["switched"], said["behind"]) == (False, 0)
    assert (said["read"]["generation"], said["former"]["generation"]) == (2, 1)
    unasked = home.run("switch-back")
    assert (unasked.code, "say --yes" in unasked.err) == (2, True)
    assert "generation 1 would be read" in unasked.err
    assert home.run("switch-back", "--dry-run").lines[0].startswith("generation 2 is read now")

    done = home.run("switch-back", "--yes", "--json", "--no-progress")
    assert done.code == 0, done.err
    after = done.json("switch-back")
    assert (after["switched"], after["behind"]) == (True, 0)
    assert (after["read"]["generation"], after["former"]["generation"]) == (1, 2)
    assert home.run("grade", AGENCY, "--regime", RATING, "--json").out == grade
    assert "generation 2 is read from now on" in home.run("switch-back", "--yes").out
    assert home.run("verify").code == 0


def command(home: Path, *arguments: str, code: int = 0, **more: str) -> str:
    ran = subprocess.run(
        [str(PROGRAM), *arguments],
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout


def switched(home: Path, *options: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(command(home, "switch-back", "--json", *options))
    validator("switch-back").validate(said)
    return said


def test_a_service_that_runs_goes_on_by_itself_and_what_was_written_is_read(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    with up(home, "--no-sample") as service:
        codes = [fresh_code() for _ in range(6)]

        def register(code: str) -> int:
            body = {"identifiers": [code], "name": "示例公司"}
            return int(service.record("register-subject", body)["position"])

        def reads(code: str, position: int) -> None:
            """Whoever has written reads it, and is told a position that has it."""
            headers = {"Ledger-Min-Position": str(position), "Prefer": "wait=30"}
            with Client(base_url=service.url, timeout=60) as client:
                answer = client.get(f"/v1/subjects/{code}", headers=headers)
            assert answer.status_code == 200, answer.text
            assert int(answer.headers["Ledger-Position"]) >= position

        reads(codes[0], register(codes[0]))
        command(home, "rebuild", "--yes", "--no-progress")
        for code in codes[1:3]:
            reads(code, register(code))
        planned = switched(home, "--dry-run")
        assert (planned["read"]["generation"], planned["behind"]) == (2, 2)

        for point in ("switch_back_between_batches", "switch_back_before_switch"):
            command(
                home,
                *("switch-back", "--yes", "--no-progress"),
                code=-signal.SIGKILL,
                FAILPOINT=f"{point}:kill:1",
            )
            assert switched(home, "--dry-run")["read"]["generation"] == 2
            reads(codes[3], register(codes[3]) if point.endswith("batches") else 1)

        done = switched(home, "--yes", "--no-progress")
        assert (done["read"]["generation"], done["former"]["generation"]) == (1, 2)
        assert done["read"]["position"] >= done["former"]["position"]
        for code in codes[:4]:
            reads(code, 1)
        for code in codes[4:]:
            reads(code, register(code))
        again = switched(home, "--dry-run")
        assert (again["read"]["generation"], again["read"]["position"]) == (1, service.entered())
        command(home, "verify", "--no-progress")
