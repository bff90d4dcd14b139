"""Answers as documents: plain JSON values, the same over HTTP and for `--json` of the command line.

Days are `YYYY-MM-DD`, points and scores strings, positions integers; `from` is the first day,
`until` the first day on which it no longer holds, null where it is open. A question about a day to
come is answered from what is known, with `forecast: true`.
"""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, assert_never

import msgspec

from ledger.courses.facts import Facts
from ledger.courses.interval import Interval, Reason, holding_on
from ledger.courses.scoring import Graded, GradeState
from ledger.explanation import Explanation, explain
from ledger.identifiers import SubjectId
from ledger.rulebook import (
    Edition,
    ListingRegime,
    MeasuresRegime,
    Regime,
    RestorationRegime,
    Rulebooks,
    ScoringRegime,
)
from ledger.values import RegimeId
from projections.answers import At, EditionShown, SubjectShown, TimelineEntry, Views

__all__ = [
    "course_document",
    "edition_document",
    "explanation_document",
    "explanation_shown",
    "forecast",
    "grade_document",
    "grades_document",
    "kind_of",
    "plain_value",
    "rulebook_document",
    "subject_document",
    "timeline_document",
]

Document = dict[str, Any]

_NAMES: Final = {"from_": "from"}


def plain_value(value: object) -> Any:  # noqa: ANN401  # any JSON value; one return a kind
    """A value made of dataclasses, tuples, days and decimals, as JSON has it."""
    match value:
        case None | bool() | int():
            return value
        case Enum():
            return value.value
        case str():
            return value
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case dict():
            return {str(name): plain_value(one) for name, one in value.items()}
        case tuple() | list() | frozenset():
            return [plain_value(one) for one in value]
        case _ if is_dataclass(value):
            return {
                _NAMES.get(one.name, one.name): plain_value(getattr(value, one.name))
                for one in fields(value)
            }
        case _:
            message = f"no JSON for {type(value).__name__}"
            raise TypeError(message)


def explanation_document(  # noqa: PLR0913  # the question and what it is asked of
    views: Views,
    subject: SubjectId,
    regime: RegimeId,
    at: At,
    *,
    today: date,
    facts: Facts | None = None,
) -> Document:
    """What holds for a subject in a regime of any kind, and why: the document of `explain --json`.

    Args:
        views: what answers.
        subject: its id.
        regime: the name of a published regime.
        at: the day, and the position as known at which it is asked.
        today: the civil day in Asia/Shanghai.
        facts: those of the subject at that position, where the caller has them already.
    """
    if facts is None:
        facts = views.facts(subject, at.known_at)
    explained = explain(facts, regime, views.rulebooks(at.known_at), at.as_of)
    return explanation_shown(explained, subject, at, today=today)


def explanation_shown(
    explained: Explanation, subject: SubjectId, at: At, *, today: date
) -> Document:
    """An explanation as a document."""
    return {
        "subject": subject,
        "regime": explained.regime,
        "edition": explained.edition,
        "as_of": at.as_of.isoformat(),
        "known_at": at.known_at,
        "grade": explained.grade,
        "score": plain_value(explained.score),
        "state": explained.state,
        "from": plain_value(explained.from_),
        "until": plain_value(explained.until),
        "verified": explained.verified,
        "complete": explained.complete,
        "reasons": [_reason(reason) for reason in explained.reasons],
        "next": plain_value(explained.next),
        "restorations": plain_value(explained.restorations),
        **forecast(at.as_of, today),
    }


def grade_document(
    views: Views, subject: SubjectId, regime: RegimeId, at: At, *, today: date
) -> Document:
    """What holds for a subject in a regime of any kind, without the reasons."""
    rulebooks = views.rulebooks(at.known_at)
    if not _is_scoring(rulebooks, regime):
        whole = explanation_document(views, subject, regime, at, today=today)
        return {name: value for name, value in whole.items() if name not in _ONLY_EXPLAINED}
    tiles = views.course(subject, regime, at.known_at)
    return {
        "subject": subject,
        "regime": regime,
        "as_of": at.as_of.isoformat(),
        "known_at": at.known_at,
        **_holding(tiles, at.as_of),
        **forecast(at.as_of, today),
    }


_ONLY_EXPLAINED: Final = frozenset({"reasons", "next", "restorations"})


def grades_document(
    views: Views, subject: SubjectId, regimes: Iterable[RegimeId], at: At, *, today: date
) -> Document:
    """The grade of a subject in each of these scoring regimes, with its course over all days."""
    items: list[Document] = []
    for regime in regimes:
        tiles = views.course(subject, regime, at.known_at)
        course = [course_document(tile) for tile in tiles]
        items.append({"regime": regime, **_holding(tiles, at.as_of), "course": course})
    return {
        "subject": subject,
        "as_of": at.as_of.isoformat(),
        "known_at": at.known_at,
        **forecast(at.as_of, today),
        "items": items,
    }


def course_document(interval: Interval[Any]) -> Document:
    """One interval of a course of any kind: its days and what holds on them."""
    return {
        "from": interval.from_.isoformat(),
        "until": plain_value(interval.until),
        **plain_value(interval.value),
        "verified": interval.verified,
    }


def subject_document(shown: SubjectShown, known_at: int) -> Document:
    """Who a subject is, as known at a position."""
    return {**plain_value(shown), "known_at": known_at}


def timeline_document(
    subject: SubjectId, entries: Iterable[TimelineEntry], known_at: int
) -> Document:
    """Events of a subject, in order, with what each changed."""
    return {
        "subject": subject,
        "known_at": known_at,
        "items": [_entry(entry) for entry in entries],
    }


def rulebook_document(rulebooks: Rulebooks, rulebook: str) -> Document:
    """A rulebook with its editions, first day first; `until` is the day that a successor begins."""
    spans = rulebooks.spans(rulebook)
    return {
        "rulebook": rulebook,
        "editions": [_edition(edition, until) for edition, _, until in spans],
    }


def edition_document(shown: EditionShown, edition: Edition | None) -> Document:
    """A published edition with its whole text."""
    read = {} if edition is None else _edition(edition, edition.until)
    return {
        **read,
        "edition": shown.edition,
        "rulebook": shown.rulebook,
        "position": shown.position,
        "digest": shown.digest,
        "text": shown.text,
    }


def _edition(edition: Edition, until: date | None) -> Document:
    return {
        "edition": edition.id,
        "title": edition.title,
        "number": edition.number,
        "status": edition.status.value,
        "from": edition.from_.isoformat(),
        "until": plain_value(until),
        "succeeds": edition.succeeds,
        "digest": edition.digest,
        "acts": [act.id for act in edition.acts],
        "regimes": [
            {"regime": regime.id, "kind": kind_of(regime), "applies_to": list(regime.applies_to)}
            for regime in edition.regimes
        ],
    }


def kind_of(regime: Regime) -> str:
    """The kind of a regime, as an edition's text calls it."""
    match regime:
        case ScoringRegime():
            return "scoring"
        case MeasuresRegime():
            return "measures"
        case ListingRegime():
            return "listing"
        case RestorationRegime():
            return "restoration"
        case never:
            assert_never(never)


def _entry(entry: TimelineEntry) -> Document:
    return {
        "position": entry.position,
        "event": entry.event,
        "type": entry.type,
        "version": entry.version,
        "recorded_at": plain_value(entry.recorded_at),
        "effective_on": plain_value(entry.effective_on),
        "actor": entry.actor,
        "data": msgspec.json.decode(entry.data),
        "changes": plain_value(entry.changes),
    }


def _reason(reason: Reason) -> Document:
    return {
        "event": reason.event,
        "position": reason.position,
        "indicator": reason.indicator,
        "clause": reason.clause,
        "points": plain_value(reason.points),
        "from": plain_value(reason.from_),
        "until": plain_value(reason.until),
        "verified": reason.verified,
        "note": reason.note,
    }


def _holding(tiles: tuple[Interval[Graded], ...], day: date) -> Document:
    tile = holding_on(tiles, day)
    if tile is not None:
        return course_document(tile)
    return {
        "from": None,
        "until": tiles[0].from_.isoformat() if tiles else None,
        "state": GradeState.NO_EDITION.value,
        "edition": None,
        "grade": None,
        "score": None,
        "complete": True,
        "verified": False,
    }


def _is_scoring(rulebooks: Rulebooks, regime: RegimeId) -> bool:
    return any(isinstance(found, ScoringRegime) for _, found in rulebooks.editions_with(regime))


def forecast(day: date, today: date) -> Document:
    """`forecast: true` for a day to come, nothing for any other."""
    return {"forecast": True} if day > today else {}
