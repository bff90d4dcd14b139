"""`credit-ledger up` for real: processes, a home of their own, signals, a second start."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from httpx2 import Client

from tests.api.asking import fresh_code, fresh_key

pytestmark = [pytest.mark.pg, pytest.mark.timeout(300)]

PROGRAM = Path(__file__).resolve().parents[3] / ".venv" / "bin" / "credit-ledger"
_START_S = 120
_END_S = 60


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment without settings of the ledger but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    kept.pop("PORT", None)
    return {**kept, "LEDGER_HOME": str(home), **more}


@dataclass(frozen=True)
class Running:
    """A service that is up, where it is, and what it said until then."""

    process: subprocess.Popen[str]
    url: str
    said: str

    def entered(self) -> int:
        with Client(base_url=self.url, timeout=30) as client:
            return int(client.get("/health").json()["positions"]["entered"])

    def get(self, path: str) -> Any:
        """Read, once the views show what is entered."""
        wanted = {"Ledger-Min-Position": str(self.entered()), "Prefer": "wait=30"}
        with Client(base_url=self.url, timeout=60) as client:
            answer = client.get(path, headers=wanted)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def record(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Idempotency-Key": fresh_key(), "Prefer": "wait=20"}
        with Client(base_url=self.url, timeout=30) as client:
            answer = client.post(f"/v1/commands/{name}", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        shown: dict[str, Any] = answer.json()
        return shown


@contextmanager
def up(home: Path, *options: str, **more: str) -> Iterator[Running]:
    """A service with the embedded PostgreSQL of its home, ended with Ctrl-C."""
    log = home.parent / "stderr"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [str(PROGRAM), "up", "--port", "0", *options],
            env=environment(home, **more),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            said, url = _said_until_up(process, log)
            yield Running(process, url, said)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(_END_S)


def _said_until_up(process: subprocess.Popen[str], log: Path) -> tuple[str, str]:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C" in line:
            found = re.search(r"API\s+(http://127\.0\.0\.1:\d+)", said)
            assert found is not None, said
            return said, found[1]
    raise AssertionError(f"it ended: {said}{log.read_text()}")


def children_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def until_gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that are still there after a while."""
    _, alive = psutil.wait_procs(processes, timeout=_END_S)
    return alive


def test_a_second_start_goes_on_where_the_first_one_stopped(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code = fresh_code()
    with up(home, "--no-sample") as first:
        assert "table in PostgreSQL" in first.said
        run = json.loads((home / "run.json").read_text())
        assert run["url"] == first.url
        assert (home / "run.json").stat().st_mode & 0o777 == 0o600
        recorded = first.record("register-subject", {"identifiers": [code], "name": "示例公司"})
        helpers = children_of(first.process.pid)
        assert {"postgres"} <= {helper.name() for helper in helpers}
    assert first.process.returncode == 0
    assert until_gone(helpers) == []
    assert not (home / "run.json").exists()
    with up(home, "--no-sample") as second:
        shown = second.get(f"/v1/subjects/{code}")
        assert shown["subject"] == recorded["subject"]
        assert second.get("/health")["positions"]["entered"] == recorded["position"]


def test_a_service_that_is_killed_leaves_no_process_and_loses_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code = fresh_code()
    with up(home, "--no-sample") as first:
        recorded = first.record("register-subject", {"identifiers": [code], "name": "示例公司"})
        helpers = children_of(first.process.pid)
        first.process.kill()
        first.process.wait(_END_S)
        assert until_gone(helpers) == []
    with up(home, "--no-sample") as second:
        shown = second.get(f"/v1/subjects/{code}")
        assert shown["subject"] == recorded["subject"]


def test_a_projector_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with up(tmp_path / "home", "--no-sample") as service:
        projector = next(
            one for one in children_of(service.process.pid) if "projector" in one.cmdline()
        )
        projector.kill()
        code = fresh_code()
        recorded = service.record("register-subject", {"identifiers": [code], "name": "示例公司"})
        headers = {"Ledger-Min-Position": str(recorded["position"]), "Prefer": "wait=30"}
        with Client(base_url=service.url, timeout=60) as client:
            answer = client.get(f"/v1/subjects/{code}", headers=headers)
        assert answer.status_code == 200, answer.text


def test_a_reset_sets_the_former_ledger_aside(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code = fresh_code()
    with up(home, "--no-sample") as first:
        first.record("register-subject", {"identifiers": [code], "name": "示例公司"})
    with up(home, "--no-sample", "--reset") as second, Client(base_url=second.url) as client:
        assert client.get(f"/v1/subjects/{code}").status_code == 404
        kept = [path for path in (home / "former").iterdir() if (path / "pg" / "data").exists()]
        assert len(kept) == 1
        assert (kept[0] / "signing.key").exists()


def test_two_services_do_not_share_a_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with up(home, "--no-sample"):
        other = subprocess.run(
            [str(PROGRAM), "up", "--once", "--port", "0", "--no-sample"],
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=_START_S,
            check=False,
        )
    assert other.returncode == 1
    assert "in use by process" in other.stderr


def test_a_port_that_is_taken_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = subprocess.run(
            [str(PROGRAM), "up", "--once", "--port", port],
            env=environment(tmp_path / "home"),
            capture_output=True,
            text=True,
            timeout=_START_S,
            check=False,
        )
    assert ran.returncode == 1
    assert f"port {port}" in ran.stderr
    assert not (tmp_path / "home").exists()


def test_the_service_listens_on_loopback_alone_and_the_image_says_so_on_its_health_page(
    tmp_path: Path,
) -> None:
    with up(tmp_path / "home", "--no-sample") as service:
        listening = [
            one.laddr.ip
            for one in psutil.Process(service.process.pid).net_connections("inet")
            if one.status == psutil.CONN_LISTEN
        ]
        assert listening == ["127.0.0.1"]
        assert not any("beyond loopback" in note for note in service.get("/health")["notes"])


def test_commands_use_the_postgresql_of_the_service_that_runs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code = fresh_code()
    command = {"command": "register-subject", "identifiers": [code], "name": "示例公司"}
    with up(home, "--no-sample") as service:
        ran = subprocess.run(
            [str(PROGRAM), "record", "-", "--json"],
            input=json.dumps(command),
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=_START_S,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        # Shown at once: the command waited for the projector of the service.
        assert service.get(f"/v1/subjects/{code}")["name"] == "示例公司"
        assert [one for one in children_of(service.process.pid) if one.name() == "postgres"]


def test_the_sample_is_recorded_once_and_its_story_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    stories = []
    for _ in range(2):
        ran = subprocess.run(
            [str(PROGRAM), "up", "--once", "--port", "0"],
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=_START_S,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        stories.append(re.sub(r":\d+", "", ran.stdout))
    assert stories[0] == stories[1]
    assert "demo/enterprise/score" in stories[0]
    assert "pa-rating/agency" in stories[0]
    assert "cnipa-credit/measures" in stories[0]
