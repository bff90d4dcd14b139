"""Histories of the protocol by the thousand: whatever befalls it, what must hold holds.

`SIMULATOR_SEEDS` says how many (2 000 in an ordinary run). With `SIMULATOR_SEED=n` each test lives
through that one history only, and tells it step by step.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from infra import clock
from ledger.gate import Fence, Resend, Serve, Stop

from .history import Outcome, Plan, plan_of, run

pytestmark = [pytest.mark.unit, pytest.mark.timeout(900)]

SEEDS: Final = int(os.environ.get("SIMULATOR_SEEDS", "2000"))
REPLAYED: Final = os.environ.get("SIMULATOR_SEED")
_TELL_EVERY_S: Final = 2.0
_TRACE_SHOWN: Final = 200

CALM: Final = Plan(faults={})
SUPERSEDED: Final = Plan(
    faults={"split": 1.0, "restart_former": 2.0, "cut_off_kafka": 1.5, "restart": 0.3},
    fault_rate=0.12,
    crash_rate=0.03,
    fail_rate=0.2,
    late_rate=0.7,
    relay_rate=0.3,
)
"""Two primaries again and again, and much that is sequenced and not sent: commands are voided."""


def show(outcome: Outcome) -> str:
    """What happened in a history, and what does not hold in the end."""
    return "\n".join([*outcome.trace[-_TRACE_SHOWN:], *map(str, outcome.violations), ""])


def replays(plan: Callable[[int], Plan]) -> bool:
    """Live through the one seed that is asked for, and tell it; whether one is."""
    if REPLAYED is None:
        return False
    outcome = run(int(REPLAYED), plan(int(REPLAYED)), is_traced=True)
    sys.stderr.write(show(outcome))
    assert not outcome.violations
    return True


def histories(title: str, seeds: int, plan: Callable[[int], Plan]) -> list[Outcome]:
    """The outcomes of the seeds from 0 on, in all of which everything holds."""
    begun = told = clock.elapsed()
    outcomes = []
    for seed in range(seeds):
        outcome = run(seed, plan(seed))
        if outcome.violations:
            again = run(seed, plan(seed), is_traced=True)
            pytest.fail(f"{show(again)}SIMULATOR_SEED={seed} lives through this history again")
        outcomes.append(outcome)
        if clock.elapsed() - told > _TELL_EVERY_S:
            told = clock.elapsed()
            rate = (seed + 1) / (told - begun)
            left = f"{(seeds - seed) / rate:.0f} s left"
            line = f"{title}: {seed + 1} of {seeds}, {rate:.0f}/s, {left}"
            print(line, file=sys.stderr, flush=True)  # noqa: T201  # progress is for people
    return outcomes


def test_whatever_befalls_one_store_at_a_time_every_invariant_holds() -> None:
    if replays(plan_of):
        return
    outcomes = histories("histories", SEEDS, plan_of)
    # What never came to pass was not tested.
    decided = Counter(kind for outcome in outcomes for kind in outcome.decisions)
    assert all(decided[kind] for kind in (Fence, Resend, Serve, Stop))
    done = Counter(deed for outcome in outcomes for deed in outcome.deeds)
    assert all(done[deed] for deed in ("adopt", "set aside", "open a term", "publish", "take over"))
    assert sum(outcome.acknowledged for outcome in outcomes) > 5 * SEEDS


def test_of_two_primaries_one_rules_and_what_loses_is_voided() -> None:
    if replays(lambda _: SUPERSEDED):
        return
    outcomes = histories("two primaries", max(SEEDS // 4, 500), lambda _: SUPERSEDED)
    assert any(outcome.voided for outcome in outcomes)
    assert any(outcome.was_told_voided for outcome in outcomes)


def test_without_any_fault_nothing_is_sent_twice_and_the_gate_only_serves() -> None:
    if replays(lambda _: CALM):
        return
    for outcome in histories("calm histories", max(SEEDS // 20, 20), lambda _: CALM):
        assert outcome.acknowledged > 0
        assert outcome.decisions.keys() == {Serve}


def test_where_both_stores_lose_what_was_entered_it_stops_and_nothing_is_lost_in_silence() -> None:
    def plan(seed: int) -> Plan:
        return replace(plan_of(seed), loses_both=True)

    outcomes = [run(seed, plan(seed)) for seed in range(max(SEEDS // 10, 50))]
    silent = [
        seed
        for seed, outcome in enumerate(outcomes)
        if outcome.violations and not outcome.is_stopped
    ]
    assert not silent, show(run(silent[0], plan(silent[0]), is_traced=True))
    assert any(outcome.violations for outcome in outcomes)
    assert any(not outcome.violations for outcome in outcomes)


@pytest.mark.parametrize("seed", [1, 7, 44, 135])
def test_a_seed_gives_the_same_history_each_time(seed: int) -> None:
    first = run(seed, plan_of(seed), is_traced=True)
    assert run(seed, plan_of(seed), is_traced=True) == first
    assert run(seed + 1, plan_of(seed), is_traced=True).trace != first.trace
