"""What a process keeps of the ledger between batches: states of subjects, and all editions.

Others record meanwhile, so it is made fresh before each batch; after a fail-over even what was
recorded may be another history, and then all of it is dropped.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from .decider import evolve
from .edition import read_edition
from .events import Event, RulebookEditionPublished
from .identifiers import SubjectId
from .plan import Plan
from .rulebook import Rulebooks
from .sequencing import Codec, Sequencer
from .subject import Subject

__all__ = ["RULEBOOK_STREAM", "Kept"]

RULEBOOK_STREAM: Final = "rulebook/"
"""How the names of the streams begin that hold editions."""
_STATES_KEPT: Final = 50_000


class Kept:
    """States as of `position`, and the editions published up to there.

    `rulebook_versions`: stream of a rulebook -> how many records it holds.
    """

    def __init__(self, sequencer: Sequencer, codec: Codec) -> None:
        """Nothing is kept before the first `refresh`."""
        self._sequencer = sequencer
        self._codec = codec
        self._states: OrderedDict[str, Subject] = OrderedDict()
        self.rulebooks = Rulebooks()
        self.rulebook_versions: dict[str, int] = {}
        self.position = 0

    def refresh(self) -> None:
        """Drop every kept state that another process has moved on, and take in new editions."""
        position, streams = (
            self._sequencer.streams_changed(self.position) if self.position else (0, None)
        )
        if streams is None:
            self._forget()
            position, streams = self._sequencer.streams_under(RULEBOOK_STREAM)
        rulebooks = [stream for stream in streams if stream.startswith(RULEBOOK_STREAM)]
        for stream in streams:
            self._states.pop(stream, None)
        for stored in self._sequencer.read(rulebooks) if rulebooks else ():
            self._take_edition(stored.stream, stored.version, self._codec.event(stored))
        self.position = position

    def _forget(self) -> None:
        """Drop all that was kept."""
        self._states.clear()
        self.rulebooks = Rulebooks()
        self.rulebook_versions = {}

    def _take_edition(self, stream: str, version: int, event: Event) -> None:
        if version <= self.rulebook_versions.get(stream, 0):
            return
        self.rulebook_versions[stream] = version
        if isinstance(event, RulebookEditionPublished):
            self.rulebooks = self.rulebooks.with_edition(read_edition(event.text))

    def keep(self, plan: Plan, first: int, last: int) -> None:
        """Keep the state after an append.

        Positions that follow ours without a gap need no refresh.
        """
        if first == self.position + 1:
            self.position = last
        if plan.after is None:
            for offset, (_, event) in enumerate(plan.events, start=1 - len(plan.events)):
                self._take_edition(plan.stream, plan.version + offset, event)
            return
        self._states[plan.stream] = plan.after
        self._states.move_to_end(plan.stream)
        while len(self._states) > _STATES_KEPT:
            self._states.popitem(last=False)

    def states(self, streams: Iterable[str]) -> dict[str, Subject]:
        """The present states of these subjects; a subject never registered has version 0."""
        wanted = set(streams)
        found = {stream: self._states[stream] for stream in wanted if stream in self._states}
        missing = wanted - found.keys()
        if missing:
            fresh = {stream: Subject.unknown(SubjectId(stream)) for stream in missing}
            for stored in self._sequencer.read(sorted(missing)):
                fresh[stored.stream] = evolve(fresh[stored.stream], self._codec.event(stored))
            found |= fresh
        return found
