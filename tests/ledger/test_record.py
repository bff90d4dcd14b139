"""The arithmetic of the log, against values worked out by hand from the protocol."""

from hashlib import sha256

import pytest

from ledger.record import (
    BATCH_BYTES_MAX,
    BATCH_RECORDS_MAX,
    GENESIS,
    NUMBER_MAX,
    Head,
    chain_hash,
    leaf_hash,
    signed_message,
)


def test_the_chain_begins_with_32_zero_bytes() -> None:
    assert GENESIS == b"\x00" * 32
    assert Head() == Head(position=0, chain=b"\x00" * 32, term=0)


def test_the_leaf_of_nothing_is_the_one_of_rfc_6962() -> None:
    """The hash of a leaf without bytes, as every Merkle tree of that kind has it."""
    expected = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"").hex() == expected


def test_a_leaf_is_told_from_a_node_by_its_first_byte() -> None:
    assert leaf_hash(b"record") == sha256(b"\x00record").digest() != sha256(b"record").digest()


def test_the_chain_takes_in_the_leaf_and_all_before_it() -> None:
    first = sha256(bytes(32) + sha256(b"\x00a").digest()).digest()
    second = sha256(first + sha256(b"\x00b").digest()).digest()
    assert chain_hash(GENESIS, leaf_hash(b"a")) == first
    assert chain_hash(chain_hash(GENESIS, leaf_hash(b"a")), leaf_hash(b"b")) == second


def test_a_signature_covers_ledger_term_position_and_chain() -> None:
    chain = bytes(range(32))
    message = signed_message("cn-33", Head(position=258, chain=chain, term=3))
    assert message == (
        b"credit-ledger batch v1\x00"
        b"\x05cn-33"
        b"\x00\x00\x00\x00\x00\x00\x00\x03"
        b"\x00\x00\x00\x00\x00\x00\x01\x02" + chain
    )


def test_no_two_heads_of_two_ledgers_have_one_message() -> None:
    one = Head(position=1, chain=GENESIS, term=1)
    heads = [
        ("a", one),
        ("ab", one),
        ("a", Head(position=2, chain=GENESIS, term=1)),
        ("a", Head(position=1, chain=GENESIS, term=2)),
        ("a", Head(position=1, chain=b"\x01" * 32, term=1)),
    ]
    assert len({signed_message(ledger, head) for ledger, head in heads}) == len(heads)


@pytest.mark.parametrize("length", [1, 255])
def test_a_name_of_any_length_has_its_length_before_it(length: int) -> None:
    message = signed_message("x" * length, Head())
    assert message[23] == length
    assert len(message) == 23 + 1 + length + 8 + 8 + 32


def test_a_name_that_has_no_length_is_none() -> None:
    with pytest.raises(OverflowError):
        signed_message("x" * 256, Head())
    with pytest.raises(UnicodeEncodeError):
        signed_message("账本", Head())


def test_the_bounds_are_those_of_the_protocol() -> None:
    assert (BATCH_RECORDS_MAX, BATCH_BYTES_MAX) == (1_000, 4_194_304)
    assert NUMBER_MAX == 2_147_483_647
