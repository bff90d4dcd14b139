"""What was measured: a figure of ours, a yardstick of the same run, and what is demanded."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Board", "Figure", "machine", "rates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table; `ratio` and `demand` are empty where nothing is demanded of it.

    `beside` is the yardstick: what it is, and what it did.
    """

    what: str
    ours: str
    beside: str = ""
    ratio: str = ""
    demand: str = ""
    is_met: bool | None = None

    @property
    def line(self) -> str:
        """The figure as a sentence."""
        parts = [f"{self.what}: {self.ours}"]
        if self.beside:
            parts.append(f"beside {self.beside}")
        if self.ratio:
            parts.append(f"ratio {self.ratio}")
        if self.demand:
            parts.append(f"demanded {self.demand}")
        return ", ".join(parts)


@dataclass(slots=True)
class Board:
    """All figures of a run, for the table at its end."""

    figures: list[Figure] = field(default_factory=list)

    def note(self, what: str, ours: str) -> None:
        """Show something of which nothing is demanded."""
        self.figures.append(Figure(what=what, ours=ours))

    def hold(self, figure: Figure) -> None:
        """Show the figure, and fail where it is not what is demanded."""
        self.figures.append(figure)
        assert figure.is_met, figure.line

    def compare(
        self,
        what: str,
        ours: Sequence[float],
        theirs: Sequence[float],
        *,
        at_least: float,
        yardstick: str = "eventsourcing",
    ) -> Figure:
        """Rates of interleaved rounds: the median of each, and the median of their ratios."""
        ratio = median(mine / its for mine, its in zip(ours, theirs, strict=True))
        return Figure(
            what=what,
            ours=rates(ours),
            beside=f"{yardstick} {rates(theirs)}",
            ratio=f"{ratio:.2f}",
            demand=f"≥ {at_least:g} ×",
            is_met=ratio >= at_least,
        )

    def table(self) -> list[str]:
        """The lines of the table."""
        head = ("what", "ours", "beside", "ratio", "demanded", "")
        rows = [head] + [
            (
                one.what,
                one.ours,
                one.beside,
                one.ratio,
                one.demand,
                {True: "✓", False: "✗ not reached", None: ""}[one.is_met],
            )
            for one in self.figures
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def rates(found: Sequence[float]) -> str:
    """The median of rates, and how far they lie apart."""
    spread = f" ({min(found):,.0f}–{max(found):,.0f})" if len(found) > 1 else ""
    return f"{median(found):,.0f}/s{spread}"


_CPU_FIELD: Final = "model name"


def machine(postgresql: str) -> str:
    """Where the figures come from."""
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except FileNotFoundError:
        told = []
    models = {line.partition(":")[2].strip() for line in told if line.startswith(_CPU_FIELD)}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores ({', '.join(models) or platform.machine()}), "
        f"Python {platform.python_version()}, PostgreSQL {postgresql} with fsync"
    )
