"""The rule of acceptance as the service has it, and as the checker has written it down once more.

Both are fed the same records and must give the same log; each test names what a rule is for.
"""

import json
import random
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.codec import read_fields
from infra.signer import PublicKey, Verifier
from ledger.acceptance import Acceptance, Arrival

from .dump import Record
from .made import LEDGER, Made

pytestmark = pytest.mark.unit

PENDING_MAX: Final = 2_000


@pytest.fixture
def made() -> Made:
    """A term and three entered records."""
    found = Made()
    found.open_term()
    for number in range(3):
        found.add(subject=f"s-{number}")
    return found


def rule(made: Made, records: list[Record] | None = None) -> tuple[Acceptance, list[bytes]]:
    """The service's rule behind all records, and what it has accepted."""
    keys = [
        PublicKey(key=one.public_key, first_term=one.first_term, last_term=one.last_term)
        for one in made.keys
    ]
    acceptance = Acceptance(Verifier(LEDGER, keys))
    entered: list[bytes] = []
    for one in made.records if records is None else records:
        arrival = Arrival(one.value, one.signature, one.offset, 0, read_fields(one.value))
        entered += [each.value for each in acceptance.feed(arrival)]
    return acceptance, entered


def entered(made: Made) -> int:
    """How many records both have accepted: the same ones."""
    _, found = rule(made)
    assert found == [one.value for one in made.log()]
    return len(found)


def test_a_strangers_signature_enters_nothing(made: Made) -> None:
    value = made.value(subject="forged")
    made.put(value, made.signature(value, signer=Ed25519PrivateKey.generate()))
    assert entered(made) == 4


def test_no_signature_enters_nothing(made: Made) -> None:
    made.put(made.value(subject="planted"), None)
    assert entered(made) == 4


def test_a_signed_record_behind_another_one_than_the_head_enters_nothing(made: Made) -> None:
    value = made.value(subject="forked", prev="ab" * 32)
    made.put(value, made.signature(value))
    assert entered(made) == 4


def test_a_term_behind_another_record_than_the_head_is_not_opened(made: Made) -> None:
    value = made.value(type="term-opened", subject="ledger", term=2, prev="ab" * 32)
    made.put(value, made.signature(value))
    assert entered(made) == 4


def test_a_term_that_skips_one_is_not_opened(made: Made) -> None:
    value = made.value(type="term-opened", subject="ledger", term=3)
    made.put(value, made.signature(value))
    assert entered(made) == 4


def test_behind_an_acceptance_nothing_waits_any_more(made: Made) -> None:
    """State is the place and nothing else: a reader that begins there must be equal."""
    for number in range(5):
        made.put(made.value(subject=f"loses-{number}"), None)
    made.add(subject="wins")
    acceptance, _ = rule(made)
    assert acceptance.pending == 0
    assert entered(made) == 5


def test_however_many_records_were_planted_a_true_one_is_entered(made: Made) -> None:
    for number in range(PENDING_MAX + 100):
        made.put(made.value(subject=f"planted-{number}"), None)
    made.add(subject="true")
    assert entered(made) == 5


def test_as_many_records_wait_as_two_batches_may_have(made: Made) -> None:
    for number in range(PENDING_MAX - 1):
        made.add(is_signed=False, subject=f"long-{number}")
    made.add(subject="end")
    assert entered(made) == 4 + PENDING_MAX


def test_whatever_chance_puts_on_a_topic_both_accept_the_same() -> None:
    for seed in range(60):
        chance = random.Random(seed)  # noqa: S311  # a failing seed is run again
        made = Made()
        made.open_term()
        for _ in range(40):
            _put_by_chance(made, chance)
        _, found = rule(made)
        assert found == [one.value for one in made.log()], f"seed {seed}"


def _put_by_chance(made: Made, chance: random.Random) -> None:
    subject = f"s-{chance.randrange(4)}"
    match chance.randrange(8):
        case 0:
            made.add(is_signed=False, subject=subject)
        case 1:
            value = made.value(subject=subject, actor="stranger")
            made.put(value, made.signature(value, signer=Ed25519PrivateKey.generate()))
        case 2:
            again = chance.choice(made.records)
            made.put(again.value, chance.choice([again.signature, None]))
        case 3:
            made.put(b"noise", None)
        case 4:
            made.add(type="term-opened", subject="ledger", term=made.term + 1)
        case 5:
            value = made.value(subject=subject, term=made.term + chance.choice([-1, 1, 2]))
            made.put(value, made.signature(value) if json.loads(value)["term"] > 0 else None)
        case _:
            made.add(subject=subject)
