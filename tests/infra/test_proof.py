"""What a log holds, read from its first record on: head, root, places, and where it is damaged."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from infra import proof
from infra.kafka_log import RecordDamaged
from infra.proof import read_history
from ledger.acceptance import Arrival
from ledger.merkle import EMPTY_ROOT, root_of
from ledger.record import Head, leaf_hash
from tests.infra.test_failing_log import Written
from tests.topic import MemoryTopic


@pytest.fixture
def written() -> Written:
    """A term, and batches that end at 2, 5, 7 and 12."""
    written = Written()
    for count in (1, 3, 2, 5):
        written.batch(count)
    return written


def leaves(written: Written, upto: int) -> list[bytes]:
    return [leaf_hash(value) for value, _ in written.records()[:upto]]


def test_all_that_is_entered_is_proven(written: Written) -> None:
    history = read_history(written.topic(), written.verify)
    assert history.head.position == 12
    assert history.proof.root == root_of(leaves(written, 12))
    assert history.places[-1].head == history.head
    assert (history.refused, history.damaged) == ({}, None)


@pytest.mark.parametrize("upto", range(1, 13))
def test_a_history_up_to_a_position_is_that_of_a_shorter_one(written: Written, upto: int) -> None:
    history = read_history(written.topic(), written.verify, upto=upto)
    assert history.head.position == upto
    assert history.proof.root == root_of(leaves(written, upto))
    # A place is where a batch ends.
    assert history.places[-1].position == max(end for end in (1, 2, 5, 7, 12) if end <= upto)


def test_an_empty_log_has_no_history(written: Written) -> None:
    history = read_history(MemoryTopic(), written.verify)
    assert (history.head, history.proof.root, history.places) == (Head(), EMPTY_ROOT, ())


def test_what_is_watched_is_told_as_far_as_it_goes(written: Written) -> None:
    history = read_history(written.topic(), written.verify, watched={3, 12, 40})
    assert history.chains.keys() == {3, 12}
    assert history.holds(history.head)
    assert history.holds(Head())
    assert not history.holds(Head(position=3, chain=history.head.chain))
    assert not history.holds(Head(position=40, chain=history.head.chain))


def test_repeats_and_what_others_wrote_change_no_proof(written: Written) -> None:
    topic = written.topic()
    topic.put(*written.records()[4])
    topic.put(b"a stranger's", None)
    history = read_history(topic, written.verify)
    assert history.proof == read_history(written.topic(), written.verify).proof
    assert history.refused == {"behind": 1, "unreadable": 1}


@pytest.mark.parametrize(("every", "kept"), [(10_000, [1, 12]), (5, [1, 5, 12]), (1, None)])
def test_a_place_is_kept_of_each_stretch_and_the_last_one(
    written: Written, monkeypatch: pytest.MonkeyPatch, every: int, kept: list[int] | None
) -> None:
    monkeypatch.setattr(proof, "_PLACE_EVERY", every)
    history = read_history(written.topic(), written.verify)
    assert [place.position for place in history.places] == (kept or [1, 2, 5, 7, 12])


@dataclass(slots=True)
class Damaged(MemoryTopic):
    """A topic of which one record does not match its checksum."""

    at: int = 0

    def read(self, offset: int, limit: int) -> Sequence[Arrival]:
        if offset == self.at:
            raise RecordDamaged(f"the record at offset {offset} fails its checksum")
        return MemoryTopic.read(self, offset, min(limit, self.at - offset))


@pytest.mark.parametrize(("at", "head"), [(0, 0), (1, 1), (3, 2), (5, 5), (11, 7)])
def test_a_damaged_record_ends_the_history_with_the_batch_before_it(
    written: Written, at: int, head: int
) -> None:
    history = read_history(Damaged(records=written.topic().records, at=at), written.verify)
    assert history.head.position == head
    assert history.damaged == f"the record at offset {at} fails its checksum"


def test_how_far_it_is_is_told_to_the_end(written: Written) -> None:
    told: list[tuple[int, int]] = []
    read_history(written.topic(), written.verify, progress=lambda *here: told.append(here))
    assert told == [(12, 12)]
