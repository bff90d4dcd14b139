"""What every sequencer does with a batch, apart from any store."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.batch import Admitted, Ground, admit, build, cut, outcomes, streams_left_out
from infra.signer import Signer
from ledger.identifiers import SubjectId
from ledger.record import BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Head
from ledger.sequencing import (
    Append,
    Appended,
    CommandRecord,
    IdentifierHeld,
    KeyKnown,
    VersionConflict,
)
from tests.contracts import LEDGER, append, code, conflict

sizes = st.lists(st.integers(1, BATCH_RECORDS_MAX), max_size=12)


class TestCutting:
    @given(sizes)
    def test_pieces_are_within_the_bound_whole_and_in_order(self, counts: list[int]) -> None:
        one = append("s", 1)
        batch = [replace(one, drafts=one.drafts * count) for count in counts]
        pieces = list(cut(batch))
        assert [append_ for piece in pieces for append_ in piece] == batch
        lengths = [sum(len(one.drafts) for one in piece) for piece in pieces]
        assert all(0 < length <= BATCH_RECORDS_MAX for length in lengths)

    @given(sizes)
    def test_no_piece_is_cut_before_it_is_full(self, counts: list[int]) -> None:
        one = append("s", 1)
        batch = [replace(one, drafts=one.drafts * count) for count in counts]
        pieces = list(cut(batch))
        for piece, following in pairwise(pieces):
            length = sum(len(one.drafts) for one in piece)
            assert length + len(following[0].drafts) > BATCH_RECORDS_MAX

    @pytest.mark.parametrize("attributes", [(), (("authority", "长" * 3_000),)])
    def test_bytes_are_counted_with_all_that_stands_in_a_record(
        self, attributes: tuple[tuple[str, str], ...]
    ) -> None:
        """A folded name may be many times as long as the one that was sent."""
        one = append("s", 1, text="x" * 40_000)
        (draft,) = one.drafts
        long = replace(one, drafts=(replace(draft, attributes=attributes),))
        for piece in cut([long] * 300):
            admitted = [Admitted(one, n, n) for n, one in enumerate(piece, start=1)]
            rows, _ = build(
                admitted,
                ledger=LEDGER,
                before=Head(term=1),
                time="2026-11-24T00:00:00.000000Z",
                sign=Signer.generate(LEDGER).sign,
            )
            assert sum(len(row.value) for row in rows) <= BATCH_BYTES_MAX

    def test_nothing_is_no_piece(self) -> None:
        assert list(cut([])) == []


class TestAdmitting:
    def test_ground_and_positions_move_with_what_is_admitted(self) -> None:
        ground = Ground(versions={"a": 3})
        batch = [append("a", 4, key=1, count=2, claims=[code(1)]), append("b", 2), append("a", 6)]
        answers, admitted = admit(batch, ground, 10)
        assert [(one.first, one.last) for one in admitted] == [(11, 12), (13, 13)]
        rows, head = build(
            admitted,
            ledger=LEDGER,
            before=Head(position=10, term=1),
            time="2026-11-24T00:00:00.000000Z",
            sign=Signer.generate(LEDGER).sign,
        )
        came_to = outcomes(answers, rows)
        assert isinstance(came_to[-1], Appended)
        assert came_to[-1].chain == head.chain
        assert came_to == [
            Appended(first=11, last=12),
            conflict("b", 0),
            Appended(first=13, last=13),
        ]
        assert ground.versions == {"a": 6}
        assert ground.holders[code(1)] == "a"
        assert ground.commands == {
            f"{1:064x}": CommandRecord(command_hash=f"{7:064x}", first=11, last=12)
        }
        assert streams_left_out(batch, came_to) == ground.left_out == {"b"}

    def test_what_is_left_out_leaves_no_trace_in_the_ground(self) -> None:
        ground = Ground()
        answers, admitted = admit([append("a", 2, key=1, claims=[code(1)])], ground, 0)
        assert (answers, admitted) == ([conflict("a", 0)], [])
        assert (ground.versions, ground.holders, ground.commands) == ({}, {}, {})

    def test_an_objection_names_the_first_reason(self) -> None:
        known = CommandRecord(command_hash="0" * 64, first=1, last=1)
        ground = Ground(
            commands={f"{1:064x}": known}, versions={"a": 1}, holders={code(1): SubjectId("b")}
        )
        stale = append("a", 1, key=1, claims=[code(1)])
        assert admit([stale], ground, 1)[0] == [KeyKnown(record=known)]
        assert admit([replace(stale, key_hash=None)], ground, 1)[0] == [
            VersionConflict(stream="a", actual=1)
        ]
        fresh = append("a", 2, claims=[code(2), code(1)])
        assert admit([fresh], ground, 1)[0] == [
            IdentifierHeld(identifier=code(1), holder=SubjectId("b"))
        ]


class TestBuilding:
    @staticmethod
    def admitted(*batch: Append) -> list[Admitted]:
        return admit(batch, Ground(), 4)[1]

    def test_records_are_chained_behind_the_head_and_the_last_is_signed(self) -> None:
        signer = Signer.generate(LEDGER)
        before = Head(position=4, chain=b"\x07" * 32, term=3)
        rows, head = build(
            self.admitted(append("a", 1, count=2), append("b", 1)),
            ledger=LEDGER,
            before=before,
            time="2026-11-24T00:00:00.000000Z",
            sign=signer.sign,
        )
        assert [row.position for row in rows] == [5, 6, 7]
        assert [json.loads(row.value)["prev"] for row in rows] == [
            before.chain.hex(),
            rows[0].chain.hex(),
            rows[1].chain.hex(),
        ]
        assert head == Head(position=7, chain=rows[2].chain, term=3)
        assert [row.signature for row in rows] == [None, None, signer.sign(head)]

    def test_a_batch_is_signed_once(self) -> None:
        signed: list[Head] = []

        def sign(head: Head) -> bytes:
            signed.append(head)
            return b"\x00" * 64

        _, head = build(
            self.admitted(append("a", 1, count=40)),
            ledger=LEDGER,
            before=Head(position=4, term=1),
            time="2026-11-24T00:00:00.000000Z",
            sign=sign,
        )
        assert signed == [head]
