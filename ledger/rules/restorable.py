"""What a restoration under an edition could end for a fact, and what forbids it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ..courses.restoration import dates_of, earliest_after_previous, earliest_day, follows
from ..events import Finding, ListingDecided
from ..refusals import (
    AlreadyAnnulled,
    InvalidValue,
    NothingToRestore,
    PreviousRestorationTooRecent,
    Refused,
    TooEarly,
    UnknownFinding,
)
from ..rulebook import (
    Edition,
    RefusalKind,
    RestorationRegime,
    Rulebooks,
    rulebook_of,
)
from ..values import EventId, RegimeId
from .given import cite
from .subjects import applies

if TYPE_CHECKING:
    from ..subject import Subject

__all__ = ["Restorable", "breaches", "restorable", "restoration_regimes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restorable:
    """A fact, and a restoration regime that ends some consequence of it.

    `ends` are those of the regime's regimes in which the fact has one that was not ended before.
    """

    fact: EventId
    place: int
    content: Finding | ListingDecided
    regime: RestorationRegime
    ends: tuple[RegimeId, ...]


def restorable(
    subject: "Subject", edition: Edition, of: Sequence[EventId], day: date, rulebooks: Rulebooks
) -> tuple[Restorable, ...]:
    """What a restoration asked on `day` under the edition could end, for each fact of `of`.

    Raises:
        AlreadyAnnulled: a fact was set aside, nothing follows from it.
        InvalidValue: no fact is named, or one twice.
        NothingToRestore: a fact has no consequence that this edition lets a restoration end.
        UnknownFinding: a fact is none of this subject.
    """
    if not of or len(set(of)) != len(of):
        why = "name one or more findings or listings, each once"
        raise InvalidValue(field="of", why=why)
    found = list[Restorable]()
    for place, fact in enumerate(of):
        content = _content(subject, fact, f"of/{place}", day, edition)
        ended = subject.restorations.ended.get(fact) or ()
        here = [
            Restorable(fact=fact, place=place, content=content, regime=regime, ends=ends)
            for regime in restoration_regimes(edition)
            if applies(regime.applies_to, subject.identity, day)
            and (ends := tuple(_open_ends(regime, content, ended, rulebooks)))
        ]
        if not here:
            why = (
                f"{fact} has no consequence that a restoration under {edition.id} could end,"
                " or a restoration ended it before"
            )
            raise NothingToRestore(why=why, rule=edition.id, field=f"of/{place}")
        found += here
    return tuple(found)


def restoration_regimes(edition: Edition) -> tuple[RestorationRegime, ...]:
    """The restoration regimes of an edition."""
    return tuple(one for one in edition.regimes if isinstance(one, RestorationRegime))


def breaches(
    subject: "Subject",
    edition: Edition,
    items: Sequence[Restorable],
    asked: tuple[str, str, date],
) -> Iterator[Refused]:
    """What the edition forbids about restoring these facts.

    Args:
        subject: whose facts they are.
        edition: under which it is asked.
        items: what the restoration would end.
        asked: what is done, the command's field, and its day: `("asked", "requested_on", day)`.
    """
    word, field, day = asked
    for item in items:
        earliest = earliest_day(item.regime, dates_of(item.content))
        if earliest is not None and day < earliest:
            mark = None if item.regime.earliest is None else item.regime.earliest.mark
            rule = cite(edition.id, mark)
            yield TooEarly(asked=word, earliest=earliest, rule=rule, field=field)
    for regime in dict.fromkeys(item.regime for item in items):
        yield from _too_soon_after_another(subject, edition, regime, asked)


def _too_soon_after_another(
    subject: "Subject", edition: Edition, regime: RestorationRegime, asked: tuple[str, str, date]
) -> Iterator[Refused]:
    word, field, day = asked
    granted = [
        one.decided_on
        for one in subject.restorations.standing_grants()
        if one.decided_on <= day and not set(one.regimes).isdisjoint(regime.ends)
    ]
    if not granted:
        return
    for ground in regime.refuse_if:
        if ground.kind is not RefusalKind.PREVIOUS_RESTORATION_WITHIN:
            continue
        earliest = earliest_after_previous(ground, max(granted))
        if day < earliest:
            yield PreviousRestorationTooRecent(
                granted_on=max(granted),
                asked=word,
                earliest=earliest,
                rule=cite(edition.id, ground.mark),
                field=field,
            )


def _content(
    subject: "Subject", fact: EventId, field: str, day: date, edition: Edition
) -> Finding | ListingDecided:
    """What the fact says, if it stands and still has consequences."""
    finding = subject.findings.held.get(fact)
    if finding is not None:
        if finding.annulled is not None:
            raise AlreadyAnnulled(fact=fact, field=field)
        return finding.content
    listing = subject.listings.held.get(fact)
    if listing is None or listing.decided is None:
        raise UnknownFinding(finding=fact, field=field)
    if listing.annulled is not None:
        raise AlreadyAnnulled(fact=fact, field=field)
    if listing.ended is not None and listing.ended.effective_on <= day:
        why = f"{fact} left its list on {listing.ended.effective_on}; nothing is left to end"
        raise NothingToRestore(why=why, rule=edition.id, field=field)
    return listing.decided


def _open_ends(
    regime: RestorationRegime,
    content: Finding | ListingDecided,
    ended: tuple[RegimeId, ...],
    rulebooks: Rulebooks,
) -> Iterator[RegimeId]:
    """The regimes that the restoration ends in which something follows from the fact."""
    for name in regime.ends:
        if name not in ended and any(
            follows(one, content)
            for edition in rulebooks.of(rulebook_of(name))
            if (one := edition.regime(name)) is not None
        ):
            yield name
