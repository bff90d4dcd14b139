"""Every refusal: what the rules of the ledger, or of an instrument, forbid.

A refusal is an answer, not a fault: nothing was recorded. Its message carries the values and the
remedy, `rule` cites what forbids it, and `field` is the path of the command's field at fault
(`basis/document_number`). How a kind of refusal is said over HTTP is known to `api/problems.py`
alone.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Final, Self

from .folding import NameProblem
from .identifiers import IdentifierKind, SubjectId
from .values import EventId


class RefusalKind(StrEnum):
    """What sort of answer a refusal is."""

    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    INVALID = "invalid"
    FORBIDDEN_BY_RULES = "forbidden-by-rules"


_NOT_FOUND: Final = RefusalKind.NOT_FOUND
_CONFLICT: Final = RefusalKind.CONFLICT
_INVALID: Final = RefusalKind.INVALID
_FORBIDDEN: Final = RefusalKind.FORBIDDEN_BY_RULES

_ONE_HOLDER: Final = "an identifier leads to one subject"


class Refused(Exception):
    """The rules forbid it; nothing was recorded.

    Each class names its `code`, a promise to those who read answers by machine, and its `kind`;
    `cites` is the rule of the ledger itself, cited where no instrument is.
    """

    code: ClassVar[str]
    kind: ClassVar[RefusalKind]
    cites: ClassVar[str | None]

    def __init_subclass__(cls, *, code: str, kind: RefusalKind, cites: str | None = None) -> None:
        """Take the class's code and kind from its first line."""
        super().__init_subclass__()
        cls.code, cls.kind, cls.cites = code, kind, cites

    def __init__(self, message: str, *, rule: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.rule = rule or self.cites
        self.field = field

    def under(self, field: str) -> Self:
        """This refusal, of a command that stands in `field` of another one."""
        self.field = f"{field}/{self.field}" if self.field else field
        return self


# What is not there -------------------------------------------------------------------------------


class UnknownSubject(Refused, code="unknown-subject", kind=_NOT_FOUND):
    """Nothing is registered under that id or identifier."""

    def __init__(self, *, subject: str) -> None:
        super().__init__(f"no subject is registered as {subject}; register it first")


class UnknownFinding(Refused, code="unknown-finding", kind=_NOT_FOUND):
    """The subject has no finding of that id."""

    def __init__(self, *, finding: str, field: str = "finding") -> None:
        super().__init__(_not_here("finding", finding), field=field)


class UnknownCommitment(Refused, code="unknown-commitment", kind=_NOT_FOUND):
    """The subject has no commitment of that id."""

    def __init__(self, *, commitment: str, field: str = "commitment") -> None:
        super().__init__(_not_here("commitment", commitment), field=field)


class UnknownRestoration(Refused, code="unknown-restoration", kind=_NOT_FOUND):
    """The subject has no restoration of that id."""

    def __init__(self, *, restoration: str, field: str = "restoration") -> None:
        super().__init__(_not_here("restoration", restoration), field=field)


class UnknownListing(Refused, code="unknown-listing", kind=_NOT_FOUND):
    """The subject has no listing of that id, or none on that list."""

    def __init__(self, *, listing: str, field: str = "listing") -> None:
        super().__init__(_not_here("listing", listing), field=field)


class UnknownRulebook(Refused, code="unknown-rulebook", kind=_NOT_FOUND):
    """No edition of that rulebook was published."""

    def __init__(self, *, rulebook: str, field: str = "rulebook") -> None:
        message = f"no edition of rulebook {rulebook} was published; publish one first"
        super().__init__(message, field=field)


# Who a subject is --------------------------------------------------------------------------------


class NoIdentifier(
    Refused, code="no-identifier", kind=_INVALID, cites="a subject is known by its codes"
):
    """A subject without any identifier could never be found again."""

    def __init__(self) -> None:
        message = "no identifier was given; send a credit code or another code of the body"
        super().__init__(message, field="identifiers")


class NotAnIdentifier(
    Refused, code="invalid-identifier", kind=_INVALID, cites="GB 32100-2015, GB 11714-1997"
):
    """A code is not what its kind asks for; the code itself is not repeated."""

    def __init__(self, *, reason: str, remedy: str, field: str) -> None:
        super().__init__(f"not a valid identifier ({reason}): {remedy}", field=field)
        self.reason = reason


class NaturalPersonNotRecorded(
    Refused, code="natural-person", kind=_INVALID, cites="no natural person before sealing"
):
    """A natural person, or the number of one; the number is never repeated."""

    def __init__(self, *, field: str) -> None:
        message = "natural persons are not recorded yet; send the code of a body"
        super().__init__(message, field=field)


class IdentifiersDisagree(
    Refused,
    code="identifiers-disagree",
    kind=_INVALID,
    cites="places 9 to 17 of a credit code are the organisation code (GB 32100-2015)",
):
    """Two codes that cannot both belong to one subject."""

    def __init__(self, *, first: str, second: str, field: str = "identifiers") -> None:
        message = f"{first} and {second} cannot belong to one subject; find out which is right"
        super().__init__(message, field=field)


class IdentifiersOfTwoSubjects(
    Refused, code="identifiers-of-two-subjects", kind=_CONFLICT, cites=_ONE_HOLDER
):
    """The codes lead to more than one subject."""

    def __init__(self, *, subjects: tuple[SubjectId, ...]) -> None:
        holders = ", ".join(subjects)
        message = f"the identifiers lead to {holders}; send those of one, or merge the subjects"
        super().__init__(message, field="identifiers")
        self.subjects = subjects


class IdentifierTaken(Refused, code="identifier-taken", kind=_CONFLICT, cites=_ONE_HOLDER):
    """Another subject holds the code."""

    def __init__(self, *, kind: IdentifierKind, value: str, holder: SubjectId) -> None:
        message = f"{kind} {value} belongs to subject {holder}; merge the subjects first"
        super().__init__(message, field="identifier")
        self.holder = holder


class InvalidName(
    Refused, code="invalid-name", kind=_INVALID, cites="a name is stored as it was sent"
):
    """A name that cannot be recorded, with all its problems."""

    def __init__(self, *, problems: Sequence[NameProblem], field: str) -> None:
        said = "; ".join(f"{problem.reason}: {problem.hint}" for problem in problems)
        super().__init__(said, field=field)
        self.problems = tuple(problems)


class RoleAlreadyHeld(Refused, code="role-already-held", kind=_CONFLICT):
    """The subject acts in the role on that day already."""

    def __init__(self, *, role: str, since: date, until: date | None) -> None:
        span = f"since {since}" if until is None else f"from {since}, before {until}"
        message = f"the subject acts as {role} {span}; give a day outside of that"
        super().__init__(message, field="effective_on")


class RoleNotHeld(Refused, code="role-not-held", kind=_CONFLICT):
    """The subject does not act in the role."""

    def __init__(self, *, role: str) -> None:
        super().__init__(f"the subject does not act as {role}; give the role first", field="role")


# What was sent -----------------------------------------------------------------------------------


class StaleVersion(Refused, code="stale-version", kind=_CONFLICT):
    """The subject is not at the version that the command is bound to."""

    def __init__(self, *, expected: int, actual: int) -> None:
        bound = "an existing subject" if expected < 0 else f"version {expected}"
        super().__init__(f"the command is bound to {bound}, found was {actual}; read it again")
        self.expected, self.actual = expected, actual


class CommandVoided(Refused, code="voided", kind=_CONFLICT):
    """The command under this key was sequenced and lost against another history, for ever."""

    def __init__(self, *, position: int) -> None:
        message = f"position {position} says that the command under this key was never entered"
        super().__init__(f"{message} and never will be; send it again under a new key")
        self.position = position


class KeyReused(Refused, code="idempotency-key-reused", kind=_INVALID):
    """The idempotency key was used for another command."""

    def __init__(self, *, first: int) -> None:
        message = f"the key belongs to another command, recorded at position {first}"
        super().__init__(f"{message}; send a new command under a new key")
        self.first = first


class InvalidValue(Refused, code="invalid-value", kind=_INVALID):
    """A value that the command cannot carry; `why` says what it can."""

    def __init__(self, *, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}", field=field)


class RecordTooLarge(
    Refused, code="record-too-large", kind=_INVALID, cites="a record holds at most 60 KiB of facts"
):
    """What the command would record does not fit into one record of the log."""

    def __init__(self, *, event: str, size: int, limit: int) -> None:
        message = f"{event} would take {size} bytes, at most {limit} fit; shorten the texts"
        super().__init__(f"{message}, or name the full ones by their hash as evidence")
        self.size = size


class InTheFuture(
    Refused, code="in-the-future", kind=_INVALID, cites="what is recorded has happened"
):
    """A date that happened lies after today."""

    def __init__(self, *, field: str, day: date, today: date) -> None:
        message = f"{field} {day} lies after today, {today} in Asia/Shanghai; send it when it comes"
        super().__init__(message, field=field)


class TooLongAgo(
    Refused, code="too-long-ago", kind=_INVALID, cites="the ledger begins on 1949-10-01"
):
    """A date before the first day of which the ledger speaks."""

    def __init__(self, *, field: str, day: date, first: date) -> None:
        super().__init__(f"{field} {day} lies before {first}; look for a typing error", field=field)


class TooFarAhead(
    Refused, code="too-far-ahead", kind=_INVALID, cites="the ledger sees 100 years ahead"
):
    """A date after the last day of which the ledger speaks."""

    def __init__(self, *, field: str, day: date, last: date) -> None:
        message = f"{field} {day} lies after {last}; leave out the end of what has none"
        super().__init__(message, field=field)


class EndsBeforeItBegins(
    Refused,
    code="ends-before-it-begins",
    kind=_INVALID,
    cites="what begins holds for a day or more",
):
    """An end that leaves not one day."""

    def __init__(self, *, field: str, ends: date, begins: date) -> None:
        message = f"{field} {ends} leaves no day to what begins on {begins}; mend one of the two"
        super().__init__(message, field=field)


class OutOfOrder(
    Refused, code="out-of-order", kind=_INVALID, cites="what follows from something comes after it"
):
    """A date before one that must come first; `which` says what happened on that one."""

    def __init__(self, *, field: str, day: date, not_before: date, which: str) -> None:
        message = f"{field} {day} lies before {not_before}, {which}; mend one of the two"
        super().__init__(message, field=field)


# What stands on record already -------------------------------------------------------------------


class _OfRecorded:
    """Because of the record `fact`; whoever knows positions adds that of the record with `at`."""

    args: tuple[object, ...]
    fact: EventId
    message: str
    position: int | None = None

    def at(self, position: int) -> Self:
        """This refusal, which now says where the record stands."""
        self.position = position
        self.message = self.message.replace(self.fact, f"{self.fact} at position {position}", 1)
        self.args = (self.message,)
        return self


class DiffersFromRecorded(
    _OfRecorded,
    Refused,
    code="differs-from-recorded",
    kind=_CONFLICT,
    cites="a fact is recorded once under its natural key; a wrong record is corrected",
):
    """The same fact is on record with other content; `fields` are the paths of what differs.

    `field` is the first of them as the command has it, where it stands elsewhere in the fact.
    """

    def __init__(self, *, fact: EventId, fields: tuple[str, ...], field: str | None = None) -> None:
        differing = ", ".join(fields)
        message = f"recorded as {fact} with other content in {differing}; correct what is wrong"
        super().__init__(message, field=field or fields[0])
        self.fact, self.fields = fact, fields


class AlreadyAnnulled(
    _OfRecorded,
    Refused,
    code="already-annulled",
    kind=_CONFLICT,
    cites="what was annulled stays annulled; a new decision is a new fact",
):
    """The fact was set aside from its start."""

    def __init__(self, *, fact: EventId, field: str | None = None) -> None:
        message = f"{fact} was annulled; record a new decision under its own document number"
        super().__init__(message, field=field)
        self.fact = fact


class AlreadyPending(Refused, code="already-pending", kind=_CONFLICT):
    """The same thing was asked for before and has not been decided."""

    def __init__(self, *, fact: EventId) -> None:
        super().__init__(f"{fact} asks for this and is not decided yet; decide it first")
        self.fact = fact


class AlreadySettled(Refused, code="already-settled", kind=_CONFLICT):
    """The matter has come to its end; `how`, and on which day."""

    def __init__(self, *, fact: EventId, how: str, on: date | None) -> None:
        day = "" if on is None else f" on {on}"
        super().__init__(f"{fact} was {how}{day}; it can change no more")
        self.fact = fact


class NotYetDecided(Refused, code="not-yet-decided", kind=_CONFLICT):
    """The matter has not come far enough; `instead` says what can be done with it."""

    def __init__(self, *, fact: EventId, instead: str) -> None:
        super().__init__(f"{fact} is not decided yet; {instead}")
        self.fact = fact


# What an instrument forbids ----------------------------------------------------------------------


class NoEditionOn(
    Refused,
    code="no-edition",
    kind=_FORBIDDEN,
    cites="the edition that applies is the one in force on the day of the decision",
):
    """No edition of the rulebook was in force on the day."""

    def __init__(self, *, rulebook: str, day: date, field: str, known: Sequence[str]) -> None:
        message = f"no edition of {rulebook} was in force on {day}; published: {', '.join(known)}"
        super().__init__(message, field=field)


class UnknownAct(Refused, code="unknown-act", kind=_FORBIDDEN):
    """The edition has no such act."""

    def __init__(self, *, act: str, edition: str, known: Sequence[str]) -> None:
        message = f"{edition} knows no act {act}; it knows: {', '.join(known) or 'none'}"
        super().__init__(message, rule=edition, field="act")


class ActNeedsGround(Refused, code="act-needs-ground", kind=_FORBIDDEN):
    """The act can be found only on the ground of another fact, which stands."""

    def __init__(self, *, act: str, ground: str, rule: str) -> None:
        message = f"{act} must rest on {ground} of this subject; name it in rests_on"
        super().__init__(message, rule=rule, field="rests_on")


class NotWaivable(Refused, code="not-waivable", kind=_FORBIDDEN):
    """The edition lets nobody leave the act undetermined."""

    def __init__(self, *, act: str, rule: str) -> None:
        message = f"{act} cannot be left undetermined; determine it, or record nothing"
        super().__init__(message, rule=rule, field="act")


class AssessmentOutOfRange(Refused, code="assessment-out-of-range", kind=_INVALID):
    """Points that no indicator leaves to an assessment; `allowed` says what it does leave."""

    def __init__(self, *, points: Decimal, allowed: str, field: str, rule: str | None) -> None:
        message = f"{points} points cannot be given: {allowed}"
        super().__init__(message, rule=rule, field=field)


class NothingToRestore(Refused, code="nothing-to-restore", kind=_FORBIDDEN):
    """The fact has no consequence that a restoration under this rulebook could end."""

    def __init__(self, *, why: str, rule: str, field: str = "of") -> None:
        super().__init__(why, rule=rule, field=field)


class TooEarly(Refused, code="too-early", kind=_FORBIDDEN):
    """The waiting period before a restoration has not passed."""

    def __init__(self, *, asked: str, earliest: date, rule: str, field: str) -> None:
        super().__init__(f"restoration may be {asked} from {earliest}", rule=rule, field=field)
        self.earliest = earliest


class PreviousRestorationTooRecent(
    Refused, code="previous-restoration-too-recent", kind=_FORBIDDEN
):
    """Another restoration was granted too short a while ago."""

    def __init__(
        self, *, granted_on: date, asked: str, earliest: date, rule: str, field: str
    ) -> None:
        message = f"after the restoration of {granted_on} one may be {asked} from {earliest}"
        super().__init__(message, rule=rule, field=field)
        self.earliest = earliest


class NewDeterminationSinceRequest(
    Refused, code="new-determination-since-request", kind=_FORBIDDEN
):
    """New dishonest conduct was found while the request was under review."""

    def __init__(self, *, finding: EventId, decided_on: date, rule: str) -> None:
        message = f"determination {finding} of {decided_on} came after the request; refuse it"
        super().__init__(message, rule=rule, field="restoration")


class NotRequested(
    Refused,
    code="not-requested",
    kind=_FORBIDDEN,
    cites="a restoration given here answers a request; one given elsewhere is recorded as it is",
):
    """A restoration is granted here only on a request."""

    def __init__(self) -> None:
        message = "record the request first, or send channel decided-elsewhere"
        super().__init__(message, field="restoration")


# The rules themselves ----------------------------------------------------------------------------


class EditionRefused(Refused, code="edition-refused", kind=_INVALID):
    """The text is no edition; `problems` are all that was found, each with its place."""

    def __init__(self, *, problems: Sequence[object]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems), field="text")
        self.problems = tuple(problems)


class DraftEdition(
    Refused, code="draft-edition", kind=_FORBIDDEN, cites="a draft is never answered from"
):
    """A draft is not law."""

    def __init__(self, *, edition: str) -> None:
        super().__init__(f"{edition} is a draft; publish what was adopted", field="text")


class EditionIsImmutable(
    Refused, code="edition-is-immutable", kind=_CONFLICT, cites="an edition is never edited"
):
    """The edition was published with another text."""

    def __init__(self, *, edition: str) -> None:
        message = f"{edition} was published with another text; publish a successor"
        super().__init__(message, field="text")


class EditionsOverlap(
    Refused, code="editions-overlap", kind=_CONFLICT, cites="one edition is in force on a day"
):
    """Two editions of a rulebook would begin on the same day."""

    def __init__(self, *, edition: str, other: str, day: date) -> None:
        message = f"{edition} and {other} would both begin on {day}; give another first day"
        super().__init__(message, field="text")


def _not_here(what: str, name: str) -> str:
    return f"this subject has no {what} {name}; look it up in the subject's timeline"
