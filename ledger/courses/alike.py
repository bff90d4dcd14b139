"""Where two versions of a record are alike, and what differs between.

Records grow long while each step changes little, so whole slices are compared: that takes no loop
here, and what stands in both is the same object, which is seen at once.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TypeVar

__all__ = ["changes", "common_end", "common_start"]

T = TypeVar("T")


def common_start(one: Sequence[T], other: Sequence[T]) -> int:
    """How many items both begin with."""
    most = min(len(one), len(other))
    if one[:most] == other[:most]:
        return most
    same, differing = 0, most
    while differing - same > 1:
        middle = (same + differing) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            differing = middle
    return same


def common_end(one: Sequence[T], other: Sequence[T], most: int) -> int:
    """How many items, at most `most`, both end with."""
    if one[len(one) - most :] == other[len(other) - most :]:
        return most
    same, differing = 0, most
    while differing - same > 1:
        middle = (same + differing) // 2
        begins, begins_other = len(one) - middle, len(other) - middle
        if one[begins : len(one) - same] == other[begins_other : len(other) - same]:
            same = middle
        else:
            differing = middle
    return same


def changes(before: Sequence[T], after: Sequence[T]) -> Iterator[tuple[T | None, T | None]]:
    """The items that are not the same at the same place: what stood there, what stands there.

    Null where one of the two has no such place.
    """
    if before is after:
        return
    if len(before) < len(after) and after[: len(before)] == before:
        for now in after[len(before) :]:
            yield None, now
        return
    first = common_start(before, after)
    last = common_end(before, after, len(before) - first) if len(before) == len(after) else 0
    for was, now in zip_longest(
        before[first : len(before) - last], after[first : len(after) - last]
    ):
        if was is not now and was != now:
            yield was, now
