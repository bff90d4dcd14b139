"""Waiting in tests for what another thread or process brings about."""

import time
from collections.abc import Callable

from infra import clock

__all__ = ["wait_until"]


def wait_until(what: Callable[[], bool], patience_s: float) -> None:
    """Return as soon as it is so; fail where it does not come about in time."""
    deadline = clock.elapsed() + patience_s
    while not what():
        assert clock.elapsed() < deadline, "it never came about"
        time.sleep(0.01)
