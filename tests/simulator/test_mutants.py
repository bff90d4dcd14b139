"""The protocol with one rule left out at a time: each rule is missed, by an invariant with a name.

A mutant replaces a part of the service, or of the API process that stands in for it here; then
histories are lived through that provoke it, until the invariant named beside it is broken.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from infra import gate
from infra.reader import Accepted, Reader
from infra.relay import Outgoing, RelaySession
from ledger import acceptance
from ledger import gate as rules
from ledger.acceptance import Acceptance, Arrival
from ledger.gate import Decision, Found, Serve
from ledger.log import Log, OffsetGone, Place
from ledger.record import Head, chain_hash, leaf_hash

from .api import Api
from .gate_store import MemoryGateStore
from .history import Plan, run
from .postgres import State

pytestmark = [pytest.mark.unit, pytest.mark.timeout(300)]

SEEDS: Final = 600
"""Within so many histories each mutant must be caught."""

LOSSES: Final = Plan(
    faults={"fail_over": 1.0, "restore": 0.5, "restart": 0.5, "lose_tail": 1.0, "land": 0.5},
    fault_rate=0.06,
    fail_rate=0.2,
    late_rate=0.7,
    relay_rate=0.5,
)
STRANGERS: Final = Plan(
    faults={
        "plant_stripped": 2.0,
        "plant_unsigned": 1.0,
        "plant_badly_signed": 1.0,
        "plant_repeat": 1.0,
        "plant_term": 0.5,
        "flood": 1.0,
        "lose_tail": 0.3,
    },
    fault_rate=0.2,
    fail_rate=0.2,
    relay_rate=0.5,
)
TWO: Final = Plan(
    faults={"split": 1.0, "restart_former": 1.5, "cut_off_kafka": 1.0, "restart": 0.3},
    fault_rate=0.12,
    fail_rate=0.2,
    late_rate=0.7,
    relay_rate=0.3,
)
EPOCHS: Final = Plan(
    faults={"lose_tail": 1.5, "plant_noise": 2.0, "fail_over": 1.0, "plant_repeat": 1.0},
    fault_rate=0.2,
    fail_rate=0.4,
    late_rate=0.9,
)

LATE: Final = Plan(
    faults={"fail_over": 1.0, "restore": 0.3, "land": 1.5},
    fault_rate=0.1,
    fail_rate=0.6,
    late_rate=1.0,
    relay_rate=0.25,
)
FENCED: Final = Plan(
    faults={"split": 1.0, "lose_tail": 2.0, "restart": 0.2},
    fault_rate=0.1,
    operate_rate=0.0,
    relay_rate=0.6,
)

Mutate = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is left out, under which faults it shows, and by which invariants."""

    mutate: Mutate
    plan: Plan
    invariants: frozenset[str]

    def __str__(self) -> str:
        return self.mutate.__name__


# Acceptance ---------------------------------------------------------------------------------------


def links_records_by_their_positions_alone(patch: pytest.MonkeyPatch) -> None:
    def branch_to(self: Acceptance, record: Any) -> list[Any]:
        branch = [record]
        while (before := branch[-1].fields.position - 1) > self.head.position:
            waiting = self._pending.values()
            parent = next((one for one in waiting if one.fields.position == before), None)
            if parent is None:
                return []
            branch.append(parent)
        branch.reverse()
        return branch

    patch.setattr(Acceptance, "_branch_to", branch_to)


def accepts_what_nobody_signed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Acceptance, "_is_signed", lambda _self, _record: True)


def accepts_any_signature(patch: pytest.MonkeyPatch) -> None:
    def is_signed(_self: Acceptance, record: Any) -> bool:
        return record.arrival.signature is not None

    patch.setattr(Acceptance, "_is_signed", is_signed)


def keeps_what_was_pending_over_an_acceptance(patch: pytest.MonkeyPatch) -> None:
    def go_on(
        self: Acceptance, records: tuple[Arrival, ...], chains: Sequence[bytes]
    ) -> tuple[Arrival, ...]:
        last = records[-1].fields
        assert last is not None
        self.head = Head(position=last.position, chain=chains[-1], term=last.term)
        for chain in chains:
            self._forget(chain)
        return records

    patch.setattr(Acceptance, "_go_on", go_on)


def keeps_the_oldest_of_what_is_pending(patch: pytest.MonkeyPatch) -> None:
    def drop_newest(self: Acceptance) -> None:
        while len(self._pending) > acceptance.PENDING_RECORDS_MAX:
            self._forget(next(reversed(self._pending)))

    patch.setattr(Acceptance, "_drop_oldest", drop_newest)


def overlooks_a_signature_that_comes_later(patch: pytest.MonkeyPatch) -> None:
    feed = Acceptance.feed

    def feed_once(self: Acceptance, arrival: Arrival) -> tuple[Arrival, ...]:
        fields = arrival.fields
        if fields is not None and any(
            one.arrival.value == arrival.value for one in self._pending.values()
        ):
            return ()
        return feed(self, arrival)

    patch.setattr(Acceptance, "feed", feed_once)


# Reader and relay ---------------------------------------------------------------------------------


def starts_at_latest(patch: pytest.MonkeyPatch) -> None:
    go_back = Reader._go_back

    def go_to_end(self: Reader) -> None:
        go_back(self)
        if self.place.position == 0:
            self._next = self._log.end()

    patch.setattr(Reader, "_go_back", go_to_end)


def ignores_leader_epochs(patch: pytest.MonkeyPatch) -> None:
    def holds(self: Reader, place: Place) -> bool:
        if place.position == 0:
            return True
        try:
            found = self._log.read(place.offset, 1)
        except OffsetGone:
            return False
        fields = found[0].fields if found else None
        return fields is not None and (
            chain_hash(fields.prev, leaf_hash(found[0].value)) == place.chain
        )

    patch.setattr(Reader, "_shows_new_epoch", lambda _self, _arrivals: False)
    patch.setattr(Reader, "_holds", holds)


def trusts_the_word_of_the_broker(patch: pytest.MonkeyPatch) -> None:
    sent: dict[RelaySession, int] = {}
    step = RelaySession.step

    def goes_on(self: RelaySession) -> int:
        done = step(self)
        if self._flight is not None:
            sent[self] = self._flight.position
            self._flight = None
        return done

    def behind_what_was_sent(self: RelaySession) -> Sequence[Outgoing]:
        first = max(sent.get(self, 0), self.reader.place.position) + 1
        return whole(self._sequenced.records_from(first, 8))

    patch.setattr(RelaySession, "step", goes_on)
    patch.setattr(RelaySession, "_next", behind_what_was_sent)


def keeps_a_checkpoint_of_its_own(patch: pytest.MonkeyPatch) -> None:
    step = RelaySession.step
    checkpoints: dict[int, int] = {}

    def notes(self: RelaySession) -> int:
        done = step(self)
        if self._flight is not None:
            server = id(self._sequenced._server)  # type: ignore[attr-defined]  # the simulated one
            checkpoints[server] = self._flight.position
            self._flight = None
        return done

    def from_checkpoint(self: RelaySession) -> Sequence[Outgoing]:
        server = id(self._sequenced._server)  # type: ignore[attr-defined]  # as above
        return whole(self._sequenced.records_from(checkpoints.get(server, 0) + 1, 8))

    patch.setattr(RelaySession, "step", notes)
    patch.setattr(RelaySession, "_next", from_checkpoint)


def sends_without_asking_postgresql_for_the_head(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RelaySession, "_known", lambda _self, _head: None)


def steps_over_signed_records(patch: pytest.MonkeyPatch) -> None:
    def following(self: RelaySession) -> Sequence[Outgoing]:
        head = self.reader.place.head
        self._known(head)
        records = list(self._sequenced.records_from(head.position + 1, 8 + self.reader.pending))
        while records and self.reader.awaits(records[0].chain):
            del records[0]
        return whole(records)

    patch.setattr(RelaySession, "_next", following)


def whole(records: Sequence[Outgoing]) -> Sequence[Outgoing]:
    """As many records as end with a signed one."""
    signed = [number for number, one in enumerate(records, start=1) if one.signature is not None]
    return records[: signed[-1]] if signed else []


# Gate ---------------------------------------------------------------------------------------------


def skips_the_gate(patch: pytest.MonkeyPatch) -> None:
    def look(
        self: gate.Gate, store: MemoryGateStore, topic: gate.Topic, pinned: gate.Pinned | None
    ) -> Decision:
        if pinned is None:
            return look_and_act(self, store, topic, pinned)
        if not store.term_is_ours():
            store.open_term("nobody has looked")
        return Serve()

    look_and_act = gate.Gate._look_and_act
    patch.setattr(gate.Gate, "_look_and_act", look)


def takes_the_term_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules.Instance, "is_superseded_by", lambda _self, _other: False)


def adopts_what_is_pending(patch: pytest.MonkeyPatch) -> None:
    def and_pending(reader: Reader, log: Log) -> Iterator[Accepted]:
        yield from all_batches(reader, log)
        waiting = tuple(reader._acceptance._pending.values())
        head = reader.place.position
        if waiting and waiting[-1].fields.position == head + len(waiting):
            position, offset = waiting[-1].fields.position, waiting[-1].arrival.offset
            reader.place = replace(reader.place, position=position, offset=offset)
            yield Accepted(tuple(one.arrival for one in waiting), reader.place)

    all_batches = gate._all_batches
    patch.setattr(gate, "_all_batches", and_pending)


def sets_aside_without_voiding(patch: pytest.MonkeyPatch) -> None:
    set_aside = MemoryGateStore.set_aside

    def forgets(self: MemoryGateStore, first: int) -> None:
        set_aside(self, first)
        state = self._server.state
        state.aside = [replace(one, key=None) for one in state.aside]

    patch.setattr(MemoryGateStore, "set_aside", forgets)


def serves_from_a_fence_when_the_log_has_lost_it(patch: pytest.MonkeyPatch) -> None:
    def unfenced(found: Found) -> Decision:
        return decide(replace(found, is_fenced=False))

    decide = rules.decide
    patch.setattr(gate, "decide", unfenced)


# API ----------------------------------------------------------------------------------------------


def acknowledges_at_commit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Api, "has_entered", lambda _self, _state, _row: True)


def serves_before_its_term_is_entered(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Api, "has_entered_term", lambda _self, _state: True)


def takes_no_notice_of_the_instance(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Api, "finds_row", lambda _self, state: state.status == "open")
    patch.setattr(Api, "has_entered_term", lambda _self, _state: True)


def forgets_keys(patch: pytest.MonkeyPatch) -> None:
    append = State.append

    def without_keys(self: State, asked: Any, **others: Any) -> list[Any]:
        known, self.commands = self.commands, {}
        answers = append(self, asked, **others)
        self.commands = known | self.commands
        return answers

    patch.setattr(State, "append", without_keys)


MUTANTS: Final = [
    Mutant(links_records_by_their_positions_alone, STRANGERS, frozenset({"I7"})),
    Mutant(accepts_what_nobody_signed, STRANGERS, frozenset({"I7"})),
    Mutant(accepts_any_signature, STRANGERS, frozenset({"I7"})),
    Mutant(keeps_what_was_pending_over_an_acceptance, STRANGERS, frozenset({"I1", "I7", "L2"})),
    Mutant(keeps_the_oldest_of_what_is_pending, STRANGERS, frozenset({"L2"})),
    Mutant(overlooks_a_signature_that_comes_later, STRANGERS, frozenset({"L2"})),
    Mutant(starts_at_latest, LOSSES, frozenset({"L2"})),
    Mutant(ignores_leader_epochs, EPOCHS, frozenset({"I1", "I7", "L2"})),
    Mutant(trusts_the_word_of_the_broker, LOSSES, frozenset({"L2", "I9"})),
    Mutant(keeps_a_checkpoint_of_its_own, LOSSES, frozenset({"L2", "I9"})),
    Mutant(sends_without_asking_postgresql_for_the_head, TWO, frozenset({"2.7", "2.8", "L2"})),
    Mutant(steps_over_signed_records, STRANGERS, frozenset({"L2"})),
    Mutant(skips_the_gate, LOSSES, frozenset({"I1", "I9", "L2"})),
    Mutant(takes_the_term_back, TWO, frozenset({"2.7"})),
    Mutant(adopts_what_is_pending, STRANGERS, frozenset({"I9", "L2"})),
    Mutant(sets_aside_without_voiding, TWO, frozenset({"2.6"})),
    Mutant(serves_from_a_fence_when_the_log_has_lost_it, FENCED, frozenset({"2.8"})),
    Mutant(acknowledges_at_commit, LOSSES, frozenset({"I1"})),
    Mutant(serves_before_its_term_is_entered, LATE, frozenset({"2.7"})),
    Mutant(takes_no_notice_of_the_instance, LOSSES, frozenset({"2.7"})),
    Mutant(forgets_keys, LOSSES, frozenset({"I3"})),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_each_rule_that_is_left_out_is_missed(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant.mutate(monkeypatch)
    found: set[str] = set()
    for seed in range(SEEDS):
        found |= {one.invariant for one in run(seed, mutant.plan).violations}
        if found & mutant.invariants:
            return
    pytest.fail(f"{mutant} was not caught in {SEEDS} histories; they show {found or 'nothing'}")


@pytest.mark.parametrize("plan", {str(one.plan): one.plan for one in MUTANTS}.values())
def test_with_every_rule_in_place_the_same_histories_break_nothing(plan: Plan) -> None:
    for seed in range(SEEDS // 4):
        outcome = run(seed, plan)
        assert not outcome.violations, f"seed {seed} of {plan}: {outcome.violations}"
