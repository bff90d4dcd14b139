"""A desk for each test."""

from pathlib import Path

import pytest

from tests.api.importers.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Nothing is on record here."""
    return Desk(tmp_path)
