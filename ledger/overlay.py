"""The states of one attempt: what was read, overlaid by what the batch has decided so far."""

from collections.abc import Callable, Iterable, Sequence

from .commands import AddIdentifier, RegisterSubject
from .edition import read_edition
from .events import RulebookEditionPublished
from .identifiers import Identifier, SubjectId, index_keys
from .kept import Kept
from .plan import Plan
from .refusals import IdentifiersOfTwoSubjects, IdentifierTaken, UnknownSubject
from .requests import Request
from .sequencing import Identities
from .subject import Subject

__all__ = ["Overlay"]


class Overlay:
    """Each request of a batch sees the state as it is after the earlier ones."""

    def __init__(
        self,
        kept: Kept,
        identities: Identities,
        fresh_subject: Callable[[], SubjectId],
        requests: Sequence[Request],
    ) -> None:
        """Read what `requests` are about; `fresh_subject` gives an id for a subject yet unknown."""
        self._kept = kept
        self._identities = identities
        self._fresh_subject = fresh_subject
        self._claimed: dict[Identifier, SubjectId] = {}
        self._states: dict[str, Subject] = {}
        self.take_in(requests)
        self._planned: set[str] = set()
        self.rulebooks = kept.rulebooks
        self._rulebook_versions = dict(kept.rulebook_versions)

    def take_in(self, requests: Sequence[Request]) -> None:
        """Read what these requests are about, and is not known yet."""
        self._claimed = {**self._identities.find(list(_identifiers(requests))), **self._claimed}
        named = {request.subject for request in requests if isinstance(request.subject, str)}
        wanted = (named | set(self._claimed.values())) - self._states.keys()
        self._states |= self._kept.states(wanted)

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
            return Subject.unknown(self._fresh_subject())
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

    def keep(self, plan: Plan) -> None:
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
