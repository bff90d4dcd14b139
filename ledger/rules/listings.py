"""Listings: which lists the subject is on or may come on, and what may be asked about that."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, assert_never

from ..commands import (
    AnnulListing,
    DecideListing,
    DropListing,
    EndListing,
    ListingCommand,
    ProposeListing,
)
from ..events import (
    ListingAnnulled,
    ListingDecided,
    ListingDropped,
    ListingEnded,
    ListingEvent,
    ListingProposed,
)
from ..refusals import (
    AlreadyAnnulled,
    AlreadyPending,
    AlreadySettled,
    DiffersFromRecorded,
    EndsBeforeItBegins,
    InvalidValue,
    NotYetDecided,
    UnknownListing,
)
from ..rulebook import Edition, ListingRegime, Rulebooks
from ..table import Table
from ..values import EventId, ListId
from .given import Rules, clause_of
from .grounds import check_ground
from .plausible import check_end, check_list, check_name, check_order
from .sameness import Key, differences

if TYPE_CHECKING:
    from datetime import date

    from ..subject import Subject

__all__ = ["HeldListing", "Listings", "decide", "evolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldListing:
    """A listing, proposed or decided or both, and how it ended."""

    proposed: ListingProposed | None = None
    decided: ListingDecided | None = None
    dropped: ListingDropped | None = None
    ended: ListingEnded | None = None
    annulled: ListingAnnulled | None = None

    @property
    def is_pending(self) -> bool:
        """Whether it was proposed and nothing has become of that yet."""
        return self.decided is None and self.dropped is None

    @property
    def is_standing(self) -> bool:
        """Whether it was decided and not set aside."""
        return self.decided is not None and self.annulled is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listings:
    """All listings of a subject by id, by natural key, and by list in the order they came."""

    held: Table[EventId, HeldListing] = field(default_factory=Table)
    filed: Table[Key, EventId] = field(default_factory=Table)
    on: Table[ListId, tuple[EventId, ...]] = field(default_factory=Table)


def decide(subject: "Subject", command: ListingCommand, rules: Rules) -> tuple[ListingEvent, ...]:
    """What a command on listings comes to.

    Raises:
        Refused: the days or the order of things cannot be, or the record stands otherwise.
    """
    listings = subject.listings
    match command:
        case ProposeListing():
            return _propose(subject, command, rules)
        case DecideListing():
            return _decide(subject, command, rules)
        case DropListing():
            return _drop(listings, command)
        case EndListing():
            return _end(listings, command)
        case AnnulListing():
            return _annul(listings, command)
        case _:
            assert_never(command)


def evolve(listings: Listings, event: ListingEvent) -> Listings:
    """The listings after an event."""
    listing = event.listing
    known = listings.held.get(listing)
    match event:
        case ListingProposed():
            proposed = HeldListing(proposed=event)
            return _with_new(listings, listing, event.list, proposed)
        case ListingDecided():
            decided = replace(known or HeldListing(), decided=event)
            after = (
                replace(listings, held=listings.held.with_entry(listing, decided))
                if known
                else _with_new(listings, listing, event.list, decided)
            )
            return replace(after, filed=after.filed.with_entry(natural_key(event), listing))
        case ListingDropped():
            changed = replace(known or HeldListing(), dropped=event)
        case ListingEnded():
            changed = replace(known or HeldListing(), ended=event)
        case ListingAnnulled():
            changed = replace(known or HeldListing(), annulled=event)
        case _:
            assert_never(event)
    return replace(listings, held=listings.held.with_entry(listing, changed)) if known else listings


def natural_key(decided: ListingDecided) -> Key:
    """The list and the put-on day; an unknown day is one and the same on each day of import."""
    return (decided.list, decided.effective_on if decided.dated else None)


# Coming on a list --------------------------------------------------------------------------------


def _propose(
    subject: "Subject", command: ProposeListing, rules: Rules
) -> tuple[ListingProposed, ...]:
    check_list("list", command.list)
    check_name("list_name", command.list_name)
    check_ground(subject, command.rests_on)
    proposed = ListingProposed(
        listing=rules.fresh,
        list=command.list,
        list_name=command.list_name,
        rests_on=command.rests_on,
        served_on=command.served_on,
        effective_on=command.effective_on,
        reason=command.reason,
        basis=command.basis,
    )
    for listing, held in _on(subject.listings, command.list):
        if held.proposed is not None and not differences(held.proposed, proposed):
            return ()
        if held.is_pending:
            raise AlreadyPending(fact=listing)
    return (proposed,)


def _decide(subject: "Subject", command: DecideListing, rules: Rules) -> tuple[ListingDecided, ...]:
    check_list("list", command.list)
    check_name("list_name", command.list_name)
    check_ground(subject, command.rests_on)
    check_end("term_ends_on", command.term_ends_on, command.effective_on)
    decided = _decided(command, rules)
    filed = subject.listings.filed.get(natural_key(decided))
    if filed is not None and command.listing in {None, filed}:
        _check_same(filed, _held(subject.listings, filed), decided)
        return ()
    if command.listing is not None:
        _check_proposal(command.listing, _held(subject.listings, command.listing), decided)
    if filed is not None:
        _check_same(filed, _held(subject.listings, filed), decided)
        raise DiffersFromRecorded(fact=filed, fields=("listing",))
    return (decided,)


def _decided(command: DecideListing, rules: Rules) -> ListingDecided:
    day = command.decided_on or command.effective_on
    found = _regime_of(command.list, day, rules.rulebooks)
    edition, regime = found or (None, None)
    entry = None if regime is None else regime.entry
    return ListingDecided(
        listing=command.listing or rules.fresh,
        list=command.list,
        list_name=command.list_name,
        rulebook=None if edition is None else edition.rulebook,
        edition=None if edition is None else edition.id,
        clause=clause_of(entry.mark if entry else None),
        rests_on=command.rests_on,
        decided_on=command.decided_on,
        effective_on=command.effective_on,
        dated=command.dated,
        published_on=command.published_on,
        term_ends_on=command.term_ends_on,
        reason=command.reason,
        channel=command.channel,
        origin=command.origin,
        irregular=None,
        basis=command.basis,
    )


def _regime_of(
    list_id: ListId, day: "date", rulebooks: Rulebooks
) -> tuple[Edition, ListingRegime] | None:
    """The edition in force on the day that names the list; of several the first by rulebook."""
    for rulebook in sorted({edition.rulebook for edition in rulebooks.editions}):
        edition = rulebooks.on(rulebook, day)
        for regime in () if edition is None else edition.regimes:
            if edition and isinstance(regime, ListingRegime) and regime.list == list_id:
                return edition, regime
    return None


def _check_same(listing: EventId, held: HeldListing, sent: ListingDecided) -> None:
    if held.annulled is not None:
        raise AlreadyAnnulled(fact=listing)
    assert held.decided is not None, f"{listing} is filed but not decided"
    # Where the day of import stands in for an unknown day, the day says nothing.
    same_day = sent if sent.dated else replace(sent, effective_on=held.decided.effective_on)
    fields = differences(held.decided, same_day)
    if fields:
        raise DiffersFromRecorded(fact=listing, fields=fields)


def _check_proposal(listing: EventId, held: HeldListing, sent: ListingDecided) -> None:
    if held.annulled is not None:
        raise AlreadyAnnulled(fact=listing, field="listing")
    if held.decided is not None:
        raise DiffersFromRecorded(fact=listing, fields=differences(held.decided, sent))
    if held.dropped is not None:
        raise AlreadySettled(fact=listing, how="dropped", on=held.dropped.effective_on)
    proposed = held.proposed
    assert proposed is not None, f"{listing} was neither proposed nor decided"
    if proposed.list != sent.list:
        why = f"{listing} proposes list {proposed.list}; send that one, or leave listing out"
        raise InvalidValue(field="list", why=why)
    check_order("effective_on", sent.effective_on, proposed.effective_on, "the day of the notice")


def _drop(listings: Listings, command: DropListing) -> tuple[ListingDropped, ...]:
    held = _held(listings, command.listing)
    dropped = ListingDropped(
        listing=command.listing,
        decided_on=command.decided_on,
        effective_on=command.effective_on,
        reason=command.reason,
        basis=command.basis,
    )
    if held.dropped == dropped:
        return ()
    if held.dropped is not None:
        raise AlreadySettled(fact=command.listing, how="dropped", on=held.dropped.effective_on)
    if held.decided is not None:
        raise AlreadySettled(fact=command.listing, how="decided", on=held.decided.effective_on)
    if held.proposed is not None:
        begun = held.proposed.effective_on
        check_order("effective_on", command.effective_on, begun, "the day of the notice")
    return (dropped,)


# Leaving a list ----------------------------------------------------------------------------------


def _end(listings: Listings, command: EndListing) -> tuple[ListingEnded, ...]:
    if (command.listing is None) == (command.list is None):
        raise InvalidValue(field="listing", why="send either the listing's id or its list")
    if command.listing is not None and command.begun_on is not None:
        raise InvalidValue(field="begun_on", why="send it with a list; an id names the listing")
    if command.listing is not None:
        listing = command.listing
    else:
        assert command.list is not None, "either of the two was sent"
        listing = _begun_on(listings, command) or _to_end(listings, command.list, command)
    held = _held(listings, listing)
    if held.annulled is not None:
        raise AlreadyAnnulled(fact=listing, field="listing")
    if held.decided is None:
        raise NotYetDecided(fact=listing, instead="drop it, or decide it first")
    ended = ListingEnded(
        listing=listing,
        decided_on=command.decided_on,
        effective_on=command.effective_on,
        reason=command.reason,
        channel=command.channel,
        origin=command.origin,
        irregular=None,
        basis=command.basis,
    )
    if held.ended is not None:
        fields = _differing(held.ended, ended)
        if not fields:
            return ()
        if command.begun_on is not None:
            paths = tuple(f"ended/{name}" for name in fields)
            raise DiffersFromRecorded(fact=listing, fields=paths, field=fields[0])
        raise AlreadySettled(fact=listing, how="ended", on=held.ended.effective_on)
    # A day of import that stands in for an unknown day is no first day to compare with.
    if held.decided.dated and command.effective_on <= held.decided.effective_on:
        begins = held.decided.effective_on
        raise EndsBeforeItBegins(field="effective_on", ends=command.effective_on, begins=begins)
    return (ended,)


def _to_end(listings: Listings, list_id: ListId, command: EndListing) -> EventId:
    """The listing that is meant by its list alone.

    One that ended on this very day, for then the same is sent again; else the latest that runs and
    had begun; else, to be refused, one that runs.
    """
    standing = [(one, held) for one, held in _on(listings, list_id) if held.is_standing]
    for one, held in standing:
        if held.ended is not None and held.ended.effective_on == command.effective_on:
            return one
    running = [
        (held.decided, one)
        for one, held in standing
        if held.ended is None and held.decided is not None
    ]
    if not running:
        raise UnknownListing(listing=f"running on list {list_id}", field="list")
    begun = [
        (decided, one)
        for decided, one in running
        if not decided.dated or decided.effective_on < command.effective_on
    ]
    return max(begun or running, key=lambda pair: pair[0].effective_on)[1]


def _begun_on(listings: Listings, command: EndListing) -> EventId | None:
    """The listing that its list and first day name; null where the command gives no first day."""
    if command.begun_on is None:
        return None
    listing = listings.filed.get((command.list, command.begun_on))
    if listing is None:
        named = f"on list {command.list} from {command.begun_on}"
        raise UnknownListing(listing=named, field="begun_on")
    return listing


def _differing(recorded: ListingEnded, sent: ListingEnded) -> tuple[str, ...]:
    """What two records of one end say differently, apart from how they reached the ledger."""
    compared = ("effective_on", "decided_on", "reason", "basis")
    return tuple(name for name in compared if getattr(recorded, name) != getattr(sent, name))


def _annul(listings: Listings, command: AnnulListing) -> tuple[ListingAnnulled, ...]:
    held = _held(listings, command.listing)
    annulled = ListingAnnulled(
        listing=command.listing,
        decided_on=command.decided_on,
        effective_on=command.effective_on or command.decided_on,
        reason=command.reason,
        basis=command.basis,
    )
    if held.annulled == annulled:
        return ()
    if held.annulled is not None:
        raise AlreadyAnnulled(fact=command.listing, field="listing")
    if held.decided is None:
        raise NotYetDecided(fact=command.listing, instead="drop it, or decide it first")
    check_order(
        "decided_on", command.decided_on, held.decided.decided_on, "when the listing was decided"
    )
    return (annulled,)


def _held(listings: Listings, listing: EventId) -> HeldListing:
    held = listings.held.get(listing)
    if held is None:
        raise UnknownListing(listing=listing)
    return held


def _on(listings: Listings, list_id: ListId) -> Iterator[tuple[EventId, HeldListing]]:
    """The listings on one list, proposed or decided, in the order in which they came."""
    for listing in listings.on.get(list_id) or ():
        yield listing, _held(listings, listing)


def _with_new(listings: Listings, listing: EventId, list_id: ListId, held: HeldListing) -> Listings:
    return replace(
        listings,
        held=listings.held.with_entry(listing, held),
        on=listings.on.with_entry(list_id, (*(listings.on.get(list_id) or ()), listing)),
    )
