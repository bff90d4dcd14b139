"""The one loop that reads, decides, appends, and tries again on a conflict; it takes a batch.

A request is one or more commands on one subject, done together or not at all. Requests of a batch
are decided in order, each against the state after the earlier ones; a refusal never touches its
neighbours. What is decided is appended in one transaction.
"""

from collections.abc import Callable, Sequence
from datetime import date
from hashlib import sha256
from typing import Final

from .calendar import Calendar
from .events import ControlEvent
from .identifiers import SubjectId
from .kept import Kept
from .overlay import Overlay
from .plan import Plan
from .planner import Planner
from .refusals import CommandVoided, KeyReused, Refused
from .rehearsal import Rehearsal
from .requests import Outcome, Preview, Recorded, Request, TooContended, Unchanged
from .rulebook import Rulebooks
from .sequencing import (
    Append,
    Appended,
    Codec,
    CommandRecord,
    Draft,
    Identities,
    KeyVoided,
    Sequencer,
)
from .values import EventId

__all__ = ["ATTEMPTS_MAX", "Service"]

ATTEMPTS_MAX: Final = 20
LEDGER_STREAM: Final = "ledger"
"""The stream in which the ledger records what concerns itself."""

_Waiting = tuple[int, Request]
"""A request and its place in the batch."""
_Outcomes = dict[int, Outcome | TooContended]
"""What became of the requests so far, by their places."""


class Service:
    """Decides and records; one instance a process, called by one thread at a time.

    Time and fresh ids come from outside: `today` gives the civil day in Asia/Shanghai,
    `fresh_event` and `fresh_subject` give ids never used before.
    """

    def __init__(  # noqa: PLR0913  # the parts of the loop, wired once
        self,
        *,
        sequencer: Sequencer,
        identities: Identities,
        codec: Codec,
        calendar: Calendar,
        today: Callable[[], date],
        fresh_event: Callable[[], EventId],
        fresh_subject: Callable[[], SubjectId],
    ) -> None:
        """Wire the loop; nothing is read before the first batch."""
        self._sequencer = sequencer
        self._identities = identities
        self._codec = codec
        self._fresh_event = fresh_event
        self._fresh_subject = fresh_subject
        self._kept = Kept(sequencer, codec)
        self._planner = Planner(
            kept=self._kept,
            sequencer=sequencer,
            codec=codec,
            calendar=calendar,
            today=today,
            fresh_event=fresh_event,
        )

    @property
    def position(self) -> int:
        """The position up to which the kept states are known to be fresh."""
        return self._kept.position

    def record(self, batch: Sequence[Request]) -> tuple[Outcome | TooContended, ...]:
        """Decide and record a batch; one outcome for each request, in order.

        A request that met a conflict on every attempt is answered with `TooContended`, which
        touches its neighbours as little as a refusal: the last attempt is each one's own.
        """
        outcomes: _Outcomes = {}
        waiting = list(enumerate(batch))
        for _ in range(ATTEMPTS_MAX - 1):
            if not waiting:
                break
            waiting = self._attempt(waiting, outcomes)
        for one in waiting:
            if self._attempt([one], outcomes):
                message = f"the request met a conflict {ATTEMPTS_MAX} times; send it again"
                outcomes[one[0]] = TooContended(message)
        return tuple(outcomes[index] for index in range(len(batch)))

    def record_own(self, event: ControlEvent, actor: str = "local") -> Appended:
        """Record something about the ledger itself, in its own stream.

        Raises:
            TooContended: others wrote there on every attempt; nothing was recorded.
        """
        for _ in range(ATTEMPTS_MAX):
            self._kept.refresh()
            versions = [one.version for one in self._sequencer.read([LEDGER_STREAM])]
            data = self._codec.data(event)
            draft = Draft(
                stream=LEDGER_STREAM,
                version=max(versions, default=0) + 1,
                type=self._codec.name(event),
                id=self._fresh_event(),
                data=data,
            )
            append = Append(
                drafts=(draft,),
                key_hash=None,
                command_hash=sha256(data).hexdigest(),
                actor=actor,
            )
            (answer,) = self._sequencer.append([append])
            if isinstance(answer, Appended):
                return answer
        raise TooContended(f"the ledger's own stream met a conflict {ATTEMPTS_MAX} times")

    def preview(self, request: Request) -> Preview:
        """What the request would record now, without recording it.

        Raises:
            Refused: the rules forbid it.
        """
        self._kept.refresh()
        plan = self._planner.plan(request, self._overlay([request]))
        return Preview(
            stream=plan.stream,
            version=plan.version - len(plan.events),
            position=self._kept.position,
            events=plan.events,
        )

    def rehearsal(self) -> Rehearsal:
        """A way to see what batch after batch would come to, without recording any."""
        self._kept.refresh()
        return Rehearsal(self._planner, self._kept, self._overlay(()))

    def rulebooks(self) -> Rulebooks:
        """All editions published up to the sequenced position."""
        self._kept.refresh()
        return self._kept.rulebooks

    # One attempt at a batch ----------------------------------------------------------------------

    def _settle_known_keys(
        self, waiting: Sequence[_Waiting], outcomes: _Outcomes
    ) -> list[_Waiting]:
        """Answer what a key has done before; the rest goes on."""
        keys = [request.key_hash for _, request in waiting if request.key_hash is not None]
        known = self._sequencer.commands(keys) if keys else {}
        rest = []
        for index, request in waiting:
            match known.get(request.key_hash or ""):
                case None:
                    rest.append((index, request))
                case KeyVoided(position=position):
                    outcomes[index] = CommandVoided(position=position)
                case record:
                    outcomes[index] = self._replay(request, record)
        return rest

    def _attempt(self, waiting: Sequence[_Waiting], outcomes: _Outcomes) -> list[_Waiting]:
        """Settle, decide and append what waits; give what must be tried again, in order."""
        self._kept.refresh()
        waiting = self._settle_known_keys(waiting, outcomes)
        overlay = self._overlay([request for _, request in waiting])
        decided: list[tuple[_Waiting, Plan | Refused]] = []
        again: list[_Waiting] = []
        keys_here: set[str] = set()
        for one in waiting:
            request = one[1]
            if request.key_hash is not None and request.key_hash in keys_here:
                again.append(one)
                continue
            came_to = self._decided(request, overlay)
            decided.append((one, came_to))
            if isinstance(came_to, Plan) and came_to.events:
                overlay.keep(came_to)
                if request.key_hash is not None:
                    keys_here.add(request.key_hash)
        again += self._append(decided, outcomes)
        return sorted(again, key=_by_index)

    def _overlay(self, requests: Sequence[Request]) -> Overlay:
        return Overlay(self._kept, self._identities, self._fresh_subject, requests)

    def _decided(self, request: Request, overlay: Overlay) -> Plan | Refused:
        try:
            return self._planner.plan(request, overlay)
        except Refused as refusal:
            return refusal

    def _append(
        self, decided: Sequence[tuple[_Waiting, Plan | Refused]], outcomes: _Outcomes
    ) -> list[_Waiting]:
        """Append what was decided; give what met a conflict.

        What was decided behind a request that was then left out may rest on what did not happen, so
        it is decided again.
        """
        appends = [
            _append_of(one[1], came_to, self._codec)
            for one, came_to in decided
            if isinstance(came_to, Plan) and came_to.events
        ]
        answers = iter(self._sequencer.append(appends) if appends else ())
        reached = dict[str, int]()
        again: list[_Waiting] = []
        for one, came_to in decided:
            index = one[0]
            if isinstance(came_to, Refused):
                if again:
                    again.append(one)
                else:
                    outcomes[index] = came_to
            elif came_to.events:
                answer = next(answers)
                if isinstance(answer, Appended):
                    outcomes[index] = self._recorded(came_to, answer)
                    reached[came_to.stream] = answer.last
                else:
                    again.append(one)
            elif again:
                again.append(one)
            else:
                position = reached.get(came_to.stream, came_to.position)
                outcomes[index] = Unchanged(
                    stream=came_to.stream, version=came_to.version, position=position
                )
        return again

    def _recorded(self, plan: Plan, appended: Appended) -> Recorded:
        self._kept.keep(plan, appended.first, appended.last)
        return Recorded(
            stream=plan.stream,
            version=plan.version,
            first=appended.first,
            last=appended.last,
            events=plan.events,
            chain=appended.chain,
        )

    def _replay(self, request: Request, record: CommandRecord) -> Outcome:
        if record.command_hash != request.command_hash:
            return KeyReused(first=record.first)
        stored = self._sequencer.read_positions(record.first, record.last)
        return Recorded(
            stream=stored[-1].stream,
            version=stored[-1].version,
            first=record.first,
            last=record.last,
            events=tuple((one.id, self._codec.event(one)) for one in stored),
            replayed=True,
            chain=record.chain,
        )


def _append_of(request: Request, plan: Plan, codec: Codec) -> Append:
    first = plan.version - len(plan.events) + 1
    return Append(
        drafts=tuple(
            Draft(
                stream=plan.stream,
                version=first + offset,
                type=codec.name(event),
                id=event_id,
                data=data,
                attributes=codec.attributes(event),
            )
            for offset, ((event_id, event), data) in enumerate(
                zip(plan.events, plan.data, strict=True)
            )
        ),
        key_hash=request.key_hash,
        command_hash=request.command_hash,
        actor=request.actor,
        claims=plan.claims,
        follows=plan.follows,
    )


def _by_index(waiting: _Waiting) -> int:
    return waiting[0]
