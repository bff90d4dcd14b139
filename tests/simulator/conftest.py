"""What all histories need: small bounds, and parts that keep quiet."""

from collections.abc import Iterator

import pytest
import structlog

from .scale import scaled

_CRITICAL = 50


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """The bounds of the protocol are so small that a short history meets them."""
    with scaled():
        yield


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The parts tell what they do; that is not read here, and costs."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_CRITICAL))
    yield
    structlog.reset_defaults()
