"""Our own code with one rule of the protocol left out at a time: a test that is named misses it.

A mutant replaces a piece of text in a copy of the tree; then the test beside it is run against the
copy and must fail. `tests/simulator/test_mutants.py` has more, which histories of the simulator
miss. That the tests pass where nothing is left out is what the ordinary run says of them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.parts import KAFKA_CACHE, REPOSITORY

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

COPIED: Final = ("api", "infra", "ledger", "projections", "tests", "docs")
FILES: Final = ("pyproject.toml", "docker-compose.yml", ".env.example")
_TEST_S: Final = 200
_FAILED: Final = 1
"""How pytest ends where a test failed, and nothing else is wrong."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is left out, where, by which text instead of which, and the test that misses it."""

    name: str
    file: str
    text: str
    instead: str
    test: str

    def __str__(self) -> str:
        return self.name


ACCEPTANCE: Final = "ledger/acceptance.py"
RULES: Final = "ledger/gate.py"
ENTERING: Final = "tests/faults/test_acceptance_rule.py::"
RULE_TESTS: Final = "tests/ledger/test_gate.py::"
GATE_TESTS: Final = "tests/infra/test_gate.py::"
RELAY_TESTS: Final = "tests/infra/test_relay.py::"
FOLLOWER_TESTS: Final = "tests/infra/test_follower.py::"
SERVING_TESTS: Final = "tests/infra/test_serving.py::"
KAFKA_TESTS: Final = "tests/infra/test_kafka_log.py::"
TOPIC_TESTS: Final = "tests/infra/test_topic.py::"

MUTANTS: Final = [
    Mutant(
        "accepts an unsigned tail",
        ACCEPTANCE,
        "        if signature is None:\n            return False\n",
        "        if signature is None:\n            return True\n",
        ENTERING + "test_no_signature_enters_nothing",
    ),
    Mutant(
        "accepts any signature",
        ACCEPTANCE,
        "if self._verify(head, signature, record.arrival.value):",
        "if signature:",
        ENTERING + "test_a_strangers_signature_enters_nothing",
    ),
    Mutant(
        "accepts any signature of a batch that stands whole",
        ACCEPTANCE,
        "return chains if self._verify(made, arrival.signature, arrival.value) else []",
        "return chains",
        "tests/ledger/test_acceptance.py"
        "::test_what_nearly_is_the_next_batch_is_not_accepted_at_once",
    ),
    Mutant(
        "drops the chain check",
        ACCEPTANCE,
        "return fields.prev == self.head.chain and fields.position == self.head.position + 1",
        "return fields.position == self.head.position + 1",
        ENTERING + "test_a_term_behind_another_record_than_the_head_is_not_opened",
    ),
    Mutant(
        "keeps what is pending over an acceptance",
        ACCEPTANCE,
        "        self._pending.clear()\n        self._pending_bytes = 0\n        self._lately",
        "        self._lately",
        ENTERING + "test_behind_an_acceptance_nothing_waits_any_more",
    ),
    Mutant(
        "refuses when full instead of dropping the oldest",
        ACCEPTANCE,
        "        self._forget(chain)\n        self._pending[chain] = record\n",
        "        self._forget(chain)\n"
        "        if self.pending >= PENDING_RECORDS_MAX:\n"
        '            return self._refuse("full")\n'
        "        self._pending[chain] = record\n",
        ENTERING + "test_however_many_records_were_planted_a_true_one_is_entered",
    ),
    Mutant(
        "lets fewer records wait than a batch may have",
        ACCEPTANCE,
        "PENDING_RECORDS_MAX: Final = 2_000",
        "PENDING_RECORDS_MAX: Final = 3",
        ENTERING + "test_as_many_records_wait_as_two_batches_may_have",
    ),
    Mutant(
        "skips a term",
        ACCEPTANCE,
        "if record.fields.term != self.head.term + 1:",
        "if record.fields.term <= self.head.term:",
        ENTERING + "test_a_term_that_skips_one_is_not_opened",
    ),
    Mutant(
        "takes the term back",
        RULES,
        "return (other.timeline, other.started_at) > (self.timeline, self.started_at)",
        "return False",
        RULE_TESTS + "test_7_a_server_that_was_superseded_is_fenced",
    ),
    Mutant(
        "forgets that it was fenced",
        RULES,
        "    if found.is_fenced:\n",
        "    if False:\n",
        RULE_TESTS + "test_7_a_server_that_was_fenced_stays_so_whatever_the_log_has_lost_since",
    ),
    Mutant(
        "writes to a topic that is not as it was pinned",
        RULES,
        "    if found.objections:\n",
        "    if False:\n",
        RULE_TESTS + "test_1_a_topic_that_is_not_as_it_was_pinned_stops_whatever_else_holds",
    ),
    Mutant(
        "goes on over a proven loss",
        RULES,
        "    if lost := _lost(found):\n",
        "    if (lost := _lost(found)) and False:\n",
        RULE_TESTS + "test_3_what_both_have_lost_is_proven_and_stops",
    ),
    Mutant(
        "sets aside what was entered",
        RULES,
        "    if found.differ_from <= found.entered_here:\n",
        "    if False:\n",
        RULE_TESTS
        + "test_4_a_database_that_differs_below_what_was_entered_is_never_healed_by_itself",
    ),
    Mutant(
        "serves while the tail that Kafka lost is missing",
        RULES,
        "    if found.floor is not None and found.kafka.position < found.floor.position:\n",
        "    if False:\n",
        RULE_TESTS + "test_6_a_tail_that_kafka_lost_is_sent_again",
    ),
    Mutant(
        "serves in the term of another instance",
        RULES,
        "    if found.term_is_ours:\n",
        "    if True:\n",
        RULE_TESTS + "test_8_the_term_of_an_earlier_instance_is_followed_by_our_own",
    ),
    Mutant(
        "adopts without signatures",
        "infra/adoption.py",
        "                arrival.signature,\n",
        "                None,\n",
        GATE_TESTS + "test_an_older_backup_adopts_what_was_entered_and_opens_a_term",
    ),
    Mutant(
        "adopts without keys",
        "infra/adoption.py",
        "        _take_key(taken, envelope)\n",
        "",
        GATE_TESTS + "test_a_key_that_the_adopted_history_has_is_not_voided",
    ),
    Mutant(
        "looks for what is known to be entered after it has read the log",
        "infra/gate.py",
        "                floors = store.floors()\n"
        "                entered = self._entered(store, log)\n"
        "                decision = decide(",
        "                entered = self._entered(store, log)\n"
        "                floors = store.floors()\n"
        "                decision = decide(",
        GATE_TESTS + "test_a_place_that_is_stored_while_the_gate_reads_is_no_lost_tail",
    ),
    Mutant(
        "builds on what came while it adopted",
        "infra/gate.py",
        "        if batch.place.position > upto:\n            return\n",
        "",
        GATE_TESTS + "test_what_comes_while_records_are_adopted_is_not_built_upon",
    ),
    Mutant(
        "serves a term whose opening it has only adopted",
        "infra/gate.py",
        "term_is_ours=store.term_is_ours() and _opened_here(store, postgres)",
        "term_is_ours=store.term_is_ours()",
        GATE_TESTS
        + "test_the_term_of_another_is_not_served_though_the_gate_ended_before_it_opened_its_own",
    ),
    Mutant(
        "sets aside without voiding",
        "infra/gate_store.py",
        "lost = [bytes(key) for (key,) in rows]",
        "lost: list[bytes] = []",
        GATE_TESTS
        + "test_what_was_sequenced_and_lost_is_set_aside_and_its_keys_are_voided_on_the_log",
    ),
    Mutant(
        "starts at latest",
        "infra/reader.py",
        "        self._next = place.offset + 1\n",
        "        self._next = place.offset + 1 if place.position else self._log.end()\n",
        "tests/infra/test_reader.py::test_batches_are_given_whole_and_in_order",
    ),
    Mutant(
        "takes any record at its offset for that of its place",
        "infra/reader.py",
        "            and found[0].chain == place.chain\n",
        "",
        KAFKA_TESTS + "test_a_reader_goes_on_behind_a_stored_place_that_the_log_holds",
    ),
    Mutant(
        "is stopped by a stranger's transaction",
        "infra/kafka_clients.py",
        'isolation_level="read_uncommitted"',
        'isolation_level="read_committed"',
        KAFKA_TESTS + "test_a_strangers_transaction_that_hangs_stops_nobody",
    ),
    Mutant(
        "reads what fails its checksum",
        "infra/kafka_clients.py",
        "check_crcs=True",
        "check_crcs=False",
        KAFKA_TESTS + "test_a_byte_that_flipped_on_the_brokers_disk_is_noticed",
    ),
    Mutant(
        "is stopped by a stranger's transaction in bulk",
        "infra/bulk_fetches.py",
        '"isolation.level": "read_uncommitted"',
        '"isolation.level": "read_committed"',
        KAFKA_TESTS + "test_a_strangers_transaction_that_hangs_stops_nobody",
    ),
    Mutant(
        "reads in bulk what fails its checksum",
        "infra/bulk_fetches.py",
        '"check.crcs": True',
        '"check.crcs": False',
        KAFKA_TESTS + "test_a_byte_that_flipped_on_the_brokers_disk_is_noticed",
    ),
    Mutant(
        "changes the client that reads and does not tell it where",
        "infra/kafka_log.py",
        "        if self._fetches is not before:\n",
        "        if False:\n",
        KAFKA_TESTS + "test_a_reader_comes_over_the_change_without_a_gap_or_a_repeat",
    ),
    Mutant(
        "takes a topic of the same name for the same topic",
        "infra/kafka_log.py",
        "        if present != self.topic_id:\n",
        "        if False:\n",
        KAFKA_TESTS
        + "test_a_topic_made_anew_under_its_reader_is_told_even_if_it_has_as_many_records",
    ),
    Mutant(
        "takes the first of several signatures",
        "infra/fetches.py",
        "return found[0] if len(found) == 1 else None",
        "return found[0] if found else None",
        KAFKA_TESTS + "test_the_signature_is_the_value_of_exactly_one_header",
    ),
    Mutant(
        "sends without the signature",
        "infra/kafka_sender.py",
        "        if record.signature is not None:\n",
        "        if False:\n",
        "tests/faults/test_sending.py::"
        "test_a_batch_is_sent_as_it_is_with_one_signature_on_its_last_record",
    ),
    Mutant(
        "a relay that trusts the broker's word",
        "infra/relay.py",
        "        if place.position >= flight.position:\n",
        "        if flight.position:\n",
        RELAY_TESTS + "test_a_broker_that_never_gives_back_what_it_acknowledged_is_given_up",
    ),
    Mutant(
        "a relay that trusts its own checkpoint",
        "infra/relay.py",
        "        records = list(self._sequenced.records_from(head.position + 1, limit))\n",
        '        first = max(head.position, getattr(self, "sent", 0)) + 1\n'
        "        records = list(self._sequenced.records_from(first, limit))\n"
        "        self.sent = records[-1].position if records else first - 1\n",
        RELAY_TESTS + "test_a_tail_that_the_broker_lost_is_sent_again",
    ),
    Mutant(
        "a relay that does not ask PostgreSQL for the log's head",
        "infra/relay.py",
        "        head = self.reader.place.head\n        self._known(head)\n",
        "        head = self.reader.place.head\n",
        RELAY_TESTS + "test_a_head_that_postgresql_has_not_wakes_the_gate",
    ),
    Mutant(
        "a relay that repeats what waits already",
        "infra/relay.py",
        "            del records[0]\n",
        "            break\n",
        RELAY_TESTS + "test_a_half_batch_that_waits_is_completed_and_not_repeated",
    ),
    Mutant(
        "acknowledges at commit",
        "infra/follower.py",
        "            if position > self._entered.position:\n"
        "                self._waiting.append((position, chain, told))\n",
        "            if position < 0:\n"
        "                self._waiting.append((position, chain, told))\n",
        FOLLOWER_TESTS + "test_a_record_is_entered_when_its_batch_was_read_back",
    ),
    Mutant(
        "acknowledges what another record has taken the position of",
        "infra/follower.py",
        "    if wanted is not None and chain != wanted:\n",
        "    if False:\n",
        FOLLOWER_TESTS + "test_a_record_that_lost_its_position_to_another_one_is_never_told",
    ),
    Mutant(
        "does not tell the gate that the log is not what it was",
        "infra/follower.py",
        "PlaceLost, RecordDamaged) as error:\n"
        "                self._close()\n"
        "                self._wake_gate()\n",
        "PlaceLost, RecordDamaged) as error:\n                self._close()\n",
        FOLLOWER_TESTS + "test_a_log_that_is_not_what_it_was_is_opened_again_and_the_gate_is_told",
    ),
    Mutant(
        "serves before its term is entered",
        "infra/serving.py",
        "    if standing.term != entered.term:\n",
        "    if False:\n",
        SERVING_TESTS + "test_none_serves_before_the_term_is_entered",
    ),
    Mutant(
        "takes no notice of a restart",
        "infra/serving.py",
        "    if not standing.is_here:\n",
        "    if False:\n",
        SERVING_TESTS + "test_none_serves_behind_a_restart_until_the_next_term_is_entered",
    ),
    Mutant(
        "serves where PostgreSQL has not what is entered",
        "infra/serving.py",
        "    if entered.position and standing.entered_chain != entered.chain:\n",
        "    if False:\n",
        SERVING_TESTS + "test_none_serves_where_postgresql_has_not_what_is_entered",
    ),
    Mutant(
        "lets any number of records wait",
        "infra/serving.py",
        "        if to_write and waiting > UNENTERED_MAX:\n",
        "        if False:\n",
        SERVING_TESTS + "test_too_much_that_waits_is_refused_and_keys_are_answered_for",
    ),
    Mutant(
        "takes a topic with more partitions for good",
        "infra/topic.py",
        "    if found.partitions != 1:\n",
        "    if False:\n",
        TOPIC_TESTS + "test_a_topic_of_another_shape_forbids_writing",
    ),
    Mutant(
        "runs on the table again after it has lived on a topic",
        "infra/sequencer.sql",
        " AND NOT EXISTS (SELECT FROM ledger_topic) FOR UPDATE",
        " FOR UPDATE",
        SERVING_TESTS + "test_a_ledger_that_lives_on_a_topic_is_never_written_on_the_table_again",
    ),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the tree, which mutants may change and change back."""
    copy = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        shutil.copytree(
            REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in FILES:
        shutil.copy2(REPOSITORY / name, copy / name)
    (copy / ".cache").mkdir()
    (copy / ".cache" / KAFKA_CACHE.name).symlink_to(KAFKA_CACHE)
    yield copy
    shutil.rmtree(copy)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_each_rule_that_is_left_out_is_missed_by_the_test_that_is_named(
    mutant: Mutant, tree: Path
) -> None:
    file = tree / mutant.file
    sound = file.read_text("utf-8")
    assert sound.count(mutant.text) == 1, f"{mutant.file} does not say {mutant.text!r} just once"
    file.write_text(sound.replace(mutant.text, mutant.instead), "utf-8")
    try:
        code, said = outcome(tree, mutant.test)
    finally:
        file.write_text(sound, "utf-8")
    assert code == _FAILED, f"{mutant.test} does not miss it: exit code {code}\n{said}"
    assert "FAILED" in said, said


def outcome(tree: Path, test: str) -> tuple[int, str]:
    """How pytest ends over one test in a tree, and what it says."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider", test],
        cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "FAULTS": "all"},
        capture_output=True,
        text=True,
        timeout=_TEST_S,
        check=False,
    )
    return ran.returncode, ran.stdout[-4_000:] + ran.stderr[-2_000:]


def test_there_are_as_many_mutants_as_were_promised() -> None:
    assert len({one.name for one in MUTANTS}) >= 25
