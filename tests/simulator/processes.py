"""Relay, gate and projector of a site, around the service's own parts."""

from typing import Final

from infra.gate import Gate
from infra.reader import Reader
from infra.relay import RelaySession
from ledger.gate import Decision, Fence, Serve, Stop

from .kafka import Sender
from .postgres import Sequenced, Server
from .signing import verify
from .site import Site, armed

__all__ = ["GateKeeper", "Projector", "Relay"]

_RELAY_POINTS: Final = ("before_produce", "after_produce", "after_ack", "before_place")
_GATE_POINTS: Final = (
    "gate_begins",
    "gate_after_adopt",
    "gate_after_set_aside",
    "gate_before_term",
    "gate_after_term",
)
_READ_LIMIT: Final = 6
_GATE_EVERY_S: Final = 60.0


class Relay:
    """Runs one session of the relay after the other."""

    def __init__(self, site: Site) -> None:
        """A relay of this site."""
        self.site = site
        self.is_busy = False
        self.session: RelaySession | None = None
        self.done = 0
        """How much the last step has done."""
        self._server: Server | None = None

    def step(self) -> None:
        """One step of a session; it rests while the ledger is stopped."""
        self.done = 0
        if self.site.is_stopped:
            self.begin_anew()
            return
        with armed(self.site.around.clockwork, _RELAY_POINTS):
            if self.session is None or not self._is_current(self.session):
                self._begin()
            assert self.session is not None, "it has begun"
            self.done = self.session.step()

    def _is_current(self, session: RelaySession) -> bool:
        """Whether server and topic are still those that the session works between."""
        return (
            self._server is self.site.server
            and session.reader.place.topic_id == self.site.topic().topic_id
        )

    def begin_anew(self) -> None:
        """Throw the session away."""
        if self.session is not None:
            self.session.close()
        self.session = None

    def _begin(self) -> None:
        self.begin_anew()
        around, topic = self.site.around, self.site.topic()
        self._server = self.site.server
        self.session = RelaySession(
            sequenced=Sequenced(self.site.server, around.clockwork),
            log=topic.log(),
            sender=Sender(around.cluster, topic.topic),
            verify=verify,
            elapsed=around.clockwork.elapsed,
        )

    def __str__(self) -> str:
        return f"relay of {self.site.name}"


class GateKeeper:
    """Passes the gate when somebody wants it, and every minute."""

    def __init__(self, site: Site) -> None:
        """The gate of this site."""
        self.site = site
        self.is_busy = False
        self.decision: Decision | None = None
        self._passed_at = 0.0

    def step(self) -> None:
        """Pass the gate, if it is time."""
        clockwork = self.site.around.clockwork
        if self.site.is_gate_wanted or clockwork.now - self._passed_at > _GATE_EVERY_S:
            self.pass_through()

    def pass_through(self) -> None:
        """Pass the gate."""
        site, clockwork = self.site, self.site.around.clockwork
        self._passed_at = clockwork.now
        store = site.store()
        gate = Gate(
            store=store.held,
            topic=lambda _: site.topic(),
            verify=lambda: verify,
            elapsed=clockwork.elapsed,
        )
        with armed(clockwork, _GATE_POINTS):
            self.decision = gate.pass_through()
        site.around.decisions.append((site.name, self.decision))
        clockwork.tell(f"{self}: {self.decision}")
        site.is_gate_wanted = not isinstance(self.decision, Serve | Stop | Fence)

    def begin_anew(self) -> None:
        """It keeps nothing; what wanted it wants it still."""

    def __str__(self) -> str:
        return f"gate of {self.site.name}"


class Projector:
    """Reads the log and keeps its place in the database, in one transaction with what it folds."""

    def __init__(self, site: Site) -> None:
        """The projector of this site."""
        self.site = site
        self.is_busy = False
        self.reader: Reader | None = None
        self._server: Server | None = None

    def step(self) -> None:
        """Take what the log has next."""
        around, server = self.site.around, self.site.server
        topic_id = self.site.topic().topic_id
        if (
            self.reader is None
            or self._server is not server
            or self.reader.place.topic_id != topic_id
        ):
            stored = server.state.projection
            self.reader = Reader.from_places(
                self.site.topic().log(),
                verify,
                [] if stored is None else [stored],
                around.clockwork.elapsed,
            )
            self._server = server
        batches = self.reader.poll(_READ_LIMIT)
        around.observations.note(str(self), batches)
        if batches:
            around.clockwork.point("projector before its commit")
            with server.transaction() as state:
                before = state.projection
                if before is None or before.position < batches[-1].place.position:
                    state.projection = batches[-1].place

    def begin_anew(self) -> None:
        """Forget the reader."""
        self.reader = None

    def __str__(self) -> str:
        return f"projector of {self.site.name}"
