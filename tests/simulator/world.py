"""The whole of a simulated ledger: sites, topics, clients, and the steps that they take in turn."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from infra.codec import instant
from ledger.gate import Instance
from ledger.record import Head

from .api import Api
from .checks import Entry, accepted
from .clients import Client
from .clockwork import Clockwork
from .kafka import Cluster, Topic
from .postgres import Server
from .processes import GateKeeper, Projector, Relay
from .signing import KEY
from .site import Process, Site, Surroundings, take_step

__all__ = ["FORMER", "MAIN", "Ledger", "World", "entries"]

MAIN: Final = "main"
FORMER: Final = "former"
"""Names of sites: where the ledger is, and where it was."""

_SYSTEM: Final = "7000000000000000001"
_CLIENTS: Final = 3
_BOOT: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Ledger:
    """A site, and the processes that work there."""

    def __init__(self, site: Site) -> None:
        """Two API processes, a relay, a gate and a projector."""
        self.site = site
        self.apis = [Api(site), Api(site)]
        self.relays = [Relay(site)]
        self.gate = GateKeeper(site)
        self.projector = Projector(site)

    def processes(self) -> list[Process]:
        """All of them."""
        return [*self.apis, *self.relays, self.gate, self.projector]


class World:
    """Everything that there is in one history."""

    def __init__(self, seed: str) -> None:
        """An empty database, an empty topic, and clients that have asked nothing."""
        self.clockwork = Clockwork(seed)
        self.cluster = Cluster(self.clockwork)
        self.around = Surroundings(clockwork=self.clockwork, cluster=self.cluster)
        self.cut_rate = 0.0
        """How often the line to PostgreSQL is cut while a commit is under way."""
        self.relay_rate = 1.0
        """How often a relay does something when it is its turn."""
        self.main = self.ledger(MAIN, Server(self.instance(timeline=1)))
        self.former: Ledger | None = None
        """The primary that was, where it is still up."""
        self.clients = [Client(number, self.clockwork) for number in range(_CLIENTS)]
        self.take_overs = 0
        self.longest: list[Entry] = []
        """The longest history that the log has ever held as entered."""
        self.clockwork.between_steps(self.step)

    def instance(self, timeline: int) -> Instance:
        """A server that starts now."""
        started = _BOOT + timedelta(seconds=self.clockwork.now, microseconds=self.clockwork.tick())
        return Instance(timeline=timeline, started_at=instant(started), system=_SYSTEM)

    def ledgers(self) -> list[Ledger]:
        """The sites that are up."""
        return [self.main] if self.former is None else [self.main, self.former]

    # Steps ---------------------------------------------------------------------------------------

    def step(self) -> None:
        """Let a client, or a process of any site, take a step."""
        random = self.clockwork.random
        self.clockwork.advance()
        ledger = random.choice(self.ledgers())
        match random.randrange(10):
            case 0 | 1 | 2:
                random.choice(self.clients).step(random.choice(ledger.apis), may_begin=True)
            case 3 | 4 | 5:
                take_step(random.choice(ledger.apis))
            case 6 | 7:
                if self.clockwork.is_so(self.relay_rate):
                    take_step(random.choice(ledger.relays))
            case 8:
                take_step(ledger.gate)
            case _:
                take_step(ledger.projector)

    # Sites ---------------------------------------------------------------------------------------

    def ledger(self, name: str, server: Server) -> Ledger:
        """A site with processes that have just begun, at this server."""
        ledger = Ledger(Site(name, server, self.around))
        for api in ledger.apis:
            api.cut_rate = self.cut_rate
        return ledger

    def shut_down_former(self) -> None:
        """The former primary is switched off."""
        if self.former is not None:
            self.clockwork.tell("the former primary is switched off")
            self.former.site.server.is_running = False
            for process in self.former.processes():
                process.begin_anew()
            self.former = None

    def let_one_rule(self) -> None:
        """Of two primaries the one that is fenced is switched off, or else the former one."""
        if self.former is not None and self.main.site.status == "fenced" != self.former.site.status:
            self.clockwork.tell("the former primary rules")
            self.main, self.former = self.former, self.main
            self.main.site.name, self.former.site.name = MAIN, FORMER
        self.shut_down_former()

    # What is entered -----------------------------------------------------------------------------

    def topic(self) -> Topic:
        """The topic that is pinned at the site that rules."""
        return self.main.site.topic().topic

    def entered(self) -> Head:
        """The head of what is entered in this topic now."""
        found = entries(self.topic())
        return head_of(found[-1]) if found else Head()

    def witness_looks(self) -> None:
        """Somebody outside keeps the head of all that was ever entered."""
        self.remember_entered()
        if self.longest:
            self.around.witness.head = head_of(self.longest[-1])
            self.clockwork.tell(f"the witness has seen {len(self.longest)} records")

    def remember_entered(self) -> None:
        """Look at every topic, as nobody in the history can: what is entered now?

        What was cut off a topic is looked at too: those who had read it go on behind it.
        """
        for topic in self.cluster.topics:
            if not topic.is_deleted and len(found := entries(topic)) > len(self.longest):
                self.longest = found

    def kafka_has_all(self) -> bool:
        """Whether the topic in use has all that was ever entered."""
        self.remember_entered()
        topic = self.topic()
        return topic.is_whole and has_all(entries(topic), self.longest)

    def postgres_has_all(self) -> bool:
        """Whether the one site that rules has all that was ever entered, and goes on by itself."""
        self.remember_entered()
        if self.main.site.is_stopped:
            return False
        if self.former is not None and not self.former.site.is_stopped:
            return False
        state = self.main.site.server.state
        return not self.longest or state.chain_at(len(self.longest)) == self.longest[-1].chain


def entries(topic: Topic) -> list[Entry]:
    """What is entered in a topic, by the checker's own reading."""
    return accepted([(one.value, one.signature) for one in topic.records], KEY)


def head_of(last: Entry) -> Head:
    """The head that a record makes."""
    return Head(position=last.position, chain=last.chain, term=last.fields["term"])


def has_all(found: Sequence[Entry], longest: Sequence[Entry]) -> bool:
    """Whether one history has the whole of the other."""
    return len(found) >= len(longest) and (
        not longest or found[len(longest) - 1].chain == longest[-1].chain
    )
