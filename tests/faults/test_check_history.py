"""The checker sees what it is there to see: each invariant is broken once, and named."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .check_history import (
    SETTINGS,
    Evidence,
    _log_is_whole,
    _read,
    check,
    key_hash,
    leaf_of,
    root,
)
from .dump import TopicSeen
from .made import LEDGER, SECOND, Made

pytestmark = pytest.mark.unit


@pytest.fixture
def made() -> Made:
    """A term, two commands of one record and one of two, told to their clients."""
    found = Made()
    found.open_term()
    found.command("k-1", at_s=10, subject="s-1")
    found.command("k-2", at_s=20, subject="s-2")
    found.add(is_signed=False, idemkeyhash=key_hash("k-3"), subject="s-1")
    found.command("k-3", at_s=30, subject="s-1")
    return found


def topic(**said: Any) -> TopicSeen:
    found: dict[str, Any] = {
        "name": "checked.log",
        "topic_id": "t-1",
        "partitions": 1,
        "beginning": 0,
        "end": 5,
        "settings": SETTINGS,
        **said,
    }
    return TopicSeen(**found)


def broken(evidence: Evidence) -> set[str]:
    return {one.invariant for one in check(evidence)}


def test_nothing_is_found_where_all_is_well(made: Made) -> None:
    made.told(None, at_s=40, answer={"status": 200, "shown": 5}, op="probe")
    made.told("k-4", at_s=41, answer={"status": 409, "code": "x"}, type_="fail")
    made.told("k-5", at_s=42, answer={"status": 404, "code": "unknown-key"}, op="ask")
    evidence = made.evidence(
        rows=made.rows(), topic=topic(), pinned="t-1", dumps=[made.records[:3], made.records]
    )
    assert check(evidence) == []


def test_i1_a_receipt_beyond_the_end_of_the_log(made: Made) -> None:
    made.told("k-6", at_s=50, answer=made.receipt(made.value(idemkeyhash=key_hash("k-6"))))
    assert "I1" in broken(made.evidence())


def test_i1_another_record_where_one_was_entered(made: Made) -> None:
    answer = made.lines[0]["answer"] | {"leaf_hash": "0" * 64}
    made.lines[0] = {**made.lines[0], "answer": answer}
    assert broken(made.evidence()) == {"I1"}


def test_i1_a_receipt_of_somebody_elses_command(made: Made) -> None:
    made.lines[0] = {**made.lines[0], "key": "k-7"}
    assert "I1" in broken(made.evidence())


def test_i2_a_hole_before_a_signed_batch(made: Made) -> None:
    made.move(made.value(subject="s-9"))
    made.add(subject="s-3")
    assert broken(made.evidence()) == {"I2"}


def test_i2_offsets_with_a_gap(made: Made) -> None:
    made.records[4] = replace(made.records[4], offset=7)
    assert broken(made.evidence()) == {"I2"}
    assert broken(made.evidence(has_gaps=True)) == set()


def test_i3_a_key_that_did_something_twice(made: Made) -> None:
    made.add(idemkeyhash=key_hash("k-1"), subject="s-5")
    assert "I3" in broken(made.evidence())


def test_i3_two_commands_under_one_key(made: Made) -> None:
    made.add(is_signed=False, idemkeyhash=key_hash("k-8"), subject="s-6", commandhash="d" * 64)
    made.add(idemkeyhash=key_hash("k-8"), subject="s-6")
    assert broken(made.evidence()) == {"I3"}


def test_i3_a_refused_key_that_stands_on_the_log(made: Made) -> None:
    made.add(idemkeyhash=key_hash("k-9"), subject="s-7")
    made.told("k-9", at_s=60, answer={"status": 422, "code": "too-early"}, type_="fail")
    assert broken(made.evidence()) == {"I3"}


def test_i3_a_key_told_unknown_and_entered_without_being_sent_again(made: Made) -> None:
    made.add(idemkeyhash=key_hash("k-10"), subject="s-8")
    made.told("k-10", at_s=60, answer={"error": "reset"}, type_="info")
    made.told(
        "k-10", at_s=70, answer={"status": 404, "code": "unknown-key"}, type_="fail", op="ask"
    )
    assert broken(made.evidence()) == {"I3"}


def test_i3_a_key_told_voided_and_entered(made: Made) -> None:
    made.told("k-1", at_s=60, answer={"status": 409, "code": "voided"}, type_="fail", op="ask")
    assert broken(made.evidence()) == {"I3"}


def test_i3_a_key_told_voided_of_which_the_log_says_nothing(made: Made) -> None:
    made.told("k-11", at_s=60, answer={"status": 409, "code": "voided"}, type_="fail", op="ask")
    assert broken(made.evidence()) == {"I3"}
    made.add(type="commands-voided", subject="ledger", data={"keys": [key_hash("k-11")]})
    assert broken(made.evidence()) == set()


def test_i4_a_version_left_out(made: Made) -> None:
    made.add(subject="s-1", subjectversion=7)
    assert broken(made.evidence()) == {"I4"}


def test_i4_a_command_that_wanted_another_version(made: Made) -> None:
    made.command("k-12", at_s=60, subject="s-1")
    made.lines[-1] = {**made.lines[-1], "asked": {"version": 2}}
    assert broken(made.evidence()) == {"I4"}


def test_i5_a_record_that_stands_twice_without_excuse(made: Made) -> None:
    made.put(made.records[1].value, made.records[1].signature)
    assert broken(made.evidence()) == {"I5"}
    assert broken(made.evidence(are_repeats_excused=True, refused=1)) == set()


def test_i5_a_refused_record_that_nobody_counted(made: Made) -> None:
    made.put(b"noise", None)
    assert broken(made.evidence(refused=0)) == {"I5"}


def test_i6_a_record_that_does_not_follow_the_one_before_it(made: Made) -> None:
    rule = _read(made.records, LEDGER, made.keys)
    del rule.entries[2]
    found = {one.invariant for one in _log_is_whole(rule, made.evidence())}
    assert found == {"I2", "I6"}


def test_i7_a_log_that_was_another_before(made: Made) -> None:
    other = Made(signer=made.signer)
    other.open_term()
    other.command("k-1", at_s=10, subject="s-other")
    assert broken(made.evidence(dumps=[other.records, made.records])) == {"I7"}


def test_i7_a_log_that_lost_what_it_had(made: Made) -> None:
    shorter = made.records[:2]
    evidence = made.evidence(dumps=[made.records[:3], shorter], lines=made.lines[:1])
    assert broken(evidence) == {"I7"}


def test_i7_an_event_that_stands_twice(made: Made) -> None:
    made.add(subject="s-1", id="event-2-s-1")
    assert broken(made.evidence()) == {"I7"}


def test_i8_a_receipt_before_the_record_stood_on_kafka(made: Made) -> None:
    early = {**made.lines[0], "invoke_ns": 0, "complete_ns": SECOND // 2}
    assert broken(made.evidence(lines=[early])) == {"I8"}


def test_i8_a_position_shown_that_is_not_entered(made: Made) -> None:
    made.told(None, at_s=40, answer={"status": 200, "shown": 6}, op="probe")
    assert broken(made.evidence()) == {"I8"}


def test_i9_other_bytes_in_postgresql(made: Made) -> None:
    rows = made.rows()
    rows[2] = replace(rows[2], value=rows[2].value + b" ")
    assert broken(made.evidence(rows=rows)) == {"I9"}


def test_i9_another_signature_in_postgresql(made: Made) -> None:
    rows = made.rows()
    rows[3] = replace(rows[3], signature=b"0" * 64)
    assert broken(made.evidence(rows=rows)) == {"I9"}


def test_i9_a_record_that_one_store_has_alone(made: Made) -> None:
    assert broken(made.evidence(rows=made.rows()[:-1])) == {"I9"}


@pytest.mark.parametrize(
    "said",
    [
        {"topic_id": "t-2"},
        {"partitions": 3},
        {"beginning": 2},
        {"settings": {**SETTINGS, "retention.ms": "1000"}},
    ],
    ids=str,
)
def test_i10_a_topic_that_is_not_as_it_must_be(made: Made, said: dict[str, Any]) -> None:
    assert broken(made.evidence(topic=topic(**said), pinned="t-1")) == {"I10"}


def test_i15_a_time_that_decreases(made: Made) -> None:
    made.add(subject="s-4", time="2026-11-24T00:00:00.000000Z")
    assert broken(made.evidence()) == {"I15"}


def test_i21_what_was_sent_later_stands_before(made: Made) -> None:
    second, third = made.lines[1], made.lines[2]
    swapped = [
        {**second, "invoke_ns": third["invoke_ns"], "complete_ns": third["complete_ns"]},
        {**third, "invoke_ns": second["invoke_ns"], "complete_ns": second["complete_ns"]},
    ]
    assert broken(made.evidence(lines=[made.lines[0], *swapped])) == {"I21"}


# The rule of acceptance, once more ----------------------------------------------------------------


def test_what_nobody_signed_is_not_the_log(made: Made) -> None:
    made.add(is_signed=False, subject="s-4")
    assert len(made.log()) == 5


def test_what_another_key_signed_is_not_the_log(made: Made) -> None:
    value = made.value(subject="s-4")
    made.put(value, made.signature(value, signer=Ed25519PrivateKey.generate()))
    assert len(made.log()) == 5


def test_a_batch_end_that_comes_again_with_its_signature_is_accepted(made: Made) -> None:
    value = made.value(subject="s-4")
    made.put(value, None)
    made.put(value, made.signature(value))
    assert len(made.log()) == 6


def test_a_branch_that_lost_is_cleared(made: Made) -> None:
    loser = made.value(subject="s-loses")
    made.put(loser, None)
    made.add(subject="s-wins")
    made.put(loser, made.signature(loser))
    assert [one.fields["subject"] for one in made.log()][-1] == "s-wins"


def test_a_term_is_opened_on_the_head_alone(made: Made) -> None:
    made.put(made.value(subject="s-4"), None)
    made.open_term()
    assert [one.fields["term"] for one in made.log()][-1] == 2
    skips = made.value(type="term-opened", subject="ledger", term=made.term + 2)
    made.put(skips, made.signature(skips))
    assert len(made.log()) == 6


@pytest.mark.parametrize("noise", [b"", b"{}", b"\xff", b"[1]", b'{"type":"x","position":true}'])
def test_what_cannot_be_read_is_refused(made: Made, noise: bytes) -> None:
    made.put(noise, None)
    assert check(made.evidence(refused=1)) == []


def test_the_root_is_that_of_rfc_6962() -> None:
    one, two, three = (leaf_of(bytes([n])) for n in range(3))

    def node(left: bytes, right: bytes) -> bytes:
        return sha256(b"\1" + left + right).digest()

    assert root([one, two, three]) == node(node(one, two), three)
    assert root([]) == sha256(b"").digest()
