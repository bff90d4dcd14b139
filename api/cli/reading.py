"""Asking about one subject: why it has its grade, what the grade is, what happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .asking import (
    LIMIT,
    After,
    AsOf,
    Json,
    KnownAt,
    Limit,
    Subject,
    asking,
    at_of,
    page_of,
    show_page,
    span,
)
from .output import show, show_json
from .serving import Language

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["register"]

Regime = Annotated[
    str | None,
    typer.Option(help="As rulebook/regime; by default the one scoring regime that applies."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("grade")(grade)
    app.command("explain")(explain)
    app.command("timeline")(timeline)


def explain(
    subject: Subject,
    *,
    regime: Regime = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    lang: Annotated[Language, typer.Option(help="Language of the note.")] = Language.EN,
    json_output: Json = False,
) -> None:
    """Say what holds for a subject in a regime, why, until when and what comes next.

    Reads like a lawyer's note; --json has every reason with its event, clause and points, which
    add up to the score.
    """
    from .. import notes, questions
    from ..documents import explanation_shown

    with asking(known_at) as parts:
        at = at_of(parts, as_of, known_at)
        asked = questions.ask(parts.views, subject, at, given=regime, default=parts.default_regime)
        shown = questions.who(parts.views, asked.subject, at.known_at)
        rulebooks = parts.views.rulebooks(at.known_at)
        noted = notes.note_of(shown, asked, rulebooks, at, today=parts.today())
    if json_output:
        show_json(explanation_shown(noted.now, asked.subject, at, today=noted.today))
    else:
        show(notes.written(noted, lang.value))


def grade(
    subject: Subject,
    *,
    regime: Regime = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    json_output: Json = False,
) -> None:
    """Say what holds for a subject in a regime on a day, in one line."""
    from .. import questions
    from ..documents import grade_document

    with asking(known_at) as parts:
        at = at_of(parts, as_of, known_at)
        asked = questions.ask(parts.views, subject, at, given=regime, default=parts.default_regime)
        document = grade_document(parts.views, asked.subject, asked.regime, at, today=parts.today())
    show_json(document) if json_output else show(_grade_line(document))


def _grade_line(document: Mapping[str, Any]) -> str:
    held = document["state"]
    if document["score"] is not None:
        held = f"{document['grade']}  {document['score']} points"
    doubts = "".join(f"  ! not {name}" for name in ("verified", "complete") if not document[name])
    forecast = "  (forecast)" if document.get("forecast") else ""
    return (
        f"{document['subject']}  {document['regime']}  {held}  {span(document)}"
        f"  as of {document['as_of']}, known at {document['known_at']}{forecast}{doubts}"
    )


def timeline(
    subject: Subject,
    *,
    known_at: KnownAt = None,
    limit: Limit = LIMIT,
    after: After = None,
    json_output: Json = False,
) -> None:
    """Show every event of a subject, and what each changed in its scoring regimes."""
    from .. import questions
    from ..documents import timeline_document

    with asking(known_at) as parts:
        question = {"path": f"timeline {subject}", "known_at": known_at}
        page = page_of(parts, at_of(parts, None, known_at), limit, after, question)
        known = page.at.known_at
        found = questions.who(parts.views, subject, known)
        behind = int(page.after[0]) if page.after else 0
        entries = parts.views.timeline(found.subject, known, after=behind, limit=limit + 1)
        document = timeline_document(found.subject, entries[:limit], known)
        more = len(entries) > limit
        document["next"] = page.next((entries[limit - 1].position,) if more else None)
    show_page(document, map(_entry_line, document["items"]), json_output=json_output)


def _entry_line(entry: Mapping[str, Any]) -> str:
    changes = "; ".join(_change(one) for one in entry["changes"] if one["changed_from"] is not None)
    day = entry["effective_on"] or " " * 10
    return f"{entry['position']:>8}  {day}  {entry['type']}  {entry['event']}  {changes}".rstrip()


def _change(change: Mapping[str, Any]) -> str:
    """The grade on the day of the event before and after it, and the days that it changed."""
    before, after = (
        f"{change[f'grade_{side}'] or '–'} {change[f'score_{side}'] or ''}".strip()
        for side in ("before", "after")
    )
    days = span({"from": change["changed_from"], "until": change["changed_until"]})
    return f"{change['regime']}: {before} → {after} (course changed {days})"
