"""Restorations: asked, taken up, granted or refused, annulled; and what may be asked about them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, assert_never

from ..calendar import DueDate
from ..commands import (
    AcceptRestoration,
    AnnulRestoration,
    GrantRestoration,
    RefuseRestoration,
    RequestRestoration,
    RestorationCommand,
)
from ..events import (
    Channel,
    DeterminationMade,
    RestorationAccepted,
    RestorationAnnulled,
    RestorationEvent,
    RestorationGranted,
    RestorationRefused,
    RestorationRequested,
)
from ..refusals import (
    AlreadyAnnulled,
    AlreadyPending,
    AlreadySettled,
    DiffersFromRecorded,
    InvalidValue,
    NewDeterminationSinceRequest,
    NothingToRestore,
    NotRequested,
    NotYetDecided,
    Refused,
    UnknownRestoration,
)
from ..rulebook import DateName, Edition, Mark, RefusalKind, RestorationRegime, WorkingDays
from ..table import Table
from ..values import EventId, Line, RegimeId
from .given import Rules, cite, clause_of, edition_on, unless_elsewhere
from .plausible import check_order
from .restorable import Restorable, breaches, restorable, restoration_regimes

if TYPE_CHECKING:
    from ..subject import Subject

__all__ = ["HeldRestoration", "Restorations", "decide", "evolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRestoration:
    """A restoration, asked for here or only granted elsewhere, and how far it has come."""

    requested: RestorationRequested | None = None
    accepted: RestorationAccepted | None = None
    granted: RestorationGranted | None = None
    refused: RestorationRefused | None = None
    annulled: RestorationAnnulled | None = None

    @property
    def is_pending(self) -> bool:
        """Whether it was asked for and neither granted nor refused."""
        return self.granted is None and self.refused is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restorations:
    """All restorations of a subject by id, and in which regimes each fact was ended by one."""

    held: Table[EventId, HeldRestoration] = field(default_factory=Table)
    ended: Table[EventId, tuple[RegimeId, ...]] = field(default_factory=Table)

    def standing_grants(self) -> Iterator[RestorationGranted]:
        """Those that were granted and not set aside."""
        for held in self.held.values():
            if held.granted is not None and held.annulled is None:
                yield held.granted


def decide(
    subject: "Subject", command: RestorationCommand, rules: Rules
) -> tuple[RestorationEvent, ...]:
    """What a command on restorations comes to.

    Raises:
        Refused: the edition forbids it, or the record stands otherwise.
    """
    match command:
        case RequestRestoration():
            return _request(subject, command, rules)
        case AcceptRestoration():
            return _accept(subject.restorations, command, rules)
        case GrantRestoration():
            if command.restoration is None:
                return _record_granted(subject, command, rules)
            return _grant(subject, command, command.restoration, rules)
        case RefuseRestoration():
            return _refuse(subject.restorations, command, rules)
        case AnnulRestoration():
            return _annul(subject.restorations, command)
        case _:
            assert_never(command)


def evolve(restorations: Restorations, event: RestorationEvent) -> Restorations:
    """The restorations after an event."""
    held = restorations.held.get(event.restoration) or HeldRestoration()
    match event:
        case RestorationRequested():
            held = replace(held, requested=event)
        case RestorationAccepted():
            held = replace(held, accepted=event)
        case RestorationGranted():
            held = replace(held, granted=event)
        case RestorationRefused():
            held = replace(held, refused=event)
        case RestorationAnnulled():
            held = replace(held, annulled=event)
        case _:
            assert_never(event)
    after = replace(restorations, held=restorations.held.with_entry(event.restoration, held))
    if held.granted is None or not isinstance(event, RestorationGranted | RestorationAnnulled):
        return after
    ended = restorations.ended
    for fact in held.granted.of:
        ended = ended.with_entry(fact, _regimes_ended(after, fact))
    return replace(after, ended=ended)


def _regimes_ended(restorations: Restorations, fact: EventId) -> tuple[RegimeId, ...]:
    grants = (one for one in restorations.standing_grants() if fact in one.of)
    return tuple(sorted({regime for one in grants for regime in one.regimes}))


# Asking and taking up ----------------------------------------------------------------------------


def _request(
    subject: "Subject", command: RequestRestoration, rules: Rules
) -> tuple[RestorationRequested, ...]:
    edition = edition_on(rules, command.rulebook, command.requested_on, "requested_on")
    if _was_requested(subject.restorations, command):
        return ()
    day = command.requested_on
    items = restorable(subject, edition, command.of, day, rules.rulebooks)
    _check_not_pending(subject.restorations, items)
    broken = breaches(subject, edition, items, ("asked", "requested_on", day))
    requested = RestorationRequested(
        restoration=rules.fresh,
        rulebook=command.rulebook,
        edition=edition.id,
        clause=_clause(items),
        of=command.of,
        regimes=_regimes(items),
        requested_on=day,
        effective_on=day,
        channel=command.channel,
        irregular=unless_elsewhere(command.channel, broken),
        basis=command.basis,
    )
    return (requested,)


def _was_requested(restorations: Restorations, command: RequestRestoration) -> bool:
    """Whether this very request is on record, whatever has become of it."""
    return any(
        (one.rulebook, frozenset(one.of), one.requested_on, one.basis)
        == (command.rulebook, frozenset(command.of), command.requested_on, command.basis)
        for held in restorations.held.values()
        if (one := held.requested) is not None
    )


def _check_not_pending(restorations: Restorations, items: tuple[Restorable, ...]) -> None:
    facts, regimes = {item.fact for item in items}, set(_regimes(items))
    for restoration, held in restorations.held.items():
        asked = held.requested
        if (
            held.is_pending
            and asked is not None
            and not facts.isdisjoint(asked.of)
            and not regimes.isdisjoint(asked.regimes)
        ):
            raise AlreadyPending(fact=restoration)


def _accept(
    restorations: Restorations, command: AcceptRestoration, rules: Rules
) -> tuple[RestorationAccepted, ...]:
    held, requested = _requested(restorations, command.restoration)
    term = _decide_within(requested, rules)
    due = None if term is None else _due(term, requested, command.accepted_on, rules)
    accepted = RestorationAccepted(
        restoration=command.restoration,
        accepted_on=command.accepted_on,
        effective_on=command.accepted_on,
        due_on=None if due is None else due.date,
        due_provisional=due is not None and due.provisional,
        clause=clause_of(term.mark if term else None),
        basis=command.basis,
    )
    before = held.accepted
    if before is not None:
        # The due day is not compared: a later notice may have settled it.
        if (before.accepted_on, before.basis) == (command.accepted_on, command.basis):
            return ()
        raise AlreadySettled(fact=command.restoration, how="accepted", on=before.accepted_on)
    _check_undecided(held, command.restoration)
    check_order(
        "accepted_on", command.accepted_on, requested.requested_on, "the day of the request"
    )
    return (accepted,)


def _decide_within(requested: RestorationRequested, rules: Rules) -> WorkingDays | None:
    terms = [
        regime.decide_within
        for regime in _regimes_of(requested, rules)
        if regime.decide_within is not None
    ]
    return min(terms, key=lambda term: term.days, default=None)


def _due(
    term: WorkingDays, requested: RestorationRequested, accepted_on: date, rules: Rules
) -> DueDate:
    asked = term.start is DateName.REQUESTED_ON
    start = requested.requested_on if asked else accepted_on
    return rules.calendar.add_working_days(start, term.days)


# Granting ----------------------------------------------------------------------------------------


def _grant(
    subject: "Subject", command: GrantRestoration, restoration: EventId, rules: Rules
) -> tuple[RestorationGranted, ...]:
    """Grant what was asked for, under the edition under which it was asked."""
    if command.rulebook is not None or command.of:
        why = "the request says what is restored; send restoration alone, or rulebook and of"
        raise InvalidValue(field="of" if command.of else "rulebook", why=why)
    held, requested = _requested(subject.restorations, restoration)
    if held.granted is not None:
        return _granted_before(held, _as_granted(requested, command, held.granted.irregular))
    _check_undecided(held, restoration)
    begun = held.accepted.accepted_on if held.accepted else requested.requested_on
    check_order("decided_on", command.decided_on, begun, "when it was asked for or taken up")
    broken = _broken_by_granting(subject, requested, command.decided_on, rules)
    return (_as_granted(requested, command, unless_elsewhere(command.channel, broken)),)


def _as_granted(
    requested: RestorationRequested, command: GrantRestoration, irregular: Line | None
) -> RestorationGranted:
    return RestorationGranted(
        restoration=requested.restoration,
        rulebook=requested.rulebook,
        edition=requested.edition,
        clause=requested.clause,
        of=requested.of,
        regimes=requested.regimes,
        decided_on=command.decided_on,
        effective_on=command.effective_on or command.decided_on,
        channel=command.channel,
        irregular=irregular,
        basis=command.basis,
    )


def _broken_by_granting(
    subject: "Subject", requested: RestorationRequested, decided_on: date, rules: Rules
) -> Iterator[Refused]:
    edition = rules.rulebooks.edition(requested.edition)
    standing = tuple(fact for fact in requested.of if _is_standing(subject, fact))
    if edition is None or not standing:
        why = f"all that {requested.restoration} would restore was annulled; refuse it"
        yield NothingToRestore(why=why, rule=requested.edition, field="restoration")
        return
    day = requested.requested_on
    items = restorable(subject, edition, standing, day, rules.rulebooks)
    yield from breaches(subject, edition, items, ("asked", "restoration", day))
    for regime in _regimes_of(requested, rules):
        for ground in regime.refuse_if:
            if ground.kind is RefusalKind.NEW_DETERMINATION_SINCE_REQUEST:
                yield from _new_determinations(subject, requested, decided_on, ground.mark)


def _new_determinations(
    subject: "Subject", requested: RestorationRequested, decided_on: date, mark: Mark
) -> Iterator[Refused]:
    """Determinations under the same rulebook decided behind the request, up to the grant."""
    for finding, held in subject.findings.held.items():
        content = held.content
        if (
            isinstance(content, DeterminationMade)
            and held.annulled is None
            and content.rulebook == requested.rulebook
            and finding not in requested.of
            and requested.requested_on < content.decided_on <= decided_on
        ):
            rule = cite(requested.edition, mark)
            yield NewDeterminationSinceRequest(
                finding=finding, decided_on=content.decided_on, rule=rule
            )


def _record_granted(
    subject: "Subject", command: GrantRestoration, rules: Rules
) -> tuple[RestorationGranted, ...]:
    """Record a restoration that was granted elsewhere, without a request on record."""
    if command.channel is Channel.DECIDED_HERE:
        raise NotRequested
    if command.rulebook is None:
        why = "without restoration, send the rulebook under which it was granted, and of"
        raise InvalidValue(field="rulebook", why=why)
    edition = edition_on(rules, command.rulebook, command.decided_on, "decided_on")
    before = _granted_elsewhere(subject.restorations, edition, command)
    if before is not None:
        sent = replace(
            before,
            effective_on=command.effective_on or command.decided_on,
            basis=command.basis,
        )
        return _granted_before(HeldRestoration(granted=before), sent)
    day = command.decided_on
    items = restorable(subject, edition, command.of, day, rules.rulebooks)
    broken = breaches(subject, edition, items, ("granted", "decided_on", day))
    granted = RestorationGranted(
        restoration=rules.fresh,
        rulebook=command.rulebook,
        edition=edition.id,
        clause=_clause(items),
        of=command.of,
        regimes=_regimes(items),
        decided_on=day,
        effective_on=command.effective_on or day,
        channel=command.channel,
        irregular=unless_elsewhere(command.channel, broken),
        basis=command.basis,
    )
    return (granted,)


def _granted_elsewhere(
    restorations: Restorations, edition: Edition, command: GrantRestoration
) -> RestorationGranted | None:
    """The grant that restored the same facts by a decision of the same day, if it is on record."""
    for held in restorations.held.values():
        granted = held.granted
        if (
            granted is not None
            and granted.rulebook == edition.rulebook
            and frozenset(granted.of) == frozenset(command.of)
            and granted.decided_on == command.decided_on
        ):
            if held.annulled is not None:
                raise AlreadyAnnulled(fact=granted.restoration)
            return granted
    return None


def _granted_before(
    held: HeldRestoration, sent: RestorationGranted
) -> tuple[RestorationGranted, ...]:
    """Nothing to do if it was granted just so."""
    recorded = held.granted
    assert recorded is not None, f"{sent.restoration} was granted"
    if held.annulled is not None:
        raise AlreadyAnnulled(fact=recorded.restoration, field="restoration")
    fields = tuple(
        name
        for name in ("decided_on", "effective_on", "basis")
        if getattr(recorded, name) != getattr(sent, name)
    )
    if fields:
        raise DiffersFromRecorded(fact=recorded.restoration, fields=fields)
    return ()


# Refusing and annulling --------------------------------------------------------------------------


def _refuse(
    restorations: Restorations, command: RefuseRestoration, rules: Rules
) -> tuple[RestorationRefused, ...]:
    held, requested = _requested(restorations, command.restoration)
    term = _decide_within(requested, rules)
    refused = RestorationRefused(
        restoration=command.restoration,
        clause=clause_of(term.mark if term else None),
        decided_on=command.decided_on,
        effective_on=command.decided_on,
        reason=command.reason,
        basis=command.basis,
    )
    if held.refused == refused:
        return ()
    _check_undecided(held, command.restoration)
    begun = held.accepted.accepted_on if held.accepted else requested.requested_on
    check_order("decided_on", command.decided_on, begun, "when it was asked for or taken up")
    return (refused,)


def _annul(
    restorations: Restorations, command: AnnulRestoration
) -> tuple[RestorationAnnulled, ...]:
    held = _held(restorations, command.restoration)
    annulled = RestorationAnnulled(
        restoration=command.restoration,
        decided_on=command.decided_on,
        effective_on=command.decided_on,
        reason=command.reason,
        basis=command.basis,
    )
    if held.annulled == annulled:
        return ()
    if held.annulled is not None:
        raise AlreadyAnnulled(fact=command.restoration, field="restoration")
    if held.refused is not None:
        raise AlreadySettled(fact=command.restoration, how="refused", on=held.refused.decided_on)
    if held.granted is None:
        raise NotYetDecided(fact=command.restoration, instead="refuse it")
    check_order("decided_on", command.decided_on, held.granted.decided_on, "when it was granted")
    return (annulled,)


def _held(restorations: Restorations, restoration: EventId) -> HeldRestoration:
    held = restorations.held.get(restoration)
    if held is None:
        raise UnknownRestoration(restoration=restoration)
    return held


def _requested(
    restorations: Restorations, restoration: EventId
) -> tuple[HeldRestoration, RestorationRequested]:
    """The restoration and its request; one granted elsewhere had none and is settled."""
    held = _held(restorations, restoration)
    if held.requested is None:
        granted = held.granted
        on = None if granted is None else granted.decided_on
        raise AlreadySettled(fact=restoration, how="granted", on=on)
    return held, held.requested


def _check_undecided(held: HeldRestoration, restoration: EventId) -> None:
    if held.granted is not None:
        raise AlreadySettled(fact=restoration, how="granted", on=held.granted.decided_on)
    if held.refused is not None:
        raise AlreadySettled(fact=restoration, how="refused", on=held.refused.decided_on)


def _is_standing(subject: "Subject", fact: EventId) -> bool:
    finding, listing = subject.findings.held.get(fact), subject.listings.held.get(fact)
    return (finding is not None and finding.annulled is None) or (
        listing is not None and listing.is_standing
    )


def _regimes(items: tuple[Restorable, ...]) -> tuple[RegimeId, ...]:
    return tuple(dict.fromkeys(regime for item in items for regime in item.ends))


def _clause(items: tuple[Restorable, ...]) -> Line | None:
    """The clause that lets the restoration be asked."""
    marks = (item.regime.earliest.mark for item in items if item.regime.earliest is not None)
    return next((clause for mark in marks if (clause := clause_of(mark)) is not None), None)


def _regimes_of(requested: RestorationRequested, rules: Rules) -> tuple[RestorationRegime, ...]:
    """The restoration regimes under which it was asked."""
    edition = rules.rulebooks.edition(requested.edition)
    return tuple(
        regime
        for regime in (() if edition is None else restoration_regimes(edition))
        if not set(regime.ends).isdisjoint(requested.regimes)
    )
