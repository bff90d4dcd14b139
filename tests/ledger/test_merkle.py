"""The Merkle root, against RFC 6962's recursive definition and the published tree."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.merkle import EMPTY_ROOT, RunningRoot, root_of
from ledger.record import leaf_hash


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


@given(st.lists(st.binary(max_size=4).map(leaf_hash), max_size=70))
def test_the_root_is_that_of_the_definition_at_every_size(leaves: list[bytes]) -> None:
    running = RunningRoot()
    for number, leaf in enumerate(leaves):
        assert running.root() == by_definition(leaves[:number])
        running.add(leaf)
    assert running.root() == by_definition(leaves) == root_of(leaves)
    assert running.size == len(leaves)


def test_a_tree_without_leaves_has_a_root() -> None:
    assert root_of([]) == EMPTY_ROOT


def test_the_published_tree(shared: Path | None) -> None:
    if shared is None:
        pytest.skip("the folder of public samples is not beside the repository")
    tree = json.loads((shared / "data/merkle/rfc6962_reference_tree.json").read_text("utf-8"))
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in tree["leaf_inputs_hex"]]
    for size, root in enumerate(tree["root_hash_hex_by_tree_size"]):
        assert root_of(leaves[:size]).hex() == root
