"""An immutable mapping that grows cheaply, for states of which every version stays valid."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Table"]

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, eq=False)
class Table(Generic[K, V]):
    """A mapping that `with_entry` never changes: it gives a new one, which shares what it can.

    Entries lie in layers, the newest first, each larger than all before it together; a layer is
    copied only when it has been outgrown. So n entries cost O(n log n) in all to add one by one,
    where copying one dict for each addition costs O(n²), and a look-up asks at most log₂ n dicts.
    """

    _layers: tuple[dict[K, V], ...] = ()

    def with_entry(self, key: K, value: V) -> "Table[K, V]":
        """This table with `value` under `key`, in place of what stood there."""
        newest, older = {key: value}, self._layers
        while older and len(older[0]) <= len(newest):
            newest, older = {**older[0], **newest}, older[1:]
        return Table((newest, *older))

    def get(self, key: K) -> V | None:
        """What stands under `key`; None if nothing does."""
        for layer in self._layers:
            if key in layer:
                return layer[key]
        return None

    def items(self) -> Iterator[tuple[K, V]]:
        """All entries, in the order in which their keys were first added, as far as it is kept."""
        return iter(self._merged().items())

    def values(self) -> Iterator[V]:
        """What stands under all keys, in the order of `items`."""
        return iter(self._merged().values())

    def __contains__(self, key: object) -> bool:
        return any(key in layer for layer in self._layers)

    def __len__(self) -> int:
        return len(self._merged())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self._merged() == other._merged()

    __hash__ = None  # type: ignore[assignment]  # compared in tests by content, never a key

    def _merged(self) -> dict[K, V]:
        merged: dict[K, V] = {}
        for layer in reversed(self._layers):
            merged |= layer
        return merged
