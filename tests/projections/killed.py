"""Runs something in a process that is killed or frozen, by the operating system, at a moment."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from infra import failpoints
from tests.waiting import wait_until

_FORK = multiprocessing.get_context("fork")
_PATIENCE_S = 60.0


def killed(work: Callable[[], object], where: tuple[Any, str], after: int, *, behind: bool) -> bool:
    """Whether the process that did this work was killed, or came to its end before.

    Args:
        work: what it does; it must open its own connections.
        where: an object and the name of its function at which the process dies.
        after: how many calls of it go well before.
        behind: whether it dies behind the call, or instead of it.
    """
    process = _FORK.Process(target=_until, args=(work, where, after), kwargs={"behind": behind})
    process.start()
    process.join(_PATIENCE_S)
    assert process.exitcode in {0, -signal.SIGKILL}, f"it ended with {process.exitcode}"
    return process.exitcode != 0


def _until(work: Callable[[], object], where: tuple[Any, str], after: int, *, behind: bool) -> None:
    owner, name = where
    real = getattr(owner, name)
    left = [after]

    def dying(*given: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            return real(*given, **named)
        if behind:
            real(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, dying)
        work()


@contextmanager
def frozen(work: Callable[[], object], failpoint: str) -> Iterator[BaseProcess]:
    """A process that does this work and was stopped at a failpoint; killed where it is left over.

    Args:
        work: what it does; it must open its own connections.
        failpoint: as of `FAILPOINT`, `name:stop:nth`.
    """
    process = _FORK.Process(target=_armed, args=(work, failpoint))
    process.start()
    try:
        wait_until(lambda: _is_stopped(process), _PATIENCE_S)
        yield process
    finally:
        process.kill()
        process.join()


def _armed(work: Callable[[], object], failpoint: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failpoints, "_ARMED", failpoints._read(failpoint))
        work()


def _is_stopped(process: BaseProcess) -> bool:
    stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii")
    return stat.rpartition(")")[2].split()[0] == "T"
