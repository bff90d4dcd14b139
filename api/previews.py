"""What a command would do: its events, and every course of the subject that they would change."""

from collections.abc import Iterable
from datetime import date
from typing import Any, assert_never

from ledger.courses.facts import NOTHING_KNOWN, Facts, evolve
from ledger.courses.interval import Interval
from ledger.courses.listing import Listed, listing_course, listings_of
from ledger.courses.measures import measures_course
from ledger.courses.scoring import scoring_tiles
from ledger.events import NAME_OF
from ledger.identifiers import SubjectId, is_subject_id
from ledger.rulebook import (
    ListingRegime,
    MeasuresRegime,
    Regime,
    RestorationRegime,
    Rulebooks,
    ScoringRegime,
)
from ledger.values import ListId, RegimeId

from .documents import course_document, kind_of
from .parts import Parts, Preview
from .problems import Problem

__all__ = ["preview_shown"]

_WAIT_S = 2.0

Course = tuple[Interval[Any], ...]


def preview_shown(parts: Parts, preview: Preview) -> dict[str, Any]:
    """A dry run as a document.

    `events` are what would be recorded, without positions, as they have none. `changes` has each
    regime whose course they would change, with the course before and after; `lists` each list that
    the subject would come onto, leave, or be on for other days. Both are empty where nothing would
    change. What an edition would change stands in every subject and is not shown.

    Raises:
        Problem: `not-yet-projected`.
    """
    is_about_subject = is_subject_id(preview.stream)
    changes: list[dict[str, Any]] = []
    lists: list[dict[str, Any]] = []
    if is_about_subject and preview.events:
        before = _facts_before(parts, preview)
        after = before
        for place, (_, event) in enumerate(preview.events, start=preview.position + 1):
            after = evolve(after, event, place)
        rulebooks = parts.views.rulebooks(preview.position)
        changes = list(_changes(before, after, rulebooks))
        lists = list(_list_changes(before, after, rulebooks))
    return {
        "state": "preview",
        "position": preview.position,
        "subject": preview.stream,
        "version": preview.version,
        "events": [
            {"id": event_id, "type": NAME_OF[type(event)], "position": None, "data": event}
            for event_id, event in preview.events
        ],
        "changes": changes,
        "lists": lists,
    }


def _facts_before(parts: Parts, preview: Preview) -> Facts:
    if not parts.views.wait(preview.position, _WAIT_S):
        detail = f"the views do not show position {preview.position} yet"
        raise Problem("not-yet-projected", detail, headers={"Retry-After": "1"})
    if preview.version == 0:
        return NOTHING_KNOWN
    return parts.views.facts(SubjectId(preview.stream), preview.position)


def _changes(before: Facts, after: Facts, rulebooks: Rulebooks) -> Iterable[dict[str, Any]]:
    for regime in rulebooks.regime_ids():
        for kind in _kinds(regime, rulebooks):
            was = _course(before, regime, kind, rulebooks)
            becomes = _course(after, regime, kind, rulebooks)
            if was != becomes:
                yield {
                    "regime": regime,
                    "kind": kind_of(kind),
                    "before": [course_document(one) for one in was],
                    "after": [course_document(one) for one in becomes],
                }


def _kinds(regime: RegimeId, rulebooks: Rulebooks) -> list[Regime]:
    """The regime as it first stands; a name keeps its kind over all editions."""
    return [found for _, found in rulebooks.editions_with(regime)][:1]


def _course(facts: Facts, regime: RegimeId, kind: Regime, rulebooks: Rulebooks) -> Course:
    match kind:
        case ScoringRegime():
            # Nobody has a course before being registered.
            return scoring_tiles(facts, regime, rulebooks) if facts.profile is not None else ()
        case MeasuresRegime():
            return measures_course(facts, regime, rulebooks)
        case ListingRegime():
            return listing_course(facts, regime, rulebooks)
        case RestorationRegime():
            return ()
        case never:
            assert_never(never)


def _list_changes(before: Facts, after: Facts, rulebooks: Rulebooks) -> Iterable[dict[str, Any]]:
    was = _by_list(listings_of(before, rulebooks))
    becomes = _by_list(listings_of(after, rulebooks))
    for list_id in sorted({*was, *becomes}):
        here, there = was.get(list_id, ()), becomes.get(list_id, ())
        if _days(here) != _days(there):
            named = (*there, *here)[0]
            yield {
                "list": list_id,
                "list_name": named.value.list_name,
                "before": [course_document(one) for one in here],
                "after": [course_document(one) for one in there],
            }


def _by_list(listings: Iterable[Interval[Listed]]) -> dict[ListId, tuple[Interval[Listed], ...]]:
    found: dict[ListId, tuple[Interval[Listed], ...]] = {}
    for one in listings:
        found[one.value.list] = (*found.get(one.value.list, ()), one)
    return found


def _days(listings: tuple[Interval[Listed], ...]) -> list[tuple[date, date | None]]:
    return [(one.from_, one.until) for one in listings]
