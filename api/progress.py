"""How far long work is: a bar on a terminal, else a line every five seconds, always on stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["Advance", "progress"]

Advance = Callable[[int], None]
"""Tells how many units are done, counted from the beginning."""

_LINE_EVERY_S: Final = 5.0


@contextmanager
def progress(title: str, total: int, *, elapsed: Callable[[], float]) -> Iterator[Advance]:
    """Show the progress of `total` units of work; call what is given with how many are done.

    `elapsed` is a monotonic clock in seconds.
    """
    if not sys.stderr.isatty():
        yield _lines(title, total, elapsed)
        return
    from rich.console import Console  # noqa: PLC0415  # only where there is a terminal to draw on
    from rich.progress import (  # noqa: PLC0415  # likewise
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(title, total=total, rate="")
        start = elapsed()
        yield lambda done: bar.update(task, completed=done, rate=_rate(done, elapsed() - start))


def _lines(title: str, total: int, elapsed: Callable[[], float]) -> Advance:
    """A line every five seconds: done, of how many, how fast, how long still."""
    start = last = elapsed()

    def advance(done: int) -> None:
        nonlocal last
        now = elapsed()
        if now - last < _LINE_EVERY_S:
            return
        last = now
        left = (total - done) * (now - start) / done if done else 0.0
        line = f"{title}: {done} of {total}, {_rate(done, now - start)}, {left:.0f} s left"
        print(line, file=sys.stderr, flush=True)  # noqa: T201  # progress is for people

    return advance


def _rate(done: int, seconds: float) -> str:
    return f"{done / seconds:,.0f}/s" if seconds > 0 else ""
