"""An API process: when it serves, how it sequences, and what it answers, by the protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from infra.batch import Admitted, Row
from infra.reader import PlaceLost, Reader
from ledger.record import Head, chain_hash, leaf_hash
from ledger.sequencing import Append, AppendOutcome, CommandRecord, Draft, KeyKnown, VersionConflict

from .kafka import Unreachable
from .postgres import State
from .requests import Answer, Call, Operation, Told, name_of
from .signing import sign
from .site import Site

__all__ = ["UNENTERED_MAX", "Api"]

UNENTERED_MAX: Final = 24
"""So many records may be sequenced and not entered before commands are answered 503."""
_TRANSACTION_MAX: Final = 2
_ATTEMPTS_MAX: Final = 3
_WAIT_S: Final = 2.0
_READ_LIMITS: Final = (1, 3, 8, 50)


_Outcome = Row | VersionConflict | None
"""The last record of what a command did; why it did nothing; null where no answer can be given."""


class NotServing(RuntimeError):
    """Step 1 of the transaction found no row: the ledger is another instance's, or not open."""


class LineCut(RuntimeError):
    """The connection was lost while the commit was under way."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    call: Call
    last: int
    chain: bytes
    since: float


class Api:
    """One process: requests that came in, a follower of the log, and who waits for it."""

    def __init__(self, site: Site) -> None:
        """A process that has accepted nothing and knows nothing yet."""
        self.site = site
        self.is_busy = False
        self.cut_rate = 0.0
        """How often the line is cut while a commit is under way."""
        self.begin()

    def begin(self) -> None:
        """As it is at its start."""
        self.inbox: list[Call] = []
        self.questions: list[Call] = []
        self._in_hand: list[Call] = []
        self.entered = Head()
        """The furthest head that its follower has accepted."""
        self.reader: Reader | None = None
        self._waiting: list[_Waiting] = []
        self._incarnation: str | None = None
        self._versions: dict[str, int] = {}

    def begin_anew(self) -> None:
        """A crash: nobody who waits is answered."""
        asked = [*self.inbox, *self.questions, *self._in_hand]
        for call in [*asked, *(one.call for one in self._waiting)]:
            call.completed = call.completed or self.site.around.clockwork.tick()
        self.begin()

    def step(self) -> None:
        """Follow the log, write what came in, tell what a key did, or give up waiting."""
        match self.site.around.clockwork.random.randrange(5):
            case 0 | 1:
                self.follow()
            case 2:
                self._write()
            case 3:
                self._tell_outcome()
            case _:
                self._expire()

    # The follower --------------------------------------------------------------------------------

    def follow(self) -> None:
        """Read on, as far as that is possible now; whoever waits goes on waiting."""
        try:
            self._follow()
        except (PlaceLost, Unreachable) as error:
            self.site.around.clockwork.tell(f"{self} reads anew: {error!r}")
            self.reader = None

    def _follow(self) -> None:
        """Read on; who waited for what is accepted now is answered 201."""
        if self.reader is None or self.reader.place.topic_id != self.site.topic().topic_id:
            self.reader = self.site.reader()
            self._begin_at(self.reader.place.head)
        before = self.reader.moved_back
        batches = self.reader.poll(self.site.around.clockwork.random.choice(_READ_LIMITS))
        self.site.around.observations.note(str(self), batches)
        if self.reader.moved_back > before:
            self.site.is_gate_wanted = True
        for batch in batches:
            for record in batch.records:
                assert record.fields is not None, "an accepted record has its fields"
                self._tell(record.fields.position, record.fields.prev, record.value)
            if batch.place.position > self.entered.position:
                self.entered = batch.place.head

    def _begin_at(self, head: Head) -> None:
        """What another reader has accepted up to a stored place is entered, without being read."""
        if head.position > self.entered.position:
            self.entered = head
        state = self.site.server.state
        for one in list(self._waiting):
            row = state.rows[one.last - 1] if one.last <= len(state.rows) else None
            if row is not None and row.chain == one.chain and self.has_entered(state, row):
                self._waiting.remove(one)
                self._answer(one.call, Answer(code=201, told=_receipt(row)))

    def _tell(self, position: int, prev: bytes, value: bytes) -> None:
        leaf = leaf_hash(value)
        chain = chain_hash(prev, leaf)
        told = [one for one in self._waiting if (one.last, one.chain) == (position, chain)]
        self._waiting = [one for one in self._waiting if one not in told]
        receipt = Told(position=position, leaf=leaf, chain=chain)
        for one in told:
            self._answer(one.call, Answer(code=201, told=receipt))

    def _expire(self) -> None:
        now = self.site.around.clockwork.now
        for one in [one for one in self._waiting if now - one.since > _WAIT_S]:
            self._waiting.remove(one)
            self._answer(one.call, Answer(code=202))

    def _answer(self, call: Call, answer: Answer) -> None:
        call.answer = answer
        call.completed = self.site.around.clockwork.tick()
        key = name_of(call.operation.key)
        self.site.around.clockwork.tell(f"{self} answers {answer.code} to {key}")

    # Serving -------------------------------------------------------------------------------------

    def serves(self) -> bool:
        """Whether the process may sequence, and answer for keys."""
        state = self.site.server.state
        if not self._is_open(state):
            self.site.is_gate_wanted = True
            return False
        return (
            self.has_entered_term(state)
            and state.has(self.entered)
            and len(state.rows) - self.entered.position <= UNENTERED_MAX
        )

    def has_entered_term(self, state: State) -> bool:
        """Whether the follower has accepted the `term-opened` of the present term."""
        return self.entered.term == state.term

    def _is_open(self, state: State) -> bool:
        if not self.finds_row(state):
            return False
        if state.incarnation != self._incarnation:
            self._incarnation = state.incarnation
            self._versions = {}
        return True

    def finds_row(self, state: State) -> bool:
        """Whether the ledger is open and the instance that opened its term answers."""
        return state.status == "open" and state.instance == self.site.server.here

    # Sequencing ----------------------------------------------------------------------------------

    def _write(self) -> None:
        calls, self.inbox = self.inbox[:_TRANSACTION_MAX], self.inbox[_TRANSACTION_MAX:]
        if not calls:
            return
        if not self.serves():
            for call in calls:
                self._answer(call, Answer(code=503))
            return
        self._in_hand = calls
        self.site.around.clockwork.point("api before its transaction")
        self._record(calls)
        self._in_hand = []

    def _record(self, calls: Sequence[Call]) -> None:
        for _ in range(_ATTEMPTS_MAX):
            calls = self._without_refused(calls)
            if not calls:
                return
            outcomes: Sequence[_Outcome]
            try:
                outcomes = self._transaction(calls)
            except LineCut:
                outcomes = self._settled(calls)
            except NotServing:
                self.site.is_gate_wanted = True
                outcomes = [None] * len(calls)
            self.site.around.clockwork.point("api after its commit")
            calls = self._take(calls, outcomes)
        for call in calls:
            self._answer(call, Answer(code=503))

    def _without_refused(self, calls: Sequence[Call]) -> list[Call]:
        """Those that the rules allow; the others are answered 412, decided on what is sequenced."""
        state = self.site.server.state
        allowed: list[Call] = []
        for call in calls:
            wanted = call.operation.if_match
            actual = state.versions.get(call.operation.subject, 0)
            if call.operation.key in state.commands or wanted in {None, actual}:
                allowed.append(call)
            else:
                self._answer(call, Answer(code=412))
        return allowed

    def _transaction(self, calls: Sequence[Call]) -> list[_Outcome]:
        clockwork, server = self.site.around.clockwork, self.site.server
        is_cut = clockwork.is_so(self.cut_rate)
        if is_cut and clockwork.is_so(0.5):
            raise LineCut("before the commit took effect")
        with server.transaction() as state:
            if not self.finds_row(state) or state.incarnation != self._incarnation:
                raise NotServing
            asked = [call for call in calls if call.operation.key not in state.voided]
            appends = [self._append(call.operation) for call in asked]
            answers = iter(state.append(appends, at=clockwork.instant(), sign=sign))
            found = [_outcome(state, next(answers)) if call in asked else None for call in calls]
        clockwork.tell(f"{self} commits {len(calls)} commands, up to {len(state.rows)}")
        if is_cut:
            raise LineCut("after the commit took effect")
        return found

    def _append(self, operation: Operation) -> Append:
        known = self._versions.get(operation.subject, 0)
        version = known if operation.if_match is None else operation.if_match
        drafts = tuple(
            Draft(
                stream=operation.subject,
                version=version + number,
                type="note",
                id=self.site.around.clockwork.fresh(),
                data=b"{}",
                critical=False,
            )
            for number in range(1, operation.records + 1)
        )
        return Append(drafts=drafts, key_hash=operation.key, command_hash="11" * 32, actor="local")

    def _settled(self, calls: Sequence[Call]) -> list[_Outcome]:
        """After a cut line: step 1 on a new connection, then the keys."""
        self.site.around.clockwork.point("api settles a commit of unknown outcome")
        state = self.site.server.state
        if not self.finds_row(state) or state.incarnation != self._incarnation:
            return [None] * len(calls)
        known = [state.commands.get(call.operation.key) for call in calls]
        return [None if one is None else state.rows[one.last - 1] for one in known]

    def _take(self, calls: Sequence[Call], outcomes: Sequence[_Outcome]) -> list[Call]:
        """Let those wait whose commands are sequenced; those to be tried again."""
        again: list[Call] = []
        for call, outcome in zip(calls, outcomes, strict=True):
            match outcome:
                case Row(version=version):
                    self._versions[call.operation.subject] = version
                    self.sequenced(call, outcome)
                case VersionConflict(stream=stream, actual=actual):
                    self._versions[stream] = actual
                    again.append(call)
                case _:
                    voided = self._voided(call.operation.key) if self.serves() else None
                    self._answer(call, voided or Answer(code=503))
        return again

    def sequenced(self, call: Call, last: Row) -> None:
        """A command stands in the records up to `last`: wait until it is entered."""
        if self.has_entered(self.site.server.state, last):
            self._answer(call, Answer(code=201, told=_receipt(last)))
            return
        now = self.site.around.clockwork.now
        self._waiting.append(_Waiting(call, last.position, last.chain, now))

    def has_entered(self, state: State, row: Row) -> bool:
        """Whether a record of PostgreSQL is known to be entered: the head behind it is there."""
        return (
            row.position <= self.entered.position
            and state.has(self.entered)
            and state.chain_at(row.position) == row.chain
        )

    # What a key did ------------------------------------------------------------------------------

    def _tell_outcome(self) -> None:
        """Answer the oldest question what a key did."""
        self.follow()
        if self.questions:
            self._say(self.questions.pop(0))

    def _say(self, call: Call) -> None:
        if not self.serves():
            self._answer(call, Answer(code=503))
            return
        state = self.site.server.state
        known = state.commands.get(call.operation.key)
        if known is None:
            self._answer(call, self._voided(call.operation.key) or Answer(code=404))
        elif self.has_entered(state, row := state.rows[known.last - 1]):
            self._answer(call, Answer(code=201, told=_receipt(row)))
        else:
            self._answer(call, Answer(code=202))

    def _voided(self, key: str) -> Answer | None:
        """The answer for a key that was voided: 409 once its record is entered."""
        at = self.site.server.state.voided.get(key)
        if at is None:
            return None
        return Answer(code=409 if at <= self.entered.position else 503)

    def __str__(self) -> str:
        return f"api of {self.site.name}"


def _outcome(state: State, answer: Admitted | AppendOutcome) -> _Outcome:
    """The last record of what the command did, or why it did nothing."""
    match answer:
        case Admitted(last=last) | KeyKnown(record=CommandRecord(last=last)):
            return state.rows[last - 1]
        case VersionConflict():
            return answer
        case _:
            raise AssertionError(f"nobody asked for what gives {answer}")


def _receipt(row: Row) -> Told:
    return Told(position=row.position, leaf=row.leaf, chain=row.chain)
