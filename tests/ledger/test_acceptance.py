"""The rule by which a record counts as entered, and whatever a log may hold instead.

Records here are real: canonical bytes, chained and signed with a key that is made for the run.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from infra.codec import read_fields
from infra.signer import PublicKey, Signer, Verifier
from ledger import acceptance as rule
from ledger.acceptance import PENDING_BYTES_MAX, PENDING_RECORDS_MAX, Acceptance, Arrival
from ledger.record import GENESIS, TERM_OPENED, Head, chain_hash, leaf_hash
from tests.contracts import LEDGER

SIGNER: Final = Signer.generate(LEDGER)
STRANGER: Final = Signer.generate(LEDGER)
KEYS: Final = [PublicKey(key=SIGNER.public_key, first_term=1, last_term=None)]
VERIFY: Final = Verifier(LEDGER, KEYS)


@dataclass(slots=True)
class History:
    """A history that grows record by record; a copy of it is a branch."""

    head: Head = field(default_factory=Head)
    records: list[Arrival] = field(default_factory=list)

    def add(
        self,
        text: str = "x",
        *,
        by: Signer | None = None,
        kind: str = "noted",
        term: int | None = None,
    ) -> Arrival:
        """The next record, signed by `by`, if anybody."""
        term = self.head.term if term is None else term
        position = self.head.position + 1
        said: dict[str, Any] = {
            "position": position,
            "prev": self.head.chain.hex(),
            "term": term,
            "type": kind,
        }
        value = rfc8785.dumps({**said, "data": text})
        chain = chain_hash(self.head.chain, leaf_hash(value))
        self.head = Head(position=position, chain=chain, term=term)
        signature = None if by is None else by.sign(self.head)
        arrival = Arrival(value, signature, position - 1, 0, read_fields(value))
        self.records.append(arrival)
        return arrival

    def term(self, by: Signer | None = SIGNER) -> Arrival:
        return self.add(kind=TERM_OPENED, term=self.head.term + 1, by=by)

    def batch(self, size: int, text: str = "x", by: Signer = SIGNER) -> list[Arrival]:
        return [self.add(f"{text}{n}", by=by if n == size - 1 else None) for n in range(size)]

    def branch(self) -> "History":
        return History(self.head, list(self.records))


def stripped(arrival: Arrival) -> Arrival:
    return arrival._replace(signature=None)


def feed(acceptance: Acceptance, arrivals: Iterable[Arrival]) -> list[Arrival]:
    return [one for arrival in arrivals for one in acceptance.feed(arrival)]


def accepted(arrivals: Iterable[Arrival]) -> tuple[list[Arrival], Acceptance]:
    acceptance = Acceptance(VERIFY)
    return feed(acceptance, arrivals), acceptance


@pytest.fixture
def history() -> History:
    """A ledger with its term."""
    history = History()
    history.term()
    return history


class TestBatches:
    def test_a_batch_is_accepted_whole_when_its_signature_comes(self, history: History) -> None:
        _, acceptance = accepted(history.records)
        batch = history.batch(3)
        assert [len(acceptance.feed(one)) for one in batch] == [0, 0, 3]
        assert acceptance.head == history.head
        assert acceptance.pending == 0

    def test_records_come_in_their_order(self, history: History) -> None:
        _, acceptance = accepted(history.records)
        batch = history.batch(4)
        assert feed(acceptance, batch) == batch

    def test_a_batch_cut_short_is_never_accepted(self, history: History) -> None:
        records, acceptance = accepted([*history.records, *history.batch(5)[:-1]])
        assert len(records) == 1
        assert acceptance.pending == 4

    @pytest.mark.parametrize("cut", [1, 2, 3, 4])
    def test_a_batch_cut_at_any_record_is_accepted_once_when_it_is_sent_again(
        self, history: History, cut: int
    ) -> None:
        batch = history.batch(5)
        records, acceptance = accepted([history.records[0], *batch[:cut], *batch])
        assert records == [history.records[0], *batch]
        assert acceptance.pending == 0

    @pytest.mark.parametrize("cut", [1, 2, 3, 4])
    def test_a_batch_cut_at_any_record_may_be_gone_on_with(
        self, history: History, cut: int
    ) -> None:
        batch = history.batch(5)
        records, _ = accepted([history.records[0], *batch[:cut], *batch[cut:]])
        assert records == [history.records[0], *batch]

    @pytest.mark.parametrize("cut", [1, 2, 3, 4])
    def test_a_batch_cut_at_any_record_gives_way_to_another(
        self, history: History, cut: int
    ) -> None:
        branch = history.branch()
        lost, kept = history.batch(5, "lost"), branch.batch(2, "kept")
        records, acceptance = accepted([*branch.records[:1], *lost[:cut], *kept, *lost[cut:]])
        assert records == branch.records
        assert acceptance.head == branch.head
        # Two positions were given out again: what stands there besides is no repeat.
        at_taken_positions = max(0, 2 - cut)
        assert acceptance.refused["another-record"] == at_taken_positions
        assert acceptance.refused["unknown-prev"] == 5 - cut - at_taken_positions
        assert acceptance.refused["behind"] == 0
        assert acceptance.pending == 0

    def test_one_signature_covers_whatever_waits_before_it(self, history: History) -> None:
        """A signature that was lost with its header is made good by the next one."""
        first, second = history.batch(2, "a"), history.batch(2, "b")
        stream = [history.records[0], first[0], stripped(first[1]), *second]
        records, _ = accepted(stream)
        assert [one.value for one in records] == [one.value for one in history.records]


class TestRepeats:
    def test_what_is_accepted_is_refused_when_it_comes_again(self, history: History) -> None:
        history.batch(3)
        records, acceptance = accepted(history.records * 2)
        assert records == history.records
        assert acceptance.refused == {"behind": 4}

    def test_a_signature_is_looked_at_also_when_the_record_waits_already(
        self, history: History
    ) -> None:
        batch = history.batch(3)
        stream = [history.records[0], *batch[:2], stripped(batch[2]), batch[2]]
        records, _ = accepted(stream)
        assert records == history.records

    def test_of_copies_with_and_without_signature_any_order_will_do(self, history: History) -> None:
        (one,) = history.batch(1)
        for copies in ([stripped(one), one], [one, stripped(one)], [stripped(one)] * 3 + [one]):
            records, acceptance = accepted([history.records[0], *copies])
            assert records == history.records
            assert acceptance.pending == 0

    def test_a_repeat_becomes_the_newest(self, history: History) -> None:
        """So what is sent again is not the first to be dropped."""
        batch = history.batch(2)
        strangers = [history_of(history.records[0]).add(f"s{n}") for n in range(2_500)]
        stream = [history.records[0], batch[0], *strangers[:1_999], batch[0], *strangers[1_999:]]
        records, acceptance = accepted([*stream, batch[1]])
        assert records == history.records
        assert acceptance._pending_bytes == 0


class TestPlantedRecords:
    def test_a_record_signed_by_a_stranger_waits_and_is_told(self, history: History) -> None:
        forged = history.branch().add("forged", by=STRANGER)
        records, acceptance = accepted([*history.records, forged])
        assert records == history.records
        assert acceptance.refused == {"invalid-signature": 1}
        assert acceptance.pending == 1

    @pytest.mark.parametrize("signature", [b"", b"\x00" * 63, b"\x00" * 64, b"\x00" * 65])
    def test_a_signature_of_any_form_is_only_invalid(
        self, history: History, signature: bytes
    ) -> None:
        forged = history.branch().add("forged")._replace(signature=signature)
        _, acceptance = accepted([*history.records, forged])
        assert acceptance.refused == {"invalid-signature": 1}

    def test_a_signature_of_another_head_is_invalid(self, history: History) -> None:
        branch = history.branch()
        forged = branch.add("forged")._replace(signature=history.batch(1)[0].signature)
        assert len(accepted([history.records[0], forged])[0]) == 1

    def test_a_signature_for_another_ledger_is_invalid(self, history: History) -> None:
        elsewhere = Verifier("other", KEYS)
        acceptance = Acceptance(elsewhere)
        assert acceptance.feed(history.records[0]) == ()

    def test_no_flood_of_unsigned_records_keeps_a_batch_out(self, history: History) -> None:
        planted = [history_of(history.records[0]).add(f"p{n}") for n in range(2_100)]
        batch = history.batch(1_000)
        records, acceptance = accepted([history.records[0], *planted, *batch])
        assert records == history.records
        assert acceptance.pending == 0

    def test_nor_one_between_its_records_as_long_as_it_stays_within_the_bound(
        self, history: History
    ) -> None:
        planted = [history_of(history.records[0]).add(f"p{n}") for n in range(1_000)]
        batch = history.batch(1_000)
        mixed = [one for pair in zip(batch, planted, strict=True) for one in pair]
        records, _ = accepted([history.records[0], *mixed])
        assert records == history.records

    def test_a_batch_that_a_flood_pushed_out_is_accepted_when_it_is_sent_again(
        self, history: History
    ) -> None:
        planted = [history_of(history.records[0]).add(f"p{n}") for n in range(2_100)]
        batch = history.batch(3)
        stream = [history.records[0], *batch[:2], *planted, batch[2]]
        records, acceptance = accepted(stream)
        assert len(records) == 1
        assert feed(acceptance, batch) == batch

    def test_a_batch_of_which_only_the_first_record_was_pushed_out_is_not_accepted(
        self, history: History
    ) -> None:
        planted = [history_of(history.records[0]).add(f"p{n}") for n in range(1_999)]
        batch = history.batch(3)
        records, acceptance = accepted([history.records[0], *batch[:2], *planted, batch[2]])
        assert len(records) == 1
        assert feed(acceptance, batch) == batch

    def test_a_chain_that_was_planted_behind_a_batch_does_not_come_in_with_it(
        self, history: History
    ) -> None:
        batch = history.batch(2)
        planted = history.branch().add("planted")
        records, acceptance = accepted([*history.records, planted])
        assert records == [history.records[0], *batch]
        assert acceptance.pending == 1
        next_batch = history.batch(1)
        assert feed(acceptance, next_batch) == next_batch
        assert acceptance.pending == 0


class TestBounds:
    """The bounds on what waits are part of the protocol: readers with others could disagree."""

    def test_they_are_twice_the_largest_batch(self) -> None:
        assert (PENDING_RECORDS_MAX, PENDING_BYTES_MAX) == (2_000, 8_388_608)

    @pytest.mark.parametrize(("planted", "is_accepted"), [(1_999, True), (2_000, False)])
    def test_the_oldest_goes_when_there_is_one_too_many(
        self,
        history: History,
        planted: int,
        is_accepted: bool,  # noqa: FBT001  # a case
    ) -> None:
        batch = history.batch(2)
        strangers = [history_of(history.records[0]).add(f"p{n}") for n in range(planted)]
        records, _ = accepted([history.records[0], batch[0], *strangers, batch[1]])
        # The batch's own last record waits with them for a moment, before the oldest is dropped.
        assert (records == history.records) is is_accepted

    @pytest.mark.parametrize(("size", "is_accepted"), [(0, True), (1, False)])
    def test_so_it_does_by_bytes(
        self,
        history: History,
        size: int,
        is_accepted: bool,  # noqa: FBT001  # a case
    ) -> None:
        first, last = history.batch(2)
        large = [history_of(history.records[0]).add(chr(65 + n) * 1_000_000) for n in range(8)]
        rest = PENDING_BYTES_MAX - len(first.value) - sum(len(one.value) for one in large)
        empty = len(history_of(history.records[0]).add("").value)
        filler = history_of(history.records[0]).add("f" * (rest - empty + size))
        records, _ = accepted([history.records[0], first, *large, filler, last])
        assert (records == history.records) is is_accepted

    def test_bytes_are_given_back_when_records_are_dropped_repeated_or_accepted(
        self, history: History
    ) -> None:
        _, acceptance = accepted(history.records)
        large = [history_of(history.records[0]).add(chr(65 + n) * 2_000_000) for n in range(20)]
        feed(acceptance, large * 3)
        assert acceptance.pending == 4
        assert acceptance._pending_bytes <= PENDING_BYTES_MAX
        batch = history.batch(1)
        assert feed(acceptance, batch) == batch
        assert (acceptance.pending, acceptance._pending_bytes) == (0, 0)


class TestTerms:
    def test_the_first_record_opens_the_first_term(self) -> None:
        history = History()
        opened = history.term()
        assert accepted([opened])[0] == [opened]

    def test_no_other_record_is_the_first(self) -> None:
        history = History()
        first = history.add(by=SIGNER, term=1)
        records, acceptance = accepted([first])
        assert records == []
        assert acceptance.refused == {"term": 1}

    @pytest.mark.parametrize("term", [2, 3])
    def test_the_first_term_is_1(self, term: int) -> None:
        opened = History().add(kind=TERM_OPENED, term=term, by=SIGNER)
        records, acceptance = accepted([opened])
        assert (records, acceptance.refused) == ([], {"term": 1})

    def test_a_term_is_opened_by_a_signed_record_and_never_waits(self, history: History) -> None:
        opened = history.branch().term(by=None)
        records, acceptance = accepted([*history.records, opened])
        assert records == history.records
        assert (acceptance.pending, acceptance.refused) == (0, {"unsigned": 1})

    def test_a_term_is_not_opened_by_a_stranger(self, history: History) -> None:
        opened = history.branch().term(by=STRANGER)
        records, acceptance = accepted([*history.records, opened])
        assert records == history.records
        assert acceptance.pending == 0

    def test_a_term_is_opened_on_the_head_alone(self, history: History) -> None:
        """Behind records that wait it is refused: what waits is not on the log."""
        history.add("waits")
        opened = history.term()
        records, acceptance = accepted(history.records)
        assert len(records) == 1
        assert acceptance.refused == {"unknown-prev": 1}
        assert opened in history.records

    def test_a_new_term_clears_what_waits_and_fences_the_old_one(self, history: History) -> None:
        old = history.branch()
        late = old.batch(2, "late")
        opened = history.term()
        records, acceptance = accepted([history.records[0], late[0], opened, late[1]])
        assert records == [history.records[0], opened]
        assert acceptance.pending == 0
        assert sum(acceptance.refused.values()) == 1
        batch = history.batch(2)
        assert feed(acceptance, batch) == batch

    def test_terms_follow_each_other_by_one(self, history: History) -> None:
        skipped = history.branch().add(kind=TERM_OPENED, term=3, by=SIGNER)
        again = history.branch().add(kind=TERM_OPENED, term=1, by=SIGNER)
        _, acceptance = accepted([*history.records, skipped, again])
        assert acceptance.refused == {"term": 2}

    def test_a_record_of_another_term_is_refused(self, history: History) -> None:
        other = history.branch().add(term=2, by=SIGNER)
        _, acceptance = accepted([*history.records, other])
        assert acceptance.refused == {"term": 1}

    def test_each_term_is_checked_with_its_own_key(self, history: History) -> None:
        second = Signer.generate(LEDGER)
        keys = [
            PublicKey(key=SIGNER.public_key, first_term=1, last_term=1),
            PublicKey(key=second.public_key, first_term=2, last_term=None),
        ]
        acceptance = Acceptance(Verifier(LEDGER, keys))
        feed(acceptance, history.records)
        assert acceptance.feed(history.branch().term(by=SIGNER)) == ()
        opened = history.term(by=second)
        assert acceptance.feed(opened) == (opened,)
        assert acceptance.feed(history.branch().add(by=SIGNER)) == ()
        batch = history.batch(1, by=second)
        assert feed(acceptance, batch) == batch


class TestRefusals:
    @pytest.mark.parametrize("value", [b"", b"{}", b"\xff", b"[" * 200_000])
    def test_what_is_no_record_is_refused_and_counted(self, history: History, value: bytes) -> None:
        other = Arrival(value, None, 1, 0, read_fields(value))
        records, acceptance = accepted([*history.records, other, *history.branch().batch(1)])
        assert len(records) == 2
        assert acceptance.refused == {"unreadable": 1}

    def test_what_hangs_on_nothing_is_refused(self, history: History) -> None:
        history.add("lost")
        records, acceptance = accepted([history.records[0], history.add(by=SIGNER)])
        assert len(records) == 1
        assert acceptance.refused == {"unknown-prev": 1}

    @pytest.mark.parametrize("position", [1, 3, 2**31 - 1])
    def test_what_is_on_the_head_with_another_position_is_refused(
        self, history: History, position: int
    ) -> None:
        said: dict[str, Any] = {
            "prev": history.head.chain.hex(),
            "term": 1,
            "type": "x",
            "position": position,
        }
        value = rfc8785.dumps(said)
        chain = chain_hash(history.head.chain, leaf_hash(value))
        signature = SIGNER.sign(Head(position=position, chain=chain, term=1))
        planted = Arrival(value, signature, 1, 0, read_fields(value))
        records, _ = accepted([*history.records, planted])
        assert records == history.records

    @pytest.mark.parametrize("position", [2, 4, 5])
    def test_what_hangs_on_a_waiting_record_with_another_position_is_refused(
        self, history: History, position: int
    ) -> None:
        history.add("waits")
        said: dict[str, Any] = {
            "prev": history.head.chain.hex(),
            "term": 1,
            "type": "x",
            "position": position,
        }
        value = rfc8785.dumps(said)
        chain = chain_hash(history.head.chain, leaf_hash(value))
        signature = SIGNER.sign(Head(position=position, chain=chain, term=1))
        planted = Arrival(value, signature, 2, 0, read_fields(value))
        records, acceptance = accepted([*history.records, planted])
        assert len(records) == 1
        assert acceptance.refused == {"unknown-prev": 1}

    def test_a_record_changed_by_one_byte_hangs_on_nothing_that_follows(
        self, history: History
    ) -> None:
        batch = history.batch(3)
        value = batch[1].value.replace(b"x1", b"x9")
        changed = batch[1]._replace(value=value, fields=read_fields(value))
        records, acceptance = accepted([history.records[0], batch[0], changed, batch[2]])
        assert len(records) == 1
        assert acceptance.refused == {"unknown-prev": 1}


class TestPlaces:
    def test_a_reader_that_starts_at_a_place_equals_one_from_the_beginning(
        self, history: History
    ) -> None:
        history.batch(3)
        place = history.head
        rest = history.batch(2)
        acceptance = Acceptance(VERIFY, place)
        assert feed(acceptance, rest) == rest
        assert acceptance.head == accepted(history.records)[1].head

    def test_before_the_first_record_the_head_is_nothing(self) -> None:
        assert Acceptance(VERIFY).head == Head(position=0, chain=GENESIS, term=0)


def history_of(first: Arrival) -> History:
    """A branch behind the first record."""
    assert first.fields is not None
    chain = chain_hash(first.fields.prev, leaf_hash(first.value))
    return History(Head(position=1, chain=chain, term=1), [first])


# Any log at all ----------------------------------------------------------------------------------


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[Arrival], list[Arrival], int]:
    """A true history, a log in which it stands mangled, and a true head from which to start.

    Parts of it are repeated, stripped of their signatures and cut, with planted records between;
    at the end the true history is sent once more.
    """
    history = History()
    history.term()
    ends = [1]
    planted: list[Arrival] = []
    for number in range(draw(st.integers(1, 6))):
        branch = history.branch()
        planted += [branch.add(f"p{number}"), branch.add(f"q{number}", by=STRANGER)]
        if draw(st.integers(0, 4)) == 0:
            history.term()
        else:
            history.batch(draw(st.integers(1, 4)), f"b{number}-")
        ends.append(len(history.records))
    true = history.records
    pool = [*true, *map(stripped, true), *planted]
    noise = draw(st.lists(st.sampled_from(pool), max_size=40))
    return true, [*noise, *true], draw(st.sampled_from(ends))


@given(logs())
def test_whatever_else_the_log_holds_the_true_history_is_accepted_and_nothing_else(
    log: tuple[list[Arrival], list[Arrival], int],
) -> None:
    true, stream, _ = log
    records, acceptance = accepted(stream)
    assert [one.value for one in records] == [one.value for one in true]
    assert acceptance.pending == 0


@given(logs())
def test_the_same_records_from_any_place_give_the_same_answer(
    log: tuple[list[Arrival], list[Arrival], int],
) -> None:
    """A reader stops at every place and another goes on from there, with nothing pending."""
    true, stream, _ = log
    whole = Acceptance(VERIFY)
    for at, arrival in enumerate(stream):
        if whole.feed(arrival):
            fresh = Acceptance(VERIFY, whole.head)
            rest = feed(fresh, stream[at + 1 :])
            behind = [one.value for one in true[whole.head.position :]]
            assert [one.value for one in rest] == behind


@given(logs(), st.integers(1, 7))
def test_a_batch_is_entered_whole_or_not_at_all(
    log: tuple[list[Arrival], list[Arrival], int], stop: int
) -> None:
    true, stream, _ = log
    signed = {index + 1 for index, one in enumerate(true) if one.signature is not None}
    _, acceptance = accepted(stream[: len(stream) - stop])
    assert acceptance.head.position in {0, *signed}


@given(logs())
def test_a_place_in_the_middle_of_the_true_history_needs_nothing_before_it(
    log: tuple[list[Arrival], list[Arrival], int],
) -> None:
    true, stream, end = log
    head = accepted(true[:end])[1].head
    acceptance = Acceptance(VERIFY, head)
    rest = feed(acceptance, stream)
    assert [one.value for one in rest] == [one.value for one in true[end:]]


# Many at once ------------------------------------------------------------------------------------


def one_by_one(arrivals: Iterable[Arrival]) -> tuple[list[tuple[Arrival, ...]], Acceptance]:
    acceptance = Acceptance(VERIFY)
    return [given for one in arrivals if (given := acceptance.feed(one))], acceptance


def by_pages(
    arrivals: Sequence[Arrival], size: int
) -> tuple[list[tuple[Arrival, ...]], Acceptance]:
    acceptance = Acceptance(VERIFY)
    pages = [arrivals[first : first + size] for first in range(0, len(arrivals), size)]
    return [given for page in pages for given in acceptance.feed_all(page)], acceptance


def assert_same(arrivals: Sequence[Arrival], size: int) -> None:
    """All that an acceptance knows is the same, and so is whatever it may answer later."""
    (these, ours), (those, theirs) = by_pages(arrivals, size), one_by_one(arrivals)
    assert these == those
    assert (ours.head, ours.refused) == (theirs.head, theirs.refused)
    assert list(ours._pending.items()) == list(theirs._pending.items())
    assert ours._pending_bytes == theirs._pending_bytes
    assert ours._lately == theirs._lately


def forged(history: History, number: int) -> list[list[Arrival]]:
    """What would be the next batch but for one thing each."""
    head, text = history.head, f"f{number}"
    elsewhere = History(replace(head, chain=bytes(32)))
    later = History(replace(head, position=head.position + 1))
    another = History(replace(head, term=head.term + 1))
    unsigned, opened, opening = history.branch(), history.branch(), history.branch()
    opened.add(text)
    opened.term()
    opening.add(text)
    opening.add(text, kind=TERM_OPENED, by=SIGNER)
    return [
        history.branch().batch(3, text, by=STRANGER),
        elsewhere.batch(2, text),
        later.batch(2, text),
        another.batch(2, text),
        [unsigned.add(f"{text}{one}") for one in range(3)],
        opened.records[-2:],
        opening.records[-2:],
        [Arrival(b"?", None, 0, 0, None)],
        [lying(head, text, position=head.position + 2)],
        [lying(head, text, prev="00" * 32)],
        [lying(head, text, term=head.term + 1)],
    ]


def lying(head: Head, text: str, **said: Any) -> Arrival:
    """A record that is signed as the next one and says something else of itself."""
    true: dict[str, Any] = {
        "position": head.position + 1,
        "prev": head.chain.hex(),
        "term": head.term,
    }
    value = rfc8785.dumps({**true, "type": "noted", "data": text, **said})
    chain = chain_hash(head.chain, leaf_hash(value))
    signature = SIGNER.sign(replace(head, position=head.position + 1, chain=chain))
    return Arrival(value, signature, 0, 0, read_fields(value))


@st.composite
def runs(draw: st.DrawFn) -> list[Arrival]:
    """True batches in their order; before each what nearly is it, or its own beginning, or both."""
    history = History()
    stream = [history.term()]
    for number in range(draw(st.integers(1, 5))):
        nearly = forged(history, number)
        stream += draw(st.sampled_from([[], *nearly]))
        batch = history.batch(draw(st.integers(1, 4)), f"b{number}-")
        stream += batch[: draw(st.sampled_from([0, 0, 0, 1, 2]))]
        stream += draw(st.sampled_from([[], [], [], *nearly]))
        stream += batch
    return stream


@given(st.one_of(runs(), logs().map(lambda log: log[1])), st.integers(1, 80))
def test_pages_of_any_size_are_answered_as_their_records_one_by_one(
    stream: list[Arrival], size: int
) -> None:
    assert_same(stream, size)


@given(runs(), st.integers(1, 80), st.integers(1, 4), st.integers(100, 900))
def test_so_they_are_at_the_bounds_of_what_may_wait(
    stream: list[Arrival], size: int, records_max: int, bytes_max: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule, "PENDING_RECORDS_MAX", records_max)
        patch.setattr(rule, "PENDING_BYTES_MAX", bytes_max)
        assert_same(stream, size)


@pytest.mark.parametrize("which", range(11))
def test_what_nearly_is_the_next_batch_is_not_accepted_at_once(
    history: History, which: int
) -> None:
    nearly = forged(history, 1)[which]
    given, acceptance = by_pages([*history.records, *nearly], 100)
    assert [len(batch) for batch in given] == [1]
    assert acceptance.head == history.head


@pytest.mark.parametrize(("size", "is_accepted"), [(2_001, True), (2_002, False)])
def test_a_batch_at_once_is_as_large_as_what_may_wait_for_its_last_record(
    history: History,
    size: int,
    is_accepted: bool,  # noqa: FBT001  # a case
) -> None:
    batch = history.batch(size)
    assert_same(history.records, len(history.records))
    given, _ = by_pages(history.records, len(history.records))
    assert (given[-1] == tuple(batch)) is is_accepted


def test_a_batch_that_stands_whole_is_asked_after_one_signature(history: History) -> None:
    history.batch(50)
    asked: list[Head] = []

    def verify(head: Head, signature: bytes, value: bytes) -> bool:
        asked.append(head)
        return VERIFY(head, signature, value)

    accepted_batches = list(Acceptance(verify).feed_all(history.records))
    assert [len(batch) for batch in accepted_batches] == [1, 50]
    assert [head.position for head in asked] == [1, 51]
