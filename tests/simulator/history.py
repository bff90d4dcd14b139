"""One seed, one history: some hundred steps with their faults, then healing, then the check."""

import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from ledger.gate import Decision, Halt, Stop

from .checks import Evidence, Violation, check
from .faults import FAULTS, lose_both
from .operators import act
from .signing import KEY
from .site import take_step
from .world import MAIN, World

__all__ = ["Outcome", "Plan", "plan_of", "run"]

STEPS: Final = 120
_TURNS: Final = 4
"""How many of the processes and clients have their turn in one step."""
_CALM_SEEDS: Final = 10
"""Of so many seeds one has no fault at all."""
_HEALING_ROUNDS: Final = 400
_QUIET_ROUNDS: Final = 3
_STOPPED_ROUNDS: Final = 20
"""After so many the operator, who looks in each, has nothing more that could be done."""
_ROUND_S: Final = 0.7
_DOUBTS: Final = frozenset({Halt.BOTH_LOST, Halt.FORK, Halt.POSTGRES_CHANGED, Halt.FOREIGN_TOPIC})
"""Why a gate stops where humans must find out what is true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What may befall a history, and how often; rates are per occasion, 0 is never.

    `faults` are weights by name; `late_rate` says how often what did not land with a send that
    failed comes later; `loses_both` is the class in which both stores are hit at once.
    """

    faults: Mapping[str, float]
    fault_rate: float = 0.0
    crash_rate: float = 0.0
    cut_rate: float = 0.0
    fail_rate: float = 0.0
    late_rate: float = 0.0
    relay_rate: float = 1.0
    operate_rate: float = 0.05
    loses_both: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found at the end, and what happened on the way, where it was to be told."""

    violations: tuple[Violation, ...]
    trace: tuple[str, ...]
    entered: int
    acknowledged: int
    voided: int
    was_told_voided: bool
    is_stopped: bool
    decisions: Counter[type[Decision]]
    deeds: Counter[str]


def plan_of(seed: int) -> Plan:
    """The faults of a seed: a few of all, each with a rate of its own."""
    random = Random(f"plan {seed}")  # noqa: S311  # a history must come again, not be secret
    if seed % _CALM_SEEDS == 0:
        return Plan(faults={})
    faults = {name: random.uniform(0.3, 2.0) for name in FAULTS if random.random() < 0.35}
    return Plan(
        faults=faults,
        fault_rate=random.choice([0.03, 0.06, 0.12]),
        crash_rate=random.choice([0.0, 0.0, 0.004, 0.02]),
        cut_rate=random.choice([0.0, 0.1, 0.3]),
        fail_rate=random.choice([0.0, 0.0, 0.15, 0.4]),
        late_rate=random.choice([0.0, 0.5, 1.0]),
        relay_rate=random.choice([1.0, 1.0, 0.3]),
    )


def run(seed: int, plan: Plan | None = None, *, is_traced: bool = False) -> Outcome:
    """Live through the history of this seed, heal everything, and check what is left."""
    history = _History(seed, plan or plan_of(seed), is_traced=is_traced)
    try:
        violations = history.live()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is a finding
        clockwork = history.world.clockwork
        clockwork.tell(f"defect: {error!r}")
        violations = [Violation("defect", f"{type(error).__name__}: {error}")]
        if clockwork.trace is not None:
            clockwork.trace += traceback.format_exc().splitlines()
    return history.outcome(violations)


class _History:
    def __init__(self, seed: int, plan: Plan, *, is_traced: bool) -> None:
        self.plan = plan
        self.world = world = World(f"history {seed}")
        self.clockwork = clockwork = world.clockwork
        if is_traced:
            clockwork.trace = [f"seed {seed}: {plan}"]
        clockwork.crash_rate = plan.crash_rate
        world.cluster.lands_rates = (plan.fail_rate, plan.late_rate)
        world.cut_rate = plan.cut_rate
        world.relay_rate = plan.relay_rate
        for api in world.main.apis:
            api.cut_rate = plan.cut_rate

    def live(self) -> list[Violation]:
        """The steps, the healing, the check."""
        loss_at = self.clockwork.random.randrange(STEPS // 3, STEPS)
        for number in range(STEPS):
            if self.plan.loses_both and number == loss_at:
                lose_both(self.world)
            self._step()
        self.world.remember_entered()
        is_healed = self._heal()
        found = self._evidence()
        violations = check(found)
        if not is_healed:
            status = self.world.main.site.server.state
            reason = f"{status.status}: {status.reason}"
            violations.append(Violation("L2", f"it does not heal in {_HEALING_ROUNDS}: {reason}"))
        return violations

    def _step(self) -> None:
        clockwork, plan, world = self.clockwork, self.plan, self.world
        if plan.faults and clockwork.is_so(plan.fault_rate):
            names = sorted(plan.faults)
            (name,) = clockwork.random.choices(names, [plan.faults[one] for one in names])
            FAULTS[name](world)
        elif world.cluster.late and clockwork.is_so(0.1):
            FAULTS["land"](world)
        elif clockwork.is_so(plan.operate_rate):
            act(world)
        else:
            for _ in range(_TURNS):
                world.step()

    # Healing -------------------------------------------------------------------------------------

    def _heal(self) -> bool:
        """Faults off, everything that is under way done; whether it becomes quiet."""
        world, clockwork = self.world, self.clockwork
        clockwork.tell("healing")
        clockwork.is_calm = True
        world.cluster.is_reachable = True
        world.cluster.lands_rates = (0.0, 0.0)
        for late in list(world.cluster.late):
            if clockwork.is_so(0.5):
                world.cluster.land(late)
        world.let_one_rule()
        world.cut_rate = 0.0
        for api in world.main.apis:
            api.cut_rate = 0.0
        quiet = stopped = 0
        for _ in range(_HEALING_ROUNDS):
            quiet = 0 if self._round() else quiet + 1
            stopped = stopped + 1 if world.main.site.is_stopped else 0
            if quiet == _QUIET_ROUNDS or stopped == _STOPPED_ROUNDS:
                break
        return quiet == _QUIET_ROUNDS

    def _round(self) -> bool:
        """Everybody takes a step; whether anything is still to be done."""
        world, ledger = self.world, self.world.main
        self.clockwork.now += _ROUND_S
        take_step(ledger.gate)
        act(world)
        for relay in ledger.relays:
            for _ in range(3):
                take_step(relay)
        for api in ledger.apis:
            for _ in range(4):
                take_step(api)
            api.follow()
        take_step(ledger.projector)
        for client in world.clients:
            client.step(self.clockwork.random.choice(ledger.apis), may_begin=False)
        return self._is_busy()

    def _is_busy(self) -> bool:
        world, ledger = self.world, self.world.main
        state = ledger.site.server.state
        return (
            any(client.operation is not None for client in world.clients)
            or ledger.site.is_gate_wanted
            or state.status != "open"
            or any(position != len(state.rows) for position in self._places().values())
        )

    def _places(self) -> dict[str, int]:
        ledger = self.world.main
        places = {
            f"{number}th {api}": api.reader.place.position if api.reader else -1
            for number, api in enumerate(ledger.apis, start=1)
        }
        projector = ledger.projector.reader
        places[str(ledger.projector)] = projector.place.position if projector else -1
        for number, relay in enumerate(ledger.relays, start=1):
            session = relay.session
            places[f"{number}th {relay}"] = session.reader.place.position if session else -1
        return places

    # What is left --------------------------------------------------------------------------------

    def _evidence(self) -> Evidence:
        world = self.world
        state = world.main.site.server.state
        return Evidence(
            topic=[(one.value, one.signature) for one in world.topic().records],
            sequenced=[row.value for row in state.rows],
            aside=[one.row.value for one in state.aside],
            voided=frozenset(state.voided),
            calls=[call for client in world.clients for call in client.calls],
            seen=world.around.observations.seen,
            places=self._places(),
            doubts=[
                one.message
                for name, one in world.around.decisions
                # A server that was superseded may well have lost what another one has.
                if name == MAIN
                and isinstance(one, Stop)
                and one.halt in _DOUBTS
                and not self.plan.loses_both
            ],
            take_overs=world.take_overs,
            are_repeats_excused=world.cluster.are_repeats_excused,
            key=KEY,
        )

    def outcome(self, violations: list[Violation]) -> Outcome:
        """The outcome of the history."""
        world = self.world
        answers = [call.answer for client in world.clients for call in client.calls]
        return Outcome(
            violations=tuple(violations),
            trace=tuple(self.clockwork.trace or ()),
            entered=len(world.longest),
            acknowledged=sum(answer is not None and answer.code == 201 for answer in answers),
            voided=len(world.main.site.server.state.voided),
            was_told_voided=any(answer is not None and answer.code == 409 for answer in answers),
            is_stopped=world.main.site.is_stopped,
            deeds=self.clockwork.deeds,
            decisions=Counter(type(one) for _, one in world.around.decisions),
        )
