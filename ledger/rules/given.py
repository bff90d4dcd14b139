"""What a decision rests on besides the subject, and how it cites its rule."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ..calendar import Calendar
from ..events import Channel
from ..refusals import NoEditionOn, Refused, UnknownRulebook
from ..rulebook import Edition, Mark, Rulebooks
from ..values import EventId, Line

__all__ = ["Rules", "cite", "clause_of", "edition_on", "irregularity", "unless_elsewhere"]

_LINE_MAX = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rulebooks published so far, the calendar, the day in Asia/Shanghai, and a fresh id.

    `fresh` is the id of the record that opens a fact, if the command opens one.
    """

    rulebooks: Rulebooks
    calendar: Calendar
    today: date
    fresh: EventId


def edition_on(rules: Rules, rulebook: str, day: date, field: str) -> Edition:
    """The edition of the rulebook in force on `day`, which the command gives in `field`.

    Raises:
        NoEditionOn: none was in force.
        UnknownRulebook: none was ever published.
    """
    edition = rules.rulebooks.on(rulebook, day)
    if edition is not None:
        return edition
    published = rules.rulebooks.of(rulebook)
    if not published:
        raise UnknownRulebook(rulebook=rulebook)
    known = [
        f"{one.id} from {one.from_}" + ("" if one.until is None else f", before {one.until}")
        for one in published
    ]
    raise NoEditionOn(rulebook=rulebook, day=day, field=field, known=known)


def cite(edition: str, mark: Mark | None = None) -> str:
    """The clause of an edition, as refusals and irregular facts name it: `cnipa-2022-8 art. 13`."""
    return edition if mark is None or mark.clause is None else f"{edition} art. {mark.clause}"


def clause_of(mark: Mark | None) -> Line | None:
    """The clause of a term, as an event keeps it; null where there is none."""
    return None if mark is None or mark.clause is None else Line(mark.clause)


def irregularity(*broken: tuple[str, str | None]) -> Line | None:
    """How a fact decided elsewhere says which rules it broke, each given as what and the rule."""
    said = [what if rule is None else f"{what}: {rule}" for what, rule in broken]
    return Line("; ".join(said)[:_LINE_MAX]) if said else None


def unless_elsewhere(channel: Channel, breaches: Iterable[Refused]) -> Line | None:
    """Refuse what is decided here and breaks a rule; of what was decided elsewhere say which.

    Raises:
        Refused: the first of the breaches.
    """
    found = tuple(breaches)
    if found and channel is Channel.DECIDED_HERE:
        raise found[0]
    return irregularity(*((breach.message, breach.rule) for breach in found))
