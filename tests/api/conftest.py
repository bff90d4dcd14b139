"""The real parts of the service, over which the tests of the API ask."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api import wiring
from api.app import create_app
from infra.settings import Settings
from tests.api.asking import Api


@pytest.fixture(scope="module")
def parts(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[wiring.Parts]:
    """A ledger that writes, reads and projects, shared by the tests of a module."""
    home = tmp_path_factory.mktemp("home")
    settings = settings_of(home, module_database_url)
    stop = threading.Event()
    with wiring.reach(settings) as database, wiring.opened(settings, database) as opened:
        projector = threading.Thread(
            target=wiring.run_projector, args=(settings, database, stop), name="projector"
        )
        projector.start()
        try:
            yield opened
        finally:
            stop.set()
            projector.join()


def settings_of(home: Path, database_url: str) -> Settings:
    return Settings(_env_file=None, home=home, id="test", database_url=database_url)


@pytest.fixture(scope="module")
def client(parts: wiring.Parts) -> Iterator[TestClient]:
    """A client in the same process, one event loop for all of its requests."""
    with TestClient(create_app(parts), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def api(client: TestClient, parts: wiring.Parts) -> Api:
    """A caller of the API."""
    return Api(client=client, parts=parts)
