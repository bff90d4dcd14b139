"""The one loop that reads, decides, appends, and tries again on a conflict; it takes a batch.

A request is one or more commands on one subject, done together or not at all. Requests of a batch
are decided in order, each against the state after the earlier ones; a refusal never touches its
neighbours. What is decided is appended in one transaction. The stores behind the loop are contracts
(`Sequencer`, `Identities`), so the same loop runs on PostgreSQL and in memory.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Protocol

from .calendar import Calendar
from .commands import AddIdentifier, Command, PublishEdition, RegisterSubject
from .decider import Rules, decide, evolve, opens
from .edition import read_edition
from .events import Event, IdentifierAdded, RulebookEditionPublished, SubjectRegistered
from .identifiers import Identifier, SubjectId, index_keys
from .refusals import (
    AlreadyAnnulled,
    CommandVoided,
    DiffersFromRecorded,
    IdentifiersOfTwoSubjects,
    IdentifierTaken,
    KeyReused,
    RecordTooLarge,
    Refused,
    StaleVersion,
    UnknownSubject,
)
from .rulebook import Rulebooks
from .subject import Subject
from .values import EventId

__all__ = [
    "Append",
    "Appended",
    "Codec",
    "CommandRecord",
    "Draft",
    "IdentifierHeld",
    "Identities",
    "KeyKnown",
    "KeyVoided",
    "Outcome",
    "Overloaded",
    "Preview",
    "Recorded",
    "Rehearsal",
    "Request",
    "Sequencer",
    "Service",
    "Stored",
    "TooContended",
    "Unchanged",
    "VersionConflict",
]

RULEBOOK_STREAM: Final = "rulebook/"
DATA_BYTES_MAX: Final = 60 * 1024
"""How large the canonical JSON of one event's facts may be."""
ATTEMPTS_MAX: Final = 20
STATES_KEPT: Final = 50_000


# What goes in and out of the store ---------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One record to be.

    Opaque to the sequencer. `data` is canonical JSON, `attributes` extend the envelope.
    """

    stream: str
    version: int
    type: str
    id: EventId
    data: bytes
    critical: bool = True
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """The records of one request, appended together or not at all.

    `key_hash` is the idempotency key's hash (absent where no key was sent); `claims` are the
    identifiers that the records give to their stream. `follows` are streams on whose earlier
    appends of the same batch this one was decided: it cannot stand where one of those was left out,
    whatever the versions say.
    """

    drafts: tuple[Draft, ...]
    key_hash: str | None
    command_hash: str
    actor: str
    claims: tuple[Identifier, ...] = ()
    follows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRecord:
    """What a key did: the hash of its command and the positions of its records.

    `chain` is the chain hash of the last one, empty where it is not known yet.
    """

    command_hash: str
    first: int
    last: int
    chain: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """The records stand at these positions, durably.

    `chain` is the chain hash of the last one: they are entered once the log has that very record.
    """

    first: int
    last: int
    chain: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyKnown:
    """The key was used before; nothing was appended."""

    record: CommandRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVoided:
    """The command under this key lost against another history; it will never be recorded.

    `position` is that of the `commands-voided` that says so.
    """

    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionConflict:
    """The stream had moved on; nothing was appended."""

    stream: str
    actual: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierHeld:
    """Another stream holds a claimed identifier; nothing was appended."""

    identifier: Identifier
    holder: SubjectId


AppendOutcome = Appended | KeyKnown | KeyVoided | VersionConflict | IdentifierHeld


@dataclass(frozen=True, slots=True)
class Stored:
    """One record of the log, read back from the sequencer's own store."""

    position: int
    id: EventId
    stream: str
    version: int
    type: str
    value: bytes


class Sequencer(Protocol):
    """Gives records their order, their positions without a gap, and keeps them.

    One transaction per batch.
    """

    def append(self, batch: Sequence[Append]) -> tuple[AppendOutcome, ...]:
        """Append all that can be appended, in order, in one durable transaction.

        One outcome for each, in order.

        Keys, versions and identifiers are checked before the first insert, each append against the
        state as it is after the earlier ones of the batch; one that cannot stand is left out and
        harms no other, but those that follow it. When this returns, what was appended is on stable
        storage. A connection lost while committing is settled here, by looking the records up,
        never by sending them again blindly. When it raises, what was appended is not known to the
        caller: keys tell, and natural keys. An id that another record bears is a defect and
        raises.
        """
        ...

    def position(self) -> int:
        """The position of the last sequenced record, 0 before the first."""
        ...

    def commands(self, key_hashes: Sequence[str]) -> Mapping[str, CommandRecord | KeyVoided]:
        """What these keys did, or that they are voided; keys never used are left out."""
        ...

    def read(self, streams: Sequence[str]) -> Iterable[Stored]:
        """All records of these streams, in order of position."""
        ...

    def read_positions(self, first: int, last: int) -> Sequence[Stored]:
        """The records from `first` to `last`, both included."""
        ...

    def streams_changed(self, after: int) -> tuple[int, frozenset[str] | None]:
        """The sequenced position, and the streams that got records behind position `after`.

        Null in their stead where the history may be another one than before: then whatever was
        kept of it is void.
        """
        ...

    def streams_under(self, prefix: str) -> tuple[int, frozenset[str]]:
        """The sequenced position, and all streams whose names begin with `prefix`."""
        ...


class Identities(Protocol):
    """Which subject an identifier names.

    Kept in the sequencing transaction, rebuilt from the log.
    """

    def find(self, identifiers: Sequence[Identifier]) -> Mapping[Identifier, SubjectId]:
        """The subjects that these identifiers name; unknown ones are left out."""
        ...


class Codec(Protocol):
    """Between events and canonical bytes."""

    def data(self, event: Event) -> bytes:
        """The event's facts as canonical JSON."""
        ...

    def attributes(self, event: Event) -> tuple[tuple[str, str], ...]:
        """What of the event stands in the envelope: authority, region, edition."""
        ...

    def name(self, event: Event) -> str:
        """The stored name of the event."""
        ...

    def event(self, stored: Stored) -> Event:
        """The event in a stored record."""
        ...


# What is asked and answered ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Commands on one subject, done together or not at all.

    `subject` is its id or any of the identifiers in `subject` (the readings of what was sent); null
    where the first command registers it, or where the command is about a rulebook.
    `expected_version` binds to that version of the stream; 0 means «not yet there», -1 «exists».
    """

    commands: tuple[Command, ...]
    command_hash: str
    key_hash: str | None = None
    subject: SubjectId | tuple[Identifier, ...] | None = None
    expected_version: int | None = None
    actor: str = "local"


EXISTS: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The request's events stand at `first` … `last` of the log.

    `replayed` where its key had done so before; `chain` is the chain hash of the last record.
    """

    stream: str
    version: int
    first: int
    last: int
    events: tuple[tuple[EventId, Event], ...]
    replayed: bool = False
    chain: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """There was nothing to do; decided on the state at `position`."""

    stream: str
    version: int
    position: int


Outcome = Recorded | Unchanged | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a request would record: on which stream and version of it, decided at `position`."""

    stream: str
    version: int
    position: int
    events: tuple[tuple[EventId, Event], ...]


class Overloaded(Exception):  # said as a fact, like every other answer of the service
    """Too much waits to be recorded; nothing was recorded, the same key may be sent again."""


class TooContended(Exception):  # said as a fact, like every other answer of the service
    """A request met a conflict on every attempt; nothing of it was recorded."""


_Waiting = tuple[int, Request]
"""A request and its place in the batch."""
_Outcomes = dict[int, Outcome | TooContended]
"""What became of the requests so far, by their places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What a request comes to on the state that was read.

    `version` is that of the stream after it, `position` the one decided on, `after` the subject
    (null for a rulebook), `follows` the streams of which earlier requests of the batch are part of
    that state.
    """

    stream: str
    version: int
    position: int
    after: Subject | None
    events: tuple[tuple[EventId, Event], ...]
    data: tuple[bytes, ...]
    claims: tuple[Identifier, ...] = ()
    follows: tuple[str, ...] = ()


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
        self._calendar = calendar
        self._today = today
        self._fresh_event = fresh_event
        self._fresh_subject = fresh_subject
        self._states: OrderedDict[str, Subject] = OrderedDict()
        self._rulebooks = Rulebooks()
        self._rulebook_versions: dict[str, int] = {}
        self._position = 0

    @property
    def position(self) -> int:
        """The position up to which the kept states are known to be fresh."""
        return self._position

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

    def preview(self, request: Request) -> Preview:
        """What the request would record now, without recording it.

        Raises:
            Refused: the rules forbid it.
        """
        self._refresh()
        plan = self._plan(request, _Overlay(self, [request]))
        return Preview(
            stream=plan.stream,
            version=plan.version - len(plan.events),
            position=self._position,
            events=plan.events,
        )

    def rehearsal(self) -> "Rehearsal":
        """A way to see what batch after batch would come to, without recording any."""
        self._refresh()
        return Rehearsal(self)

    def rulebooks(self) -> Rulebooks:
        """All editions published up to the sequenced position."""
        self._refresh()
        return self._rulebooks

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
        self._refresh()
        waiting = self._settle_known_keys(waiting, outcomes)
        overlay = _Overlay(self, [request for _, request in waiting])
        decided: list[tuple[_Waiting, _Plan | Refused]] = []
        again: list[_Waiting] = []
        keys_here: set[str] = set()
        for one in waiting:
            request = one[1]
            if request.key_hash is not None and request.key_hash in keys_here:
                again.append(one)
                continue
            came_to = self._decided(request, overlay)
            decided.append((one, came_to))
            if isinstance(came_to, _Plan) and came_to.events:
                overlay.keep(came_to)
                if request.key_hash is not None:
                    keys_here.add(request.key_hash)
        again += self._append(decided, outcomes)
        return sorted(again, key=_by_index)

    def _decided(self, request: Request, overlay: "_Overlay") -> _Plan | Refused:
        try:
            return self._plan(request, overlay)
        except Refused as refusal:
            return refusal

    def _append(
        self, decided: Sequence[tuple[_Waiting, _Plan | Refused]], outcomes: _Outcomes
    ) -> list[_Waiting]:
        """Append what was decided; give what met a conflict.

        What was decided behind a request that was then left out may rest on what did not happen, so
        it is decided again.
        """
        appends = [
            _append_of(one[1], came_to, self._codec)
            for one, came_to in decided
            if isinstance(came_to, _Plan) and came_to.events
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

    def _recorded(self, plan: _Plan, appended: Appended) -> Recorded:
        self._keep(plan, appended.first, appended.last)
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

    # Deciding ------------------------------------------------------------------------------------

    def _plan(self, request: Request, overlay: "_Overlay") -> _Plan:
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
        return _Plan(
            stream=before.id,
            version=before.version + len(events),
            position=self._position,
            after=after,
            events=tuple(events),
            data=self._data(events),
            claims=claims,
            follows=overlay.follows(before.id),
        )

    def _plan_edition(
        self, request: Request, command: PublishEdition, overlay: "_Overlay"
    ) -> _Plan:
        assert len(request.commands) == 1, "an edition is published by a request of its own"
        nobody = Subject.unknown(SubjectId(""))
        fresh = self._fresh_event()
        events = [(fresh, event) for event in decide(nobody, command, self._rules(overlay, fresh))]
        stream = f"{RULEBOOK_STREAM}{read_edition(command.text).rulebook}"
        before = overlay.rulebook_version(stream)
        if request.expected_version is not None and not _fits(before, request.expected_version):
            raise StaleVersion(expected=request.expected_version, actual=before)
        return _Plan(
            stream=stream,
            version=before + len(events),
            position=self._position,
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

    def _rules(self, overlay: "_Overlay", fresh: EventId) -> Rules:
        return Rules(
            rulebooks=overlay.rulebooks, calendar=self._calendar, today=self._today(), fresh=fresh
        )

    # What is kept between batches ----------------------------------------------------------------

    def _refresh(self) -> None:
        """Drop every kept state that another process has moved on, and take in new editions."""
        position, streams = (
            self._sequencer.streams_changed(self._position) if self._position else (0, None)
        )
        if streams is None:
            self._forget()
            position, streams = self._sequencer.streams_under(RULEBOOK_STREAM)
        rulebooks = [stream for stream in streams if stream.startswith(RULEBOOK_STREAM)]
        for stream in streams:
            self._states.pop(stream, None)
        for stored in self._sequencer.read(rulebooks) if rulebooks else ():
            self._take_edition(stored.stream, stored.version, self._codec.event(stored))
        self._position = position

    def _forget(self) -> None:
        """Drop all that was kept."""
        self._states.clear()
        self._rulebooks = Rulebooks()
        self._rulebook_versions = {}

    def _take_edition(self, stream: str, version: int, event: Event) -> None:
        if version <= self._rulebook_versions.get(stream, 0):
            return
        self._rulebook_versions[stream] = version
        if isinstance(event, RulebookEditionPublished):
            self._rulebooks = self._rulebooks.with_edition(read_edition(event.text))

    def _keep(self, plan: _Plan, first: int, last: int) -> None:
        """Keep the state after an append.

        Positions that follow ours without a gap need no refresh.
        """
        if first == self._position + 1:
            self._position = last
        if plan.after is None:
            for offset, (_, event) in enumerate(plan.events, start=1 - len(plan.events)):
                self._take_edition(plan.stream, plan.version + offset, event)
            return
        self._states[plan.stream] = plan.after
        self._states.move_to_end(plan.stream)
        while len(self._states) > STATES_KEPT:
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

    def find(self, identifiers: Sequence[Identifier]) -> Mapping[Identifier, SubjectId]:
        """The subjects that these identifiers name."""
        return self._identities.find(identifiers)

    def new_subject(self) -> SubjectId:
        """An id for a subject that no identifier leads to."""
        return self._fresh_subject()


class Rehearsal:
    """What requests would come to, each on the state after all that were rehearsed before it.

    Nothing is recorded. Others may record meanwhile, so it is no promise. Made by
    `Service.rehearsal`, and used by the thread that uses the service.
    """

    def __init__(self, service: Service) -> None:
        """Begin from what is recorded now."""
        self._service = service
        self._overlay = _Overlay(service, ())

    def record(self, batch: Sequence[Request]) -> tuple[Preview | Unchanged | Refused, ...]:
        """What the requests would come to; keys are not looked at."""
        self._overlay.take_in(batch)
        return tuple(self._outcome(request) for request in batch)

    def _outcome(self, request: Request) -> Preview | Unchanged | Refused:
        service = self._service
        try:
            plan = service._plan(request, self._overlay)  # noqa: SLF001  # part of the service
        except Refused as refusal:
            return refusal
        version, position = plan.version, service.position
        if not plan.events:
            return Unchanged(stream=plan.stream, version=version, position=position)
        self._overlay.keep(plan)
        return Preview(
            stream=plan.stream,
            version=version - len(plan.events),
            position=position,
            events=plan.events,
        )


class _Overlay:
    """The states of one attempt: what was read, overlaid by what the batch has decided so far."""

    def __init__(self, service: Service, requests: Sequence[Request]) -> None:
        self._service = service
        self._claimed: dict[Identifier, SubjectId] = {}
        self._states: dict[str, Subject] = {}
        self.take_in(requests)
        self._planned: set[str] = set()
        self.rulebooks = service._rulebooks  # noqa: SLF001  # the overlay is part of the service
        self._rulebook_versions = dict(service._rulebook_versions)  # noqa: SLF001  # likewise

    def take_in(self, requests: Sequence[Request]) -> None:
        """Read what these requests are about, and is not known yet."""
        self._claimed = {**self._service.find(list(_identifiers(requests))), **self._claimed}
        named = {request.subject for request in requests if isinstance(request.subject, str)}
        wanted = (named | set(self._claimed.values())) - self._states.keys()
        self._states |= self._service.states(wanted)

    def subject(self, request: Request) -> Subject:
        """The state of the request's subject after the earlier requests of the batch.

        Raises:
            UnknownSubject: nothing is registered under that id or identifier.
            IdentifiersOfTwoSubjects: the identifiers lead to more than one subject.
        """
        if isinstance(request.subject, str):
            found = self._states[request.subject]
            if found.version == 0:
                raise UnknownSubject(subject=request.subject)
            return found
        first = request.commands[0]
        wanted = request.subject or ()
        if not wanted and isinstance(first, RegisterSubject):
            wanted = tuple(key for one in first.identifiers for key in index_keys(one))
        holders = sorted({self._claimed[one] for one in wanted if one in self._claimed})
        if len(holders) > 1:
            raise IdentifiersOfTwoSubjects(subjects=tuple(holders))
        if holders:
            return self._states[holders[0]]
        if isinstance(first, RegisterSubject) and request.subject is None:
            return Subject.unknown(self._service.new_subject())
        raise UnknownSubject(subject=", ".join(one.value for one in wanted))

    def rulebook_version(self, stream: str) -> int:
        """How many records the rulebook's stream holds, the batch's own included."""
        return self._rulebook_versions.get(stream, 0)

    def check_free(self, claims: Iterable[Identifier], subject: SubjectId) -> None:
        """Refuse to give the subject what leads to another one.

        Raises:
            IdentifierTaken: another subject holds one of `claims`.
        """
        for one in claims:
            holder = self._claimed.get(one, subject)
            if holder != subject:
                raise IdentifierTaken(kind=one.kind, value=one.value, holder=holder)

    def follows(self, stream: str) -> tuple[str, ...]:
        """The streams of earlier requests of the batch that a decision on `stream` rests on.

        Its own, and those of rulebooks: every decision rests on the editions.
        """
        return tuple(sorted(self._planned.intersection((stream, *self._rulebook_versions))))

    def keep(self, plan: _Plan) -> None:
        """Let later requests of the batch see what this one decided."""
        self._planned.add(plan.stream)
        if plan.after is not None:
            self._states[plan.stream] = plan.after
            self._claimed |= dict.fromkeys(plan.claims, SubjectId(plan.stream))
            return
        self._rulebook_versions[plan.stream] = plan.version
        for _, event in plan.events:
            if isinstance(event, RulebookEditionPublished):
                self.rulebooks = self.rulebooks.with_edition(read_edition(event.text))


def _identifiers(requests: Sequence[Request]) -> Iterable[Identifier]:
    """Every identifier by which these requests name a subject, or which they would give to one."""
    for request in requests:
        if isinstance(request.subject, tuple):
            yield from request.subject
        for command in request.commands:
            if isinstance(command, RegisterSubject):
                for identifier in command.identifiers:
                    yield from index_keys(identifier)
            elif isinstance(command, AddIdentifier):
                yield from index_keys(command.identifier)


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


def _append_of(request: Request, plan: _Plan, codec: Codec) -> Append:
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


def _fits(actual: int, expected: int) -> bool:
    return actual > 0 if expected == EXISTS else actual == expected
