"""What every sequencer keeps, in memory and on PostgreSQL: one suite, run on both.

A test module gives the fixture `store` and inherits the suite. Drafts are opaque to a sequencer, so
those here are of no type that the ledger knows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import pytest
import rfc8785

from infra.ids import fresh_event
from infra.signer import Signer, Verifier
from ledger.acceptance import Acceptance, Arrival
from ledger.identifiers import Identifier, SubjectId, uscc
from ledger.log import Log
from ledger.sequencing import (
    Append,
    Appended,
    CommandRecord,
    Draft,
    IdentifierHeld,
    Identities,
    KeyKnown,
    Sequencer,
    VersionConflict,
)
from ledger.values import EventId
from tests.check_ledger import signed_bytes
from tests.codes import synthetic_uscc

LEDGER: Final = "test"
BEGUN: Final = datetime(2026, 11, 24, 1, 2, 3, 456789, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """A clock that stands until it is set."""

    at: datetime = BEGUN

    def __call__(self) -> datetime:
        return self.at


@dataclass(slots=True, kw_only=True)
class Store:
    """A ledger that holds nothing but its `term-opened`, seen through the contracts."""

    sequencer: Sequencer
    identities: Identities
    log: Log
    signer: Signer
    verifier: Verifier
    clock: Clock = field(default_factory=Clock)

    def records(self) -> Sequence[Arrival]:
        return self.log.read(0, 10_000)

    def said(self, position: int) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.log.read(position - 1, 1)[0].value)
        return found


def draft(stream: str, version: int, text: str = "x", **fields: object) -> Draft:
    given: dict[str, object] = {"id": fresh_event(), "type": "noted", **fields}
    data = rfc8785.dumps({"text": text})
    return Draft(stream=stream, version=version, data=data, **given)  # type: ignore[arg-type]  # each test names its own


def append(  # what a test does not name is of no weight to it
    stream: str,
    version: int,
    *,
    key: int | None = None,
    command: int = 7,
    count: int = 1,
    claims: Sequence[Identifier] = (),
    follows: Sequence[str] = (),
    text: str = "x",
) -> Append:
    """`count` records behind each other on one stream."""
    return Append(
        drafts=tuple(draft(stream, version + offset, text) for offset in range(count)),
        key_hash=None if key is None else f"{key:064x}",
        command_hash=f"{command:064x}",
        actor="local",
        claims=tuple(claims),
        follows=tuple(follows),
    )


def code(number: int) -> Identifier:
    return uscc(synthetic_uscc(number))


def conflict(stream: str, actual: int) -> VersionConflict:
    return VersionConflict(stream=stream, actual=actual)


def at(first: int, last: int | None = None) -> Appended:
    return Appended(first=first, last=first if last is None else last)


class SequencerContract:
    """The suite; `store` is a ledger at position 1."""

    # Order and positions -------------------------------------------------------------------------

    def test_appends_follow_each_other_without_a_gap(self, store: Store) -> None:
        first = store.sequencer.append([append("a", 1, count=2), append("b", 1)])
        second = store.sequencer.append([append("a", 3)])
        assert (first, second) == ((at(2, 3), at(4)), (at(5),))
        assert store.sequencer.position() == 5
        assert [one.offset for one in store.records()] == [0, 1, 2, 3, 4]

    def test_nothing_to_append_changes_nothing(self, store: Store) -> None:
        assert store.sequencer.append([]) == ()
        assert store.sequencer.position() == 1

    # Versions ------------------------------------------------------------------------------------

    @pytest.mark.parametrize("version", [1, 3, 100])
    def test_a_version_that_is_not_the_next_one_conflicts(self, store: Store, version: int) -> None:
        store.sequencer.append([append("a", 1)])
        assert store.sequencer.append([append("a", version)]) == (conflict("a", 1),)
        assert store.sequencer.position() == 2

    def test_what_cannot_stand_harms_no_neighbour_and_burns_no_number(self, store: Store) -> None:
        batch = [append("a", 1), append("b", 5), append("c", 1)]
        assert store.sequencer.append(batch) == (at(2), conflict("b", 0), at(3))
        assert store.sequencer.append([append("b", 1)]) == (at(4),)

    def test_versions_are_checked_as_after_the_earlier_appends_of_the_batch(
        self, store: Store
    ) -> None:
        batch = [append("a", 1), append("a", 1), append("a", 2), append("a", 2)]
        assert store.sequencer.append(batch) == (at(2), conflict("a", 1), at(3), conflict("a", 2))

    def test_an_append_is_done_whole_or_not_at_all(self, store: Store) -> None:
        drafts = (draft("a", 1), draft("b", 1), draft("a", 2), draft("b", 3))
        broken = Append(drafts=drafts, key_hash="1" * 64, command_hash="2" * 64, actor="local")
        assert store.sequencer.append([broken]) == (conflict("b", 1),)
        assert store.sequencer.position() == 1
        assert store.sequencer.commands(["1" * 64]) == {}
        assert list(store.sequencer.read(["a", "b"])) == []

    def test_an_append_may_write_several_streams(self, store: Store) -> None:
        drafts = (draft("a", 1), draft("b", 1), draft("a", 2))
        one = Append(drafts=drafts, key_hash=None, command_hash="2" * 64, actor="local")
        assert store.sequencer.append([one]) == (at(2, 4),)

    def test_sixteen_writers_on_one_subject_have_one_winner(self, store: Store) -> None:
        answers = [store.sequencer.append([append("a", 1, key=n)])[0] for n in range(16)]
        assert answers == [at(2)] + [conflict("a", 1)] * 15

    # What was decided on what did not come about --------------------------------------------------

    def test_what_follows_an_append_that_was_left_out_is_left_out_too(self, store: Store) -> None:
        """The subject moved on by as many events as the lost append had, so versions would fit."""
        store.sequencer.append([append("a", 1)])  # by somebody else
        batch = [append("a", 1), append("a", 2, follows=["a"]), append("b", 1)]
        assert store.sequencer.append(batch) == (conflict("a", 1), conflict("a", 1), at(3))

    def test_it_may_follow_what_stands(self, store: Store) -> None:
        batch = [append("a", 1), append("a", 2, follows=["a"]), append("b", 1, follows=["a"])]
        assert store.sequencer.append(batch) == (at(2), at(3), at(4))

    def test_it_may_follow_another_stream(self, store: Store) -> None:
        store.sequencer.append([append("rulebook/r", 1)])
        batch = [append("rulebook/r", 1), append("a", 1, follows=["rulebook/r"])]
        assert store.sequencer.append(batch) == (conflict("rulebook/r", 1),) * 2

    def test_what_was_left_out_is_forgotten_with_its_batch(self, store: Store) -> None:
        store.sequencer.append([append("a", 5)])
        assert store.sequencer.append([append("a", 1, follows=["a"])]) == (at(2),)

    def test_it_is_left_out_in_a_later_transaction_of_the_batch_too(self, store: Store) -> None:
        store.sequencer.append([append("a", 1)])
        batch = [append("a", 1), append("b", 1, count=1_000), append("a", 2, follows=["a"])]
        assert store.sequencer.append(batch) == (conflict("a", 1), at(3, 1_002), conflict("a", 1))

    # Keys ----------------------------------------------------------------------------------------

    def test_a_key_is_used_once(self, store: Store) -> None:
        store.sequencer.append([append("a", 1, key=1, command=9, count=2)])
        known = KeyKnown(record=CommandRecord(command_hash=f"{9:064x}", first=2, last=3))
        batch = [append("a", 3, key=1, command=8), append("b", 1, key=2)]
        assert store.sequencer.append(batch) == (known, at(4))

    def test_a_key_is_known_before_a_version_conflicts(self, store: Store) -> None:
        store.sequencer.append([append("a", 1, key=1)])
        (answer,) = store.sequencer.append([append("a", 1, key=1)])
        assert isinstance(answer, KeyKnown)

    def test_a_key_sent_twice_in_one_batch_is_used_once(self, store: Store) -> None:
        first, second = store.sequencer.append([append("a", 1, key=1), append("a", 2, key=1)])
        assert first == at(2)
        assert second == KeyKnown(record=CommandRecord(command_hash=f"{7:064x}", first=2, last=2))

    def test_a_key_whose_append_was_left_out_may_be_sent_again(self, store: Store) -> None:
        batch = [append("a", 2, key=1), append("a", 1, key=1)]
        assert store.sequencer.append(batch) == (conflict("a", 0), at(2))

    def test_appends_without_a_key_are_never_taken_for_each_other(self, store: Store) -> None:
        assert store.sequencer.append([append("a", 1), append("a", 2)]) == (at(2), at(3))

    def test_what_keys_did_is_told(self, store: Store) -> None:
        store.sequencer.append([append("a", 1, key=1), append("b", 1, key=2, command=3, count=2)])
        asked = [f"{number:064x}" for number in (1, 2, 3)]
        assert store.sequencer.commands(asked) == {
            asked[0]: CommandRecord(command_hash=f"{7:064x}", first=2, last=2),
            asked[1]: CommandRecord(command_hash=f"{3:064x}", first=3, last=4),
        }
        assert store.sequencer.commands([]) == {}

    # Identifiers ---------------------------------------------------------------------------------

    def test_an_identifier_leads_to_one_stream(self, store: Store) -> None:
        store.sequencer.append([append("a", 1, claims=[code(1)])])
        held = IdentifierHeld(identifier=code(1), holder=SubjectId("a"))
        batch = [append("b", 1, claims=[code(2), code(1)]), append("c", 1, claims=[code(3)])]
        assert store.sequencer.append(batch) == (held, at(3))
        found = store.identities.find([code(1), code(2), code(3)])
        assert found == {code(1): "a", code(3): "c"}

    def test_identifiers_are_checked_as_after_the_earlier_appends_of_the_batch(
        self, store: Store
    ) -> None:
        batch = [append("a", 1, claims=[code(1)]), append("b", 1, claims=[code(1)])]
        held = IdentifierHeld(identifier=code(1), holder=SubjectId("a"))
        assert store.sequencer.append(batch) == (at(2), held)

    def test_its_holder_may_claim_it_again(self, store: Store) -> None:
        store.sequencer.append([append("a", 1, claims=[code(1)])])
        batch = [append("a", 2, claims=[code(1), code(2)]), append("a", 3, claims=[code(2)])]
        assert store.sequencer.append(batch) == (at(3), at(4))
        assert store.identities.find([code(1), code(2)]) == {code(1): "a", code(2): "a"}

    def test_nothing_is_found_for_nothing(self, store: Store) -> None:
        assert store.identities.find([]) == {}

    # Bounds --------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("sizes", "ends"),
        [
            ([1_000], [1_001]),
            ([999, 1], [1_001]),
            ([999, 2], [1_000, 1_002]),
            ([600, 600, 600], [601, 1_201, 1_801]),
        ],
    )
    def test_a_batch_has_at_most_a_thousand_records_and_cuts_no_append_in_two(
        self, store: Store, sizes: list[int], ends: list[int]
    ) -> None:
        batch = [append(f"s{place}", 1, count=size) for place, size in enumerate(sizes)]
        assert all(isinstance(one, Appended) for one in store.sequencer.append(batch))
        signed = [one.offset + 1 for one in store.records() if one.signature is not None]
        assert signed == [1, *ends]

    def test_a_batch_has_at_most_four_mebibytes(self, store: Store) -> None:
        batch = [append("a", version, text="x" * 50_000) for version in range(1, 101)]
        store.sequencer.append(batch)
        size, sizes = 0, []
        for one in store.records():
            size += len(one.value)
            if one.signature is not None:
                sizes.append(size)
                size = 0
        assert len(sizes) == 3
        assert max(sizes) <= 4 * 1024 * 1024

    @pytest.mark.parametrize("count", [1_001])
    def test_an_append_larger_than_a_batch_is_a_defect(self, store: Store, count: int) -> None:
        with pytest.raises(AssertionError):
            store.sequencer.append([append("a", 1, count=count)])
        assert store.sequencer.position() == 1

    def test_an_id_that_another_record_bears_is_a_defect(self, store: Store) -> None:
        one = append("a", 1)
        store.sequencer.append([one])
        again = Append(
            drafts=(draft("b", 1, id=one.drafts[0].id),),
            key_hash=None,
            command_hash="0" * 64,
            actor="local",
        )
        with pytest.raises(Exception, match=r"id|unique"):
            store.sequencer.append([again])

    # Bytes ---------------------------------------------------------------------------------------

    def test_a_record_is_the_canonical_event_and_nothing_else(self, store: Store) -> None:
        event = EventId("0190a3c4-5678-7abc-8def-0123456789ab")
        one = Append(
            drafts=(
                draft(
                    "s-" + "b" * 26,
                    1,
                    '知 \U0001f300\x7f\x1f"\\/',
                    id=event,
                    critical=False,
                    attributes=(("authority", "示例局"), ("region", "330000")),
                ),
            ),
            key_hash="ab" * 32,
            command_hash="cd" * 32,
            actor="local",
        )
        store.sequencer.append([one])
        first, second = store.records()
        expected: dict[str, Any] = {
            "actor": "local",
            "authority": "示例局",
            "commandhash": "cd" * 32,
            "critical": False,
            "data": {"text": '知 \U0001f300\x7f\x1f"\\/'},
            "datacontenttype": "application/json",
            "dataschema": "urn:credit-ledger:noted:1",
            "id": event,
            "idemkeyhash": "ab" * 32,
            "position": 2,
            "prev": sha256(bytes(32) + sha256(b"\x00" + first.value).digest()).hexdigest(),
            "region": "330000",
            "source": "/ledgers/test",
            "specversion": "1.0",
            "subject": "s-" + "b" * 26,
            "subjectversion": 1,
            "suite": "ed25519-sha256",
            "term": 1,
            "time": "2026-11-24T01:02:03.456789Z",
            "type": "noted",
        }
        assert second.value == rfc8785.dumps(expected)

    def test_what_has_no_value_is_absent(self, store: Store) -> None:
        store.sequencer.append([append("a", 1)])
        said = store.said(2)
        assert said["critical"] is True
        assert {"idemkeyhash", "authority", "region", "rulebook"}.isdisjoint(said)
        assert None not in said.values()

    def test_the_last_record_of_a_batch_is_signed_and_no_other(self, store: Store) -> None:
        store.sequencer.append([append("a", 1, count=2), append("b", 9), append("b", 1)])
        store.sequencer.append([append("c", 1)])
        signed = [one.signature is not None for one in store.records()]
        assert signed == [True, False, False, True, True]

    def test_chain_and_signatures_are_those_of_the_protocol(self, store: Store) -> None:
        store.sequencer.append([append("a", 1, count=3)])
        store.sequencer.append([append("a", 4)])
        chain = bytes(32)
        key = store.signer._key.public_key()
        for position, one in enumerate(store.records(), start=1):
            assert json.loads(one.value)["prev"] == chain.hex()
            chain = sha256(chain + sha256(b"\x00" + one.value).digest()).digest()
            if one.signature is not None:
                assert len(one.signature) == 64
                key.verify(one.signature, signed_bytes(LEDGER, 1, position, chain))

    def test_a_record_is_read_as_it_was_written(self, store: Store) -> None:
        store.sequencer.append([append("a", 1, count=2), append("b", 1)])
        stored = store.sequencer.read_positions(2, 4)
        assert [one.value for one in stored] == [one.value for one in store.records()[1:]]
        assert [(one.position, one.stream, one.version, one.type) for one in stored] == [
            (2, "a", 1, "noted"),
            (3, "a", 2, "noted"),
            (4, "b", 1, "noted"),
        ]

    def test_an_instant_never_runs_back(self, store: Store) -> None:
        store.clock.at = BEGUN + timedelta(hours=1)
        store.sequencer.append([append("a", 1)])
        store.clock.at = BEGUN - timedelta(days=1)
        store.sequencer.append([append("a", 2)])
        store.clock.at = BEGUN + timedelta(hours=1, microseconds=1)
        store.sequencer.append([append("a", 3)])
        assert [store.said(position)["time"] for position in (2, 3, 4)] == [
            "2026-11-24T02:02:03.456789Z",
            "2026-11-24T02:02:03.456789Z",
            "2026-11-24T02:02:03.456790Z",
        ]

    # Reading -------------------------------------------------------------------------------------

    def test_streams_are_read_in_the_order_of_the_log(self, store: Store) -> None:
        batch = [append("b", 1), append("a", 1), append("c", 1), append("b", 2)]
        store.sequencer.append(batch)
        read = store.sequencer.read(["a", "b", "none"])
        assert [(one.position, one.stream) for one in read] == [(2, "b"), (3, "a"), (5, "b")]

    def test_what_changed_behind_a_position_is_told_with_the_position_reached(
        self, store: Store
    ) -> None:
        store.sequencer.append([append("a", 1), append("b", 1), append("c", 1)])
        assert store.sequencer.streams_changed(2) == (4, frozenset({"b", "c"}))
        assert store.sequencer.streams_changed(4) == (4, frozenset())

    def test_streams_are_found_by_the_beginning_of_their_names(self, store: Store) -> None:
        store.sequencer.append(
            [append(name, 1) for name in ("rulebook/a", "rulebook/demo/b", "rulebook", "rulebook0")]
        )
        found = frozenset({"rulebook/a", "rulebook/demo/b"})
        assert store.sequencer.streams_under("rulebook/") == (5, found)

    def test_the_log_is_read_by_offset(self, store: Store) -> None:
        store.sequencer.append([append("a", 1, count=4)])
        whole = store.log.read(0, 10)
        assert [one.offset for one in whole] == [0, 1, 2, 3, 4]
        assert list(store.log.read(2, 2)) == list(whole[2:4])
        assert list(store.log.read(5, 10)) == []
        assert store.log.end() == 5

    def test_what_is_appended_is_accepted(self, store: Store) -> None:
        store.sequencer.append([append("a", 1, count=3), append("b", 7), append("b", 1)])
        acceptance = Acceptance(store.verifier)
        accepted = [len(acceptance.feed(one)) for one in store.records()]
        assert accepted == [1, 0, 0, 0, 4]
        assert acceptance.head.position == store.sequencer.position()
