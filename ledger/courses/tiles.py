"""Tiles of a course: neighbours that say the same are one."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from .interval import Interval

__all__ = ["merged"]

V = TypeVar("V")


def merged(tiles: Iterable[Interval[V]]) -> tuple[Interval[V], ...]:
    """The tiles, given in order, with neighbours of equal value, reasons and mark made one."""
    joined: list[Interval[V]] = []
    for tile in tiles:
        if joined and joined[-1].until == tile.from_ and _says_the_same(joined[-1], tile):
            joined[-1] = replace(joined[-1], until=tile.until)
        else:
            joined.append(tile)
    return tuple(joined)


def _says_the_same(one: Interval[V], other: Interval[V]) -> bool:
    return (
        one.value == other.value and one.verified == other.verified and one.reasons == other.reasons
    )
