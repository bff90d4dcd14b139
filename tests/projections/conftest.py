"""A ledger for each test of the views."""

from collections.abc import Iterator

import pytest

from .history import Ledger


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """A ledger that holds nothing but its beginning."""
    ledger = Ledger(database_url)
    yield ledger
    ledger.close()
