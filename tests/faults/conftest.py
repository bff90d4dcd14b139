"""The ground that sites stand on: one PostgreSQL and one broker for each process of pytest.

A test gets a ledger of its own on it, with processes of its own. What a failing test leaves behind
is kept under the folder that is printed with its seed. `FAULTS_SEED` runs with another seed,
`FAULTS_KEEP=1` keeps what every test leaves.

The tests marked `smoke` belong to the ordinary run. All others need minutes: they run with
`FAULTS=all`, as `make faults` says, or when the command line names them by `::`.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, TypeVar

import pytest

from infra.local import NoKafka, NoPostgres
from tests.conftest import _go_without
from tests.parts import way_to_jars

from .disks import Disk, Ramdisk
from .servers import Broker, Server
from .site import Site

SEED: Final = int(os.environ.get("FAULTS_SEED", "1"))
_TEST_S: Final = 400


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what belongs to the long run, and give everybody time enough."""
    here = Path(__file__).parent
    ours = [item for item in items if item.path.is_relative_to(here)]
    for item in ours:
        if item.get_closest_marker("kafka") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_TEST_S))
    if os.environ.get("FAULTS") == "all" or any("::" in one for one in config.args):
        return
    left_out = [item for item in ours if not _is_quick(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_quick(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) is not None for name in ("smoke", "unit"))


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder with a short name for all that sites keep, and what failing tests leave."""
    found = Path(tempfile.mkdtemp(prefix="credit-ledger-faults-"))
    yield found
    if not any(found.glob("*/evidence.json")) and not any(found.glob("*/history.jsonl")):
        shutil.rmtree(found)


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[Server]:
    """The PostgreSQL of this process; a test may restart it and leaves it running."""
    found = Server(folder / "pg")
    try:
        found.start()
    except NoPostgres as error:
        _go_without("postgres", error)
    yield found
    found.stop()
    shutil.rmtree(found.folder)


@pytest.fixture(scope="session")
def broker(folder: Path) -> Iterator[Broker]:
    """The broker of this process; a test may kill it and leaves it running."""
    reason = way_to_jars()
    if reason is not None:
        _go_without("kafka", reason)
    try:
        with Broker(folder / "kafka") as found:
            yield found
    except NoKafka as error:
        _go_without("kafka", error)
    shutil.rmtree(folder / "kafka")


MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(
    request: pytest.FixtureRequest, folder: Path, server: Server, broker: Broker
) -> Iterator[MakeSite]:
    """Makes ledgers, nothing of which runs yet; on another server or broker where that is said."""
    made: list[Site] = []
    with ExitStack() as closing:

        def make(*, server: Server = server, broker: Broker = broker) -> Site:
            name = f"f{secrets.token_hex(4)}"
            site = Site(ledger=name, folder=folder / name, server=server, broker=broker, seed=SEED)
            made.append(closing.enter_context(site))
            return site

        print(f"seed {SEED}")  # noqa: T201  # shown where the test fails
        yield make
    server.heal()
    broker.heal()
    for site in made:
        if site.is_done and not os.environ.get("FAULTS_KEEP"):
            shutil.rmtree(site.folder)
        else:
            print(f"{request.node.name} left its artefacts in {site.folder}")  # noqa: T201  # as above


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """A ledger on the shared server and broker, nothing of which runs yet."""
    return make_site()


@pytest.fixture
def running(site: Site) -> Site:
    """A ledger with API, relay and projector at work."""
    return site.start()


@pytest.fixture
def disk(folder: Path) -> Iterator[Disk]:
    """A disk of its own, of which the power can be cut."""
    yield from _made(Disk(folder / f"disk-{secrets.token_hex(3)}"))


@pytest.fixture
def ramdisk(folder: Path) -> Iterator[Ramdisk]:
    """A small disk of its own, which can be filled."""
    yield from _made(Ramdisk(folder / f"ram-{secrets.token_hex(3)}"))


D = TypeVar("D", Disk, Ramdisk)


def _made(found: D) -> Iterator[D]:
    """A disk that is made, and taken away at the end."""
    try:
        found.make()
    except (OSError, subprocess.CalledProcessError) as error:
        found.clear()
        _go_without(type(found).__name__, error)
    yield found
    found.clear()
