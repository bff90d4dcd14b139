"""Lists over all subjects: grades in a regime, measures that run, and published lists."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .asking import (
    LIMIT,
    After,
    AsOf,
    Json,
    KnownAt,
    Limit,
    Paged,
    asking,
    at_of,
    page_of,
    show_page,
    span,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ledger.rulebook import Rulebooks

__all__ = ["register"]


class Kind(StrEnum):
    """What can be listed."""

    GRADES = "grades"
    MEASURES = "measures"
    LISTS = "lists"
    LISTING = "listing"


_SAID: Final = frozenset({Kind.GRADES, Kind.MEASURES, Kind.LISTS})


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("list")(list_)


def list_(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[grades|measures|lists|LIST]",
            help="Grades in a regime, measures that run, all published lists, or who is on the "
            "list of this id. If not said: what the regime gives, else all lists.",
        ),
    ] = None,
    *,
    regime: Annotated[str | None, typer.Option(help="As rulebook/regime.")] = None,
    grade: Annotated[str | None, typer.Option(help="Only this grade.")] = None,
    list_id: Annotated[str | None, typer.Option("--list", help="The id of a list.")] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: Limit = LIMIT,
    after: After = None,
    json_output: Json = False,
) -> None:
    """List whose grades or measures hold on a day, or who is on a published list."""
    with asking(known_at) as parts:
        at = at_of(parts, as_of, known_at)
        rulebooks = parts.views.rulebooks(at.known_at)
        if list_id is None:
            kind, list_id = _wanted(what, regime, grade, rulebooks)
        else:
            kind = Kind.LISTING
        question: dict[str, object] = {
            "path": f"list {kind} {list_id}",
            "as_of": as_of,
            "known_at": known_at,
            "regime": regime,
            "grade": grade,
        }
        page = page_of(parts, at, limit, after, question)
        document = _found(kind, page, regime=regime, grade=grade, list_id=list_id)
    show_page(document, map(_LINES[kind], document["items"]), json_output=json_output)


def _wanted(
    what: str | None, regime: str | None, grade: str | None, rulebooks: Rulebooks
) -> tuple[Kind, str | None]:
    """What is to be listed, and of which published list."""
    if what is not None:
        return (Kind(what), None) if what in _SAID else (Kind.LISTING, what)
    if regime is not None:
        return _given_by(regime, rulebooks)
    return (Kind.LISTS if grade is None else Kind.GRADES), None


def _given_by(regime: str, rulebooks: Rulebooks) -> tuple[Kind, str | None]:
    """What a regime gives; it keeps its kind over all editions, and the last one has its list."""
    from ledger.rulebook import ListingRegime, MeasuresRegime

    from .. import questions

    *_, (_, found) = rulebooks.editions_with(questions.known_regime(rulebooks, regime))
    if isinstance(found, ListingRegime):
        return Kind.LISTING, found.list
    return (Kind.MEASURES if isinstance(found, MeasuresRegime) else Kind.GRADES), None


def _found(
    kind: Kind, page: Paged, *, regime: str | None, grade: str | None, list_id: str | None
) -> dict[str, Any]:
    """The page of such a list, as the API has it.

    Raises:
        Problem: there is no such regime or list, or several regimes score.
    """
    match kind:
        case Kind.GRADES:
            return _grades(page, regime, grade)
        case Kind.MEASURES:
            return _measures(page, regime)
        case Kind.LISTS:
            return _lists(page)
        case Kind.LISTING:
            return _listing(page, list_id or "")


def _grades(page: Paged, given: str | None, grade: str | None) -> dict[str, Any]:
    from .. import questions

    views = page.parts.views
    regime = questions.scoring_regime_of_list(
        views.rulebooks(page.at.known_at), given=given, default=page.parts.default_regime
    )
    after = tuple(map(str, page.after))
    found = views.grades(regime, page.at, grade=grade, after=after, limit=page.limit)
    return page.document(found, regime=regime)


def _measures(page: Paged, given: str | None) -> dict[str, Any]:
    from .. import questions

    views = page.parts.views
    rulebooks = views.rulebooks(page.at.known_at)
    regime = None if given is None else questions.known_regime(rulebooks, given)
    after = tuple(map(str, page.after))
    return page.document(
        views.measures(regime, page.at, after=after, limit=page.limit), regime=regime
    )


def _lists(page: Paged) -> dict[str, Any]:
    from ..documents import forecast, plain_value

    items = plain_value(page.parts.views.lists(page.at))
    today = page.parts.today()
    return {**plain_value(page.at), **forecast(page.at.as_of, today), "items": items, "next": None}


def _listing(page: Paged, list_id: str) -> dict[str, Any]:
    from ledger.values import ListId

    from ..problems import Problem

    views = page.parts.views
    known = _known(page)
    if list_id not in known:
        there = ", ".join(known) or "none yet"
        raise Problem(
            "not-found",
            f"there is no such list; say grades, measures, lists, or one of the lists: {there}",
        )
    after = tuple(map(str, page.after))
    found = views.listings(ListId(list_id), page.at, after=after, limit=page.limit)
    return page.document(found, list=list_id)


def _known(page: Paged) -> list[str]:
    """The lists that somebody was ever put on, and those that an edition names."""
    from ledger.rulebook import ListingRegime

    views = page.parts.views
    rulebooks = views.rulebooks(page.at.known_at)
    named = (regime for edition in rulebooks.editions for regime in edition.regimes)
    of_rules = {regime.list for regime in named if isinstance(regime, ListingRegime)}
    return sorted(of_rules | {one.list for one in views.lists(page.at)})


# Lines --------------------------------------------------------------------------------------------


def _who(row: Mapping[str, Any]) -> str:
    return f"{row['subject']}  {row['code'] or '–'}  {row['name'] or '–'}"


def _grade_line(row: Mapping[str, Any]) -> str:
    held = row["state"] if row["score"] is None else f"{row['grade']}  {row['score']}"
    return f"{_who(row)}  {held}  {span(row)}"


def _measure_line(row: Mapping[str, Any]) -> str:
    return f"{_who(row)}  {row['regime']}  {span(row)}"


def _list_line(row: Mapping[str, Any]) -> str:
    return f"{row['list']}  {row['name'] or '–'}  {row['on_it']}"


def _listing_line(row: Mapping[str, Any]) -> str:
    undated = "" if row["dated"] else "  ! day of listing not known"
    return f"{_who(row)}  {span(row)}{undated}"


_LINES: Final[Mapping[Kind, Callable[[Mapping[str, Any]], str]]] = {
    Kind.GRADES: _grade_line,
    Kind.MEASURES: _measure_line,
    Kind.LISTS: _list_line,
    Kind.LISTING: _listing_line,
}
