"""What was measured: a figure of ours, the library's at the same work, and what is demanded."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Board", "Figure", "machine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table; `ratio` and `demand` are empty where nothing is demanded of it."""

    what: str
    ours: str
    library: str = ""
    ratio: str = ""
    demand: str = ""
    is_met: bool | None = None

    @property
    def line(self) -> str:
        """The figure as a sentence."""
        parts = [f"{self.what}: {self.ours}"]
        if self.library:
            parts.append(f"the library {self.library}, ratio {self.ratio}")
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
        self, what: str, ours: Sequence[float], library: Sequence[float], *, at_least: float
    ) -> Figure:
        """Rates of interleaved rounds: the median of each, and the median of their ratios."""
        ratio = median(mine / theirs for mine, theirs in zip(ours, library, strict=True))
        return Figure(
            what=what,
            ours=_rates(ours),
            library=_rates(library),
            ratio=f"{ratio:.2f}",
            demand=f"≥ {at_least:g} ×",
            is_met=ratio >= at_least,
        )

    def table(self) -> list[str]:
        """The lines of the table."""
        head = ("what", "ours", "eventsourcing", "ratio", "demanded", "")
        rows = [head] + [
            (
                one.what,
                one.ours,
                one.library,
                one.ratio,
                one.demand,
                {True: "✓", False: "✗ not reached", None: ""}[one.is_met],
            )
            for one in self.figures
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _rates(rates: Sequence[float]) -> str:
    spread = f" ({min(rates):,.0f}–{max(rates):,.0f})" if len(rates) > 1 else ""
    return f"{median(rates):,.0f}/s{spread}"


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
