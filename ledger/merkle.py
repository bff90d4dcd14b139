"""The root of the Merkle tree over the leaves of the log, computed in one pass.

Source: RFC 6962, section 2.1; the leaf hash is `ledger.record.leaf_hash`.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

__all__ = ["EMPTY_ROOT", "RunningRoot", "root_of"]

EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves."""

_NODE: Final = b"\x01"


class RunningRoot:
    """The root of all leaves that were added; keeps one hash for each one-bit of their number."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        """No leaf yet."""
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        node, number = leaf, self.size
        while number & 1:
            node = sha256(_NODE + self._peaks.pop() + node).digest()
            number >>= 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The root of what was added so far."""
        if not self._peaks:
            return EMPTY_ROOT
        *higher, node = self._peaks
        for peak in reversed(higher):
            node = sha256(_NODE + peak + node).digest()
        return node


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree over these leaf hashes, in order."""
    running = RunningRoot()
    for leaf in leaves:
        running.add(leaf)
    return running.root()
