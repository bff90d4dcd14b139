"""A site: the address at which a PostgreSQL answers, and what its processes share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from infra import failpoints
from infra.failpoints import Broken
from infra.reader import Accepted, PlaceLost, Reader
from infra.relay import SendFailed, TailUnknown
from ledger.gate import Decision
from ledger.record import chain_hash, leaf_hash

from .clockwork import Clockwork, Crashed
from .gate_store import GateBusy, MemoryGateStore, Witness
from .kafka import Cluster, Unreachable, WatchedTopic
from .postgres import Gone, Server
from .signing import sign, verify

__all__ = ["Observations", "Process", "Site", "Surroundings", "armed", "take_step"]

_FAILPOINT_RATE: Final = 4
"""How much likelier a process ends at one of the named points than at any other."""


class Process(Protocol):
    """Something that takes one step at a time, and never two at once."""

    site: "Site"
    is_busy: bool

    def step(self) -> None:
        """Take a step."""
        ...

    def begin_anew(self) -> None:
        """Forget what was in memory, and begin from what is stored."""
        ...


@dataclass(slots=True)
class Observations:
    """What readers have accepted, whoever they were: (position, chain hash) -> who saw it first."""

    seen: dict[tuple[int, bytes], str] = field(default_factory=dict)

    def note(self, who: str, batches: Sequence[Accepted]) -> None:
        """A reader was given these batches."""
        for batch in batches:
            for record in batch.records:
                assert record.fields is not None, "an accepted record has its fields"
                chain = chain_hash(record.fields.prev, leaf_hash(record.value))
                self.seen.setdefault((record.fields.position, chain), who)


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What all processes of a history share."""

    clockwork: Clockwork
    cluster: Cluster
    witness: Witness = field(default_factory=Witness)
    observations: Observations = field(default_factory=Observations)
    decisions: list[tuple[str, Decision]] = field(default_factory=list)
    """What gates have decided, and at which site."""


class Site:
    """One address, and the server that answers there now."""

    def __init__(self, name: str, server: Server, around: Surroundings) -> None:
        """A site at which this server answers."""
        self.name = name
        self.server = server
        self.around = around
        self.is_gate_wanted = True

    @property
    def status(self) -> str:
        """What the gate has decided and stored."""
        return self.server.state.status

    @property
    def is_stopped(self) -> bool:
        """Whether an operator must act before anything is written again."""
        return self.status in {"stopped", "fenced"}

    def store(self) -> MemoryGateStore:
        """The gate's sight of the server that answers now."""
        return MemoryGateStore(self.server, self.around.clockwork, sign, self.around.witness)

    def topic(self) -> WatchedTopic:
        """The topic that is pinned here."""
        topics = self.server.state.topics
        return self.around.cluster.watched(topics[-1] if topics else None)

    def reader(self) -> Reader:
        """A reader of the pinned topic, from the newest place that is stored and that it holds."""
        log = self.topic().log()
        places = self.server.state.places_of(log.topic_id)
        return Reader.from_places(log, verify, places, self.around.clockwork.elapsed)


_INTERRUPTIONS: Final = (Broken, GateBusy, Gone, PlaceLost, SendFailed, Unreachable)
"""What ends a life of a process and no more; anything else is a defect, and ends the history."""


def take_step(process: Process) -> None:
    """Let a process take a step; what interrupts it ends what it had in memory."""
    if process.is_busy:
        return
    tell = process.site.around.clockwork.tell
    process.is_busy = True
    try:
        process.step()
    except TailUnknown as error:
        tell(f"{process}: {error}")
        process.site.is_gate_wanted = True
        process.begin_anew()
    except (Crashed, *_INTERRUPTIONS) as error:
        tell(f"{process} ends: {error!r}")
        process.begin_anew()
    finally:
        process.is_busy = False


@contextmanager
def armed(clockwork: Clockwork, names: Sequence[str]) -> Iterator[None]:
    """Now and then let the process end at one of the service's own named points."""
    if clockwork.is_calm or not clockwork.is_so(clockwork.crash_rate * _FAILPOINT_RATE):
        yield
        return
    name = clockwork.random.choice(names)
    points = failpoints._ARMED
    assert isinstance(points, dict), "nothing else is armed while histories run"
    points[name] = failpoints._Armed("raise", 1)
    try:
        yield
    finally:
        points.pop(name, None)
