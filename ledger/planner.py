"""Decides what a request comes to, on the state that was read and overlaid by its batch."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Final

from .calendar import Calendar
from .commands import PublishEdition
from .decider import Rules, decide, evolve, opens
from .edition import read_edition
from .events import Event, IdentifierAdded, SubjectRegistered
from .identifiers import Identifier, SubjectId, index_keys
from .kept import RULEBOOK_STREAM, Kept
from .overlay import Overlay
from .plan import Plan
from .refusals import AlreadyAnnulled, DiffersFromRecorded, RecordTooLarge, StaleVersion
from .requests import EXISTS, Request
from .sequencing import Codec, Sequencer
from .subject import Subject
from .values import EventId

__all__ = ["DATA_BYTES_MAX", "Planner"]

DATA_BYTES_MAX: Final = 60 * 1024
"""How large the canonical JSON of one event's facts may be."""


class Planner:
    """Decides for one process; used by one thread at a time."""

    def __init__(  # noqa: PLR0913  # what deciding takes from outside, wired once
        self,
        *,
        kept: Kept,
        sequencer: Sequencer,
        codec: Codec,
        calendar: Calendar,
        today: Callable[[], date],
        fresh_event: Callable[[], EventId],
    ) -> None:
        """Time and fresh ids come from outside."""
        self._kept = kept
        self._sequencer = sequencer
        self._codec = codec
        self._calendar = calendar
        self._today = today
        self._fresh_event = fresh_event

    def plan(self, request: Request, overlay: Overlay) -> Plan:
        """Decide all commands of a request, one after the other.

        Raises:
            Refused: a command may not be done; then none is.
        """
        first = request.commands[0]
        if isinstance(first, PublishEdition):
            return self._plan_edition(request, first, overlay)
        before = overlay.subject(request)
        if request.expected_version is not None and not _fits(
            before.version, request.expected_version
        ):
            raise StaleVersion(expected=request.expected_version, actual=before.version)
        after, events = before, list[tuple[EventId, Event]]()
        for command in request.commands:
            fresh = self._fresh_event()
            try:
                decided = decide(after, command, self._rules(overlay, fresh))
            except (DiffersFromRecorded, AlreadyAnnulled) as refusal:
                raise self._placed(refusal, before.id) from None
            for event in decided:
                after = evolve(after, event)
                events.append((fresh if opens(event, fresh) else self._fresh_event(), event))
        claims = tuple(_claims(events))
        overlay.check_free(claims, before.id)
        return Plan(
            stream=before.id,
            version=before.version + len(events),
            position=self._kept.position,
            after=after,
            events=tuple(events),
            data=self._data(events),
            claims=claims,
            follows=overlay.follows(before.id),
        )

    def _plan_edition(self, request: Request, command: PublishEdition, overlay: Overlay) -> Plan:
        assert len(request.commands) == 1, "an edition is published by a request of its own"
        nobody = Subject.unknown(SubjectId(""))
        fresh = self._fresh_event()
        events = [(fresh, event) for event in decide(nobody, command, self._rules(overlay, fresh))]
        stream = f"{RULEBOOK_STREAM}{read_edition(command.text).rulebook}"
        before = overlay.rulebook_version(stream)
        if request.expected_version is not None and not _fits(before, request.expected_version):
            raise StaleVersion(expected=request.expected_version, actual=before)
        return Plan(
            stream=stream,
            version=before + len(events),
            position=self._kept.position,
            after=None,
            events=tuple(events),
            data=self._data(events),
            follows=overlay.follows(stream),
        )

    def _data(self, events: Iterable[tuple[EventId, Event]]) -> tuple[bytes, ...]:
        """The facts of each event as they will be recorded.

        Raises:
            RecordTooLarge: one does not fit into a record.
        """
        encoded = []
        for _, event in events:
            data = self._codec.data(event)
            if len(data) > DATA_BYTES_MAX:
                name = self._codec.name(event)
                raise RecordTooLarge(event=name, size=len(data), limit=DATA_BYTES_MAX)
            encoded.append(data)
        return tuple(encoded)

    def _placed(
        self, refusal: DiffersFromRecorded | AlreadyAnnulled, stream: str
    ) -> DiffersFromRecorded | AlreadyAnnulled:
        """The refusal with the position of the record that it speaks of.

        A fact that an earlier command of the same batch decides has none yet.
        """
        for stored in self._sequencer.read([stream]):
            if stored.id == refusal.fact:
                return refusal.at(stored.position)
        return refusal

    def _rules(self, overlay: Overlay, fresh: EventId) -> Rules:
        return Rules(
            rulebooks=overlay.rulebooks, calendar=self._calendar, today=self._today(), fresh=fresh
        )


def _claims(events: Iterable[tuple[EventId, Event]]) -> Iterable[Identifier]:
    """The entries of the identifier index that these events give to their subject."""
    for _, event in events:
        match event:
            case SubjectRegistered(identifiers=identifiers):
                for identifier in identifiers:
                    yield from index_keys(identifier)
            case IdentifierAdded(identifier=identifier):
                yield from index_keys(identifier)
            case _:
                pass


def _fits(actual: int, expected: int) -> bool:
    return actual > 0 if expected == EXISTS else actual == expected
