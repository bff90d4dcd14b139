"""The bounds of the protocol, made so small that a short history meets them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from infra import reader, relay
from ledger import acceptance

from .checks import PENDING_MAX

__all__ = ["scaled"]

_PLACE_EVERY: Final = 5
_PLACES_KEPT: Final = 4


@contextmanager
def scaled() -> Iterator[pytest.MonkeyPatch]:
    """Batches of at most eight records, and everything that follows from it, until the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acceptance, "PENDING_RECORDS_MAX", PENDING_MAX)
        patch.setattr(relay, "BATCH_RECORDS_MAX", PENDING_MAX // 2)
        patch.setattr(reader, "_PLACE_EVERY", _PLACE_EVERY)
        patch.setattr(reader, "_PLACES_KEPT", _PLACES_KEPT)
        yield patch
