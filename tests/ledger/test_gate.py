"""The gate's table, row by row: what was found in both stores, and what may be done."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.gate import (
    Adopt,
    Begin,
    Fence,
    Found,
    Halt,
    Instance,
    OpenTerm,
    Resend,
    Serve,
    SetAside,
    Stop,
    decide,
    decide_take_over,
)
from ledger.record import Head

HERE = Instance(timeline=1, started_at="2026-11-25T08:00:00.000000Z", system="1")
LATER = Instance(timeline=1, started_at="2026-11-25T09:00:00.000000Z", system="1")
EARLIER = Instance(timeline=1, started_at="2026-11-25T07:00:00.000000Z", system="1")
PROMOTED = Instance(timeline=2, started_at="2026-11-25T07:00:00.000000Z", system="1")
OTHER = Instance(timeline=1, started_at="2026-11-25T01:00:00.000000Z", system="2")


def head(position: int) -> Head:
    return Head(position=position, chain=bytes([position % 256]) * 32, term=min(position, 1))


WELL = Found(
    is_fenced=False,
    is_pinned=True,
    is_topic_empty=False,
    objections=(),
    kafka=head(10),
    postgres=head(10),
    has_place=True,
    floor=head(9),
    entered_here=9,
    postgres_has_kafka=True,
    postgres_holds_floor=True,
    kafka_holds_floor=True,
    differ_from=None,
    term_is_ours=True,
    newest=HERE,
    here=HERE,
)
"""Both stores agree, the term is ours."""

UNPINNED = replace(WELL, is_pinned=False, is_topic_empty=True, kafka=head(0), floor=None)


def test_0_an_empty_topic_is_pinned_and_an_empty_ledger_created() -> None:
    assert decide(replace(UNPINNED, postgres=head(0))) == Begin(creates=True)


def test_0_what_postgresql_holds_is_sent_to_an_empty_topic() -> None:
    assert decide(UNPINNED) == Begin(creates=False)


def test_0_a_ledger_is_recovered_from_a_topic_by_an_operator_alone() -> None:
    stop = decide(replace(UNPINNED, is_topic_empty=False, kafka=head(4), postgres=head(0)))
    assert isinstance(stop, Stop)
    assert (stop.row, stop.halt) == (2, Halt.POSTGRES_LOST)


def test_0_a_topic_of_others_is_left_alone() -> None:
    stop = decide(replace(UNPINNED, is_topic_empty=False, kafka=head(4)))
    assert isinstance(stop, Stop)
    assert (stop.row, stop.halt) == (0, Halt.FOREIGN_TOPIC)


def test_1_a_topic_that_is_not_as_it_was_pinned_stops_whatever_else_holds() -> None:
    stop = decide(replace(WELL, objections=("partitions: 3 instead of 1",)))
    assert isinstance(stop, Stop)
    assert (stop.row, stop.halt) == (1, Halt.NOT_AS_PINNED)
    assert "partitions: 3 instead of 1" in stop.message


def test_2_an_empty_database_beside_a_log_stops() -> None:
    lost = replace(
        WELL, postgres=head(0), has_place=False, floor=None, postgres_has_kafka=False, newest=OTHER
    )
    stop = decide(lost)
    assert isinstance(stop, Stop)
    assert (stop.row, stop.halt) == (2, Halt.POSTGRES_LOST)


def test_2_a_topic_that_was_pinned_before_the_ledger_was_created_is_gone_on_with() -> None:
    begun = replace(WELL, postgres=head(0), kafka=head(0), has_place=False, floor=None)
    assert decide(begun) == Begin(creates=True)


def test_3_what_both_have_lost_is_proven_and_stops() -> None:
    stop = decide(replace(WELL, postgres_holds_floor=False, kafka_holds_floor=False))
    assert isinstance(stop, Stop)
    assert (stop.row, stop.halt) == (3, Halt.BOTH_LOST)


@pytest.mark.parametrize("is_pinned", [True, False])
def test_3_nothing_begins_anew_where_something_is_known_to_have_been_entered(
    *, is_pinned: bool
) -> None:
    empty = replace(
        UNPINNED,
        is_pinned=is_pinned,
        postgres=head(0),
        has_place=False,
        postgres_holds_floor=False,
        kafka_holds_floor=False,
    )
    stop = decide(replace(empty, floor=head(1)))
    assert isinstance(stop, Stop)
    assert (stop.row, stop.halt) == (3, Halt.BOTH_LOST)
    assert decide(replace(empty, floor=None)) == Begin(creates=True)


@pytest.mark.parametrize("first", [8, 9])
def test_4_a_log_that_differs_below_what_was_entered_stops(first: int) -> None:
    stop = decide(
        replace(WELL, kafka_holds_floor=False, postgres_has_kafka=False, differ_from=first)
    )
    assert isinstance(stop, Stop)
    assert (stop.row, stop.halt) == (4, Halt.FORK)


@pytest.mark.parametrize("first", [8, 9])
def test_4_a_database_that_differs_below_what_was_entered_is_never_healed_by_itself(
    first: int,
) -> None:
    changed = replace(WELL, postgres_has_kafka=False, postgres_holds_floor=False, differ_from=first)
    stop = decide(changed)
    assert isinstance(stop, Stop)
    assert stop.halt is Halt.POSTGRES_CHANGED
    assert decide(replace(changed, differ_from=10)) == SetAside(first=10)


@pytest.mark.parametrize("sequenced", [10, 11, 500])
def test_5_with_its_own_term_a_server_serves_however_far_it_is_ahead(sequenced: int) -> None:
    assert decide(replace(WELL, postgres=head(sequenced))) == Serve()


def test_5_a_term_that_is_sequenced_and_not_yet_entered_is_our_own() -> None:
    assert decide(replace(WELL, newest=EARLIER, postgres=head(11))) == Serve()


def test_6_a_tail_that_kafka_lost_is_sent_again() -> None:
    lost = replace(WELL, kafka=head(8), kafka_holds_floor=False)
    assert decide(lost) == Resend()
    assert decide(replace(lost, term_is_ours=False, newest=EARLIER)) == Resend()
    assert decide(replace(lost, kafka=head(9), kafka_holds_floor=True)) == Serve()


@pytest.mark.parametrize("newest", [LATER, PROMOTED, OTHER])
@pytest.mark.parametrize("knows_head", [True, False])
def test_7_a_server_that_was_superseded_is_fenced(newest: Instance, *, knows_head: bool) -> None:
    superseded = replace(
        WELL, term_is_ours=False, newest=newest, postgres_has_kafka=knows_head, postgres=head(9)
    )
    assert decide(superseded) == Fence(by=newest)


@pytest.mark.parametrize("newest", [None, HERE, EARLIER])
def test_7_a_server_that_was_fenced_stays_so_whatever_the_log_has_lost_since(
    newest: Instance | None,
) -> None:
    assert decide(replace(WELL, is_fenced=True, newest=newest)) == Fence(by=None)
    lost = replace(WELL, is_fenced=True, newest=newest, kafka=head(0), kafka_holds_floor=False)
    assert decide(lost) == Fence(by=None)


def test_8_the_term_of_an_earlier_instance_is_followed_by_our_own() -> None:
    assert decide(replace(WELL, term_is_ours=False, newest=EARLIER)) == OpenTerm()


def test_9_a_shorter_database_adopts_what_was_entered() -> None:
    shorter = replace(
        WELL,
        postgres=head(7),
        postgres_has_kafka=False,
        postgres_holds_floor=False,
        term_is_ours=False,
        newest=EARLIER,
    )
    assert decide(shorter) == Adopt(after=7)


def test_10_what_lost_is_set_aside_though_a_projector_has_read_what_won_further() -> None:
    ahead = replace(
        WELL,
        floor=head(10),
        entered_here=8,
        postgres_has_kafka=False,
        postgres_holds_floor=False,
        differ_from=9,
        newest=EARLIER,
    )
    assert decide(ahead) == SetAside(first=9)
    assert isinstance(decide(replace(ahead, entered_here=9)), Stop)
    assert isinstance(decide(replace(ahead, kafka_holds_floor=False)), Stop)


def test_10_what_never_entered_is_set_aside_for_what_did() -> None:
    forked = replace(
        WELL, postgres_has_kafka=False, differ_from=10, term_is_ours=False, newest=EARLIER
    )
    assert decide(forked) == SetAside(first=10)


HEADS = st.integers(0, 12).map(head)
FOUND = st.builds(
    Found,
    is_fenced=st.booleans(),
    is_pinned=st.booleans(),
    is_topic_empty=st.booleans(),
    objections=st.sampled_from([(), ("cleanup.policy: compact instead of delete",)]),
    kafka=HEADS,
    postgres=HEADS,
    has_place=st.booleans(),
    floor=HEADS,
    entered_here=st.integers(0, 12),
    postgres_has_kafka=st.booleans(),
    postgres_holds_floor=st.booleans(),
    kafka_holds_floor=st.booleans(),
    differ_from=st.none() | st.integers(1, 12),
    term_is_ours=st.booleans(),
    newest=st.none() | st.sampled_from([HERE, LATER, EARLIER, PROMOTED, OTHER]),
    here=st.just(HERE),
)


@given(FOUND)
def test_nothing_that_was_entered_is_ever_set_aside_and_no_superseded_server_opens_a_term(
    found: Found,
) -> None:
    decision = decide(found)
    if found.is_fenced:
        assert isinstance(decision, Fence)
    if isinstance(decision, SetAside):
        assert decision.first > found.entered_here
        floor_at = 0 if found.floor is None else found.floor.position
        assert found.kafka_holds_floor or decision.first > floor_at
    if isinstance(decision, Adopt | SetAside | OpenTerm):
        assert found.newest is None or not HERE.is_superseded_by(found.newest)
        assert not found.objections
    if isinstance(decision, Serve):
        assert found.term_is_ours
        assert found.postgres_has_kafka


# An operator's word -------------------------------------------------------------------------------

TAKEN = OpenTerm(reason="an operator let this server take the ledger over")


@pytest.mark.parametrize("newest", [None, HERE, LATER, PROMOTED, OTHER])
def test_an_operator_lets_a_fenced_server_open_the_next_term(newest: Instance | None) -> None:
    assert decide_take_over(replace(WELL, is_fenced=True, newest=newest)) == TAKEN


def test_a_tail_that_kafka_lost_meanwhile_is_sent_before_the_term_that_an_operator_opens() -> None:
    found = replace(WELL, is_fenced=True, kafka=head(5), kafka_holds_floor=False)
    assert decide_take_over(found) == TAKEN


def test_what_the_other_server_entered_is_taken_in_before_the_term_is_opened() -> None:
    behind = replace(WELL, is_fenced=True, newest=LATER, kafka=head(20), postgres_has_kafka=False)
    assert decide_take_over(behind) == Adopt(after=10)
    assert decide_take_over(replace(behind, differ_from=10)) == SetAside(first=10)


@given(FOUND)
def test_an_operator_opens_a_term_wherever_the_ledger_must_not_be_stopped(found: Found) -> None:
    unfenced = decide(replace(found, is_fenced=False, newest=None, term_is_ours=False))
    taken = decide_take_over(found)
    assert isinstance(taken, Adopt | Begin | OpenTerm | SetAside | Stop)
    assert isinstance(taken, Stop) == isinstance(unfenced, Stop)
    if isinstance(taken, SetAside):
        assert taken.first > found.entered_here
