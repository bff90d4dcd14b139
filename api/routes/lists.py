"""Lists over all subjects: grades in a regime, measures that run, and published lists."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field

from ledger.values import ListId

from .. import questions
from ..answers import JsonAnswer
from ..constraints import RULE_ID
from ..documents import plain_value
from ..problems import Problem
from ..reading import PROBLEMS, AtQuery, PageQuery, Reading, page_answer, page_of

__all__ = ["routes"]


class GradesQuery(PageQuery):
    """Whose grade in a regime holds on the day."""

    regime: Annotated[
        str | None, Field(description="A scoring regime; that of the ledger if not said.")
    ] = None
    grade: Annotated[str | None, Field(max_length=64, description="Only this grade.")] = None


class MeasuresQuery(PageQuery):
    """Who is under measures on the day."""

    regime: Annotated[str | None, Field(description="Only those of this regime.")] = None


routes = APIRouter(prefix="/v1", tags=["lists"], responses=PROBLEMS)


@routes.get("/grades", summary="Whose grade in a regime holds on the day, by subject")
def grades(read: Reading, query: Annotated[GradesQuery, Query()], request: Request) -> JsonAnswer:
    page = page_of(read, query, request, regime=query.regime, grade=query.grade)
    rulebooks = read.views.rulebooks(page.at.known_at)
    regime = questions.scoring_regime_of_list(
        rulebooks, given=query.regime, default=read.parts.default_regime
    )
    after = tuple(map(str, page.after))
    found = read.views.grades(regime, page.at, grade=query.grade, after=after, limit=page.limit)
    return page_answer(read, page, found, regime=regime)


@routes.get("/measures", summary="Who is under measures on the day, by subject")
def measures(
    read: Reading, query: Annotated[MeasuresQuery, Query()], request: Request
) -> JsonAnswer:
    page = page_of(read, query, request, regime=query.regime)
    regime = None
    if query.regime is not None:
        rulebooks = read.views.rulebooks(page.at.known_at)
        regime = questions.known_regime(rulebooks, query.regime)
    after = tuple(map(str, page.after))
    found = read.views.measures(regime, page.at, after=after, limit=page.limit)
    return page_answer(read, page, found, regime=regime)


@routes.get("/lists", summary="All lists, with how many are on each on the day")
def lists(read: Reading, query: Annotated[AtQuery, Query()]) -> JsonAnswer:
    at = read.at(query)
    items = plain_value(read.views.lists(at))
    return read.answer({**plain_value(at), **read.forecast(at), "items": items})


@routes.get("/lists/{list_id:path}", summary="Who is on the list on the day, by subject")
def one_list(
    read: Reading,
    list_id: str,
    query: Annotated[PageQuery, Query()],
    request: Request,
) -> JsonAnswer:
    page = page_of(read, query, request)
    name = ListId(list_id)
    if not (RULE_ID.fullmatch(list_id) and read.views.has_list(name, page.at.known_at)):
        raise Problem("not-found", "there is no such list; /v1/lists has all of them")
    after = tuple(map(str, page.after))
    found = read.views.listings(name, page.at, after=after, limit=page.limit)
    return page_answer(read, page, found, list=list_id)
