"""How each cost grows with the history: a table in Markdown, and a picture of it in SVG.

The picture has logarithmic axes. Each cost is drawn as a multiple of what it is at the smallest
size, so that costs of any unit stand side by side: one that does not grow is a level line, and one
that grows as the history does rises along the dashed diagonal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from infra import clock

from .told import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Growth", "picture", "table"]

PAGE: Final = "performance-growth.md"
PICTURE: Final = "growth.svg"


@dataclass(slots=True)
class Growth:
    """What was measured of each cost, its unit in its name, at each size of the history."""

    machine: str
    costs: dict[str, dict[int, float]] = field(default_factory=dict)

    def put(self, cost: str, size: int, found: float) -> None:
        """Keep what a cost is at a size."""
        self.costs.setdefault(cost, {})[size] = found

    def of(self, cost: str, size: int) -> float:
        """What a cost was at a size."""
        assert size in self.costs.get(cost, {}), f"{cost} was not measured at {size:,} events"
        return self.costs[cost][size]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes at which anything was measured."""
        return tuple(sorted({size for found in self.costs.values() for size in found}))

    def write(self, folder: Path) -> None:
        """Write page and picture into this folder."""
        sizes = self.sizes
        (folder / PICTURE).write_text(picture(self.costs, sizes), "utf-8")
        (folder / PAGE).write_text(_page(self.machine, self.costs, sizes), "utf-8")
        say(f"wrote {folder / PAGE}")


def _page(machine: str, costs: Mapping[str, Mapping[int, float]], sizes: Sequence[int]) -> str:
    lines = [
        "# How the cost grows",
        "",
        f"Written by `make bench` on {clock.now():%d %B %Y}: {machine}.",
        "PostgreSQL, one broker of Kafka, the service and who asks it share these cores.",
        "What is measured, and what limits each line, is in [performance.md](performance.md).",
        "",
        *table(costs, sizes),
        "",
        f"![Each cost as a multiple of what it is at {sizes[0]:,} events]({PICTURE})",
    ]
    return "\n".join(lines) + "\n"


def table(costs: Mapping[str, Mapping[int, float]], sizes: Sequence[int]) -> list[str]:
    """The lines of the table: a row a cost, a column a size, and how often the first the last is.

    A cost that was not measured at a size has a dash there.
    """
    head = ["cost", *(f"{size:,} events" for size in sizes), "grows"]
    rows = [head, ["---"] + ["---:"] * (len(sizes) + 1)]
    for name, found in costs.items():
        ends = [found.get(sizes[0]), found.get(sizes[-1])]
        grows = "–" if None in ends or not ends[0] else f"{(ends[1] or 0) / ends[0]:.2f} ×"
        rows.append([name, *(_shown(found.get(size)) for size in sizes), grows])
    return [f"| {' | '.join(row)} |" for row in rows]


def _shown(found: float | None) -> str:
    """A figure with three digits that count."""
    if found is None:
        return "–"
    digits = max(0, 2 - math.floor(math.log10(found))) if found > 0 else 0
    return f"{found:,.{min(digits, 2)}f}"


# The picture ------------------------------------------------------------------------------------

_LEFT: Final = 56
_TOP: Final = 28
_WIDTH: Final = 380
_HEIGHT: Final = 440
_LABELS: Final = 380
_FOOT: Final = 48
_LABEL_STEP: Final = 17
# Of a middling lightness, so that each stands out on white and on black alike.
_COLOURS: Final = ("#3b82c4", "#d9772b", "#2f9e64", "#c94f7c", "#8b6fd0", "#a08a1e", "#20a0a8")
_DASHES: Final = ("", "6 3", "2 3")
_INK: Final = "#808890"
_STYLE: Final = (
    "text { font: 12px sans-serif; fill: #808890 } "
    "polyline { fill: none; stroke-width: 2 } line { stroke-width: 1 }"
)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From sizes and multiples to the picture's units; both axes are logarithmic."""

    first: int
    last: int
    lowest: float
    highest: float

    def x(self, size: float) -> float:
        return _LEFT + _WIDTH * _share(size, self.first, self.last)

    def y(self, multiple: float) -> float:
        return _TOP + _HEIGHT * (1 - _share(multiple, self.lowest, self.highest))


def _share(value: float, first: float, last: float) -> float:
    """Where a value lies between two others on a logarithmic axis: 0 at one, 1 at the other."""
    return math.log(value / first) / math.log(last / first)


def picture(costs: Mapping[str, Mapping[int, float]], sizes: Sequence[int]) -> str:
    """The picture of the costs that were measured at every one of at least two sizes."""
    first, last = sizes[0], sizes[-1]
    drawn = {
        name: [found[size] / found[first] for size in sizes]
        for name, found in costs.items()
        if all(found.get(size, 0) > 0 for size in sizes)
    }
    every = [multiple for multiples in drawn.values() for multiple in multiples]
    scale = _Scale(
        first,
        last,
        10 ** math.floor(math.log10(min([*every, 0.9]))),
        max(10 ** math.ceil(math.log10(max(every))), last / first),
    )
    body = [*_axes(scale, sizes), *_lines(scale, sizes, drawn)]
    height = max(_TOP + _HEIGHT + _FOOT, _TOP + _LABEL_STEP * (len(drawn) + 1))
    width = _LEFT + _WIDTH + _LABELS
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<title>Each cost as a multiple of what it is at {first:,} events</title>",
            f"<style>{_STYLE}</style>",
            *body,
            "</svg>",
            "",
        ]
    )


def _axes(scale: _Scale, sizes: Sequence[int]) -> list[str]:
    """The grid with what it counts, and the diagonal of what grows as the history does."""
    right, foot = _LEFT + _WIDTH, _TOP + _HEIGHT
    drawn = [_text(_LEFT, 16, "multiple of the first", "start")]
    power = round(math.log10(scale.lowest))
    while 10**power <= scale.highest * 1.001:
        y = scale.y(10**power)
        drawn += [
            _line((_LEFT, y), (right, y), opacity=0.35),
            _text(_LEFT - 6, y + 4, f"{10**power:g} ×", "end"),
        ]
        power += 1
    for size in sizes:
        x = scale.x(size)
        drawn += [
            _line((x, _TOP), (x, foot), opacity=0.35),
            _text(x, foot + 18, f"{size:,}", "middle"),
        ]
    linear = scale.last / scale.first
    drawn += [
        _text(_LEFT + _WIDTH / 2, foot + 38, "events", "middle"),
        _line((scale.x(scale.first), scale.y(1)), (right, scale.y(linear)), dash="4 4"),
    ]
    return drawn


def _lines(scale: _Scale, sizes: Sequence[int], drawn: Mapping[str, Sequence[float]]) -> list[str]:
    """A line for each cost, and its name at the right, in the order in which the lines end."""
    found = []
    ordered = sorted(drawn.items(), key=lambda one: -one[1][-1])
    places = _apart([scale.y(multiples[-1]) for _, multiples in ordered])
    for number, ((name, multiples), label_y) in enumerate(zip(ordered, places, strict=True)):
        colour = _COLOURS[number % len(_COLOURS)]
        dash = _DASHES[number // len(_COLOURS) % len(_DASHES)]
        points = " ".join(
            f"{scale.x(size):.1f},{scale.y(multiple):.1f}"
            for size, multiple in zip(sizes, multiples, strict=True)
        )
        end_x, end_y = scale.x(sizes[-1]), scale.y(multiples[-1])
        found += [
            f'<polyline points="{points}" stroke="{colour}" stroke-dasharray="{dash}"/>',
            _line((end_x, end_y), (end_x + 18, label_y), colour=colour, opacity=0.6),
            _text(end_x + 22, label_y + 4, f"{name} ({multiples[-1]:.2f} ×)", "start"),
        ]
    return found


def _apart(places: Sequence[float]) -> list[float]:
    """The same places in the same order, top first, so far apart that texts there can be read."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + _LABEL_STEP) if found else place)
    # Those that were pushed out below move up again, as far as there is room.
    lowest = max(_TOP + _HEIGHT, _TOP + _LABEL_STEP * (len(found) - 1.0))
    for number in reversed(range(len(found))):
        found[number] = min(found[number], lowest)
        lowest = found[number] - _LABEL_STEP
    return found


def _line(
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    colour: str = _INK,
    opacity: float = 1,
    dash: str = "",
) -> str:
    return (
        f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
        f' stroke="{colour}" stroke-opacity="{opacity:g}" stroke-dasharray="{dash}"/>'
    )


def _text(x: float, y: float, said: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'
