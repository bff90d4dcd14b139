"""Publishing an edition: it must be readable, adopted, and not collide with what was published."""

from ..commands import PublishEdition, RulebookCommand
from ..edition import EditionError, read_edition
from ..events import RulebookEditionPublished, RulebookEvent
from ..refusals import DraftEdition, EditionIsImmutable, EditionRefused, EditionsOverlap
from ..rulebook import Edition, Status
from .given import Rules

__all__ = ["decide"]


def decide(command: RulebookCommand, rules: Rules) -> tuple[RulebookEvent, ...]:
    """What publishing comes to; an edition may begin on any day, past or to come.

    Raises:
        Refused: the text is no edition, is a draft, or another edition stands in its place.
    """
    edition = _read(command)
    if edition.status is Status.DRAFT:
        raise DraftEdition(edition=edition.id)
    published = rules.rulebooks.edition(edition.id)
    if published is not None:
        if published.digest != edition.digest:
            raise EditionIsImmutable(edition=edition.id)
        return ()
    for other in rules.rulebooks.of(edition.rulebook):
        if other.from_ == edition.from_:
            raise EditionsOverlap(edition=edition.id, other=other.id, day=other.from_)
    event = RulebookEditionPublished(
        rulebook=edition.rulebook,
        edition=edition.id,
        effective_on=edition.from_,
        digest=edition.digest,
        text=command.text,
    )
    return (event,)


def _read(command: PublishEdition) -> Edition:
    try:
        return read_edition(command.text)
    except EditionError as error:
        raise EditionRefused(problems=error.problems) from error
