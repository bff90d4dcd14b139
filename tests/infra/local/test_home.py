import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from infra import clock
from infra.local import Home, HomeHeld, Run

RUN = Run(
    database_url="postgresql://ledger:geheim@127.0.0.1:5432/postgres",
    url="http://127.0.0.1:8000",
    pid=4711,
    kafka=None,
    single_broker=False,
)

HOLD = """
import sys, time
from pathlib import Path
from infra.local import Home
with Home(Path(sys.argv[1])).hold():
    print("held", flush=True)
    time.sleep(60)
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").make()


def test_a_home_that_does_not_exist_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "not" / "yet" / "home").make()
    assert mode(home.path) == 0o700


@pytest.mark.parametrize("given", [0o755, 0o711, 0o750])
def test_a_home_that_exists_keeps_its_mode_and_so_does_every_folder_above(
    tmp_path: Path, given: int
) -> None:
    above, path = tmp_path / "above", tmp_path / "above" / "home"
    path.mkdir(parents=True)
    above.chmod(given)
    path.chmod(given)
    Home(path).make()
    assert (mode(above), mode(path)) == (given, given)


def test_a_relative_home_counts_from_the_folder_in_which_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = Home(Path(".credit-ledger")).make()
    monkeypatch.chdir("/")
    assert home.path == tmp_path / ".credit-ledger"


def test_a_home_is_held_by_one_process_at_a_time(home: Home) -> None:
    with home.hold():
        assert home.is_held()
        with pytest.raises(HomeHeld, match=f"in use by process {os.getpid()}"), home.hold():
            pytest.fail("held twice")
    assert not home.is_held()
    with home.hold():
        assert home.is_held()


def test_who_is_patient_gets_a_home_when_its_holder_lets_go(home: Home) -> None:
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with home.hold():
            held.set()
            let_go.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    timer = threading.Timer(0.3, let_go.set)
    timer.start()
    began = clock.elapsed()
    with home.hold(patience_s=30):
        assert clock.elapsed() - began >= 0.2
    timer.join()
    holder.join()


def test_a_killed_holder_holds_nothing_and_its_address_is_forgotten(home: Home) -> None:
    command = [sys.executable, "-c", HOLD, str(home.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        home.announce(RUN)
        assert home.running() == RUN
        holder.kill()
        holder.wait()
    assert home.running() is None
    with home.hold():
        assert not home.run_file.exists()


def test_the_address_of_the_service_is_told_while_it_runs_and_to_its_owner_alone(
    home: Home,
) -> None:
    assert home.running() is None
    with home.hold():
        assert home.running() is None
        home.announce(RUN)
        assert home.running() == RUN
        assert mode(home.run_file) == 0o600
    assert home.running() is None
    assert not home.run_file.exists()


def test_a_home_that_was_never_made_is_held_by_nobody(tmp_path: Path) -> None:
    assert not Home(tmp_path / "nowhere").is_held()
    assert Home(tmp_path / "nowhere").running() is None
