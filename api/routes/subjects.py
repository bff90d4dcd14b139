"""Subjects: who they are, what stands against them, and what happened to them."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from ledger.identifiers import SubjectId
from projections.answers import At

from .. import questions
from ..answers import JsonAnswer
from ..documents import plain_value, subject_document, timeline_document
from ..headers import etag, is_fresh
from ..paging import LIMIT_DEFAULT, Limit
from ..problems import Good
from ..reading import (
    PROBLEMS,
    AtQuery,
    IfNoneMatch,
    KnownQuery,
    PageQuery,
    Reader,
    Reading,
    page_answer,
    page_of,
)

__all__ = ["routes"]

NAME_MAX = 64
"""The characters that a search may be for."""


class SearchQuery(PageQuery):
    """A search by name or by code: one of the two."""

    name: Annotated[
        str | None,
        Field(min_length=1, max_length=NAME_MAX, description="Part of a present or former name."),
    ] = None
    code: Annotated[
        str | None, Field(max_length=NAME_MAX, description="An identifier, in any form.")
    ] = None


class EventsQuery(KnownQuery):
    """A page of the events of a subject."""

    limit: Limit = LIMIT_DEFAULT
    after: Annotated[str | None, Field(description="`next` of the page before.")] = None


routes = APIRouter(prefix="/v1/subjects", tags=["subjects"], responses=PROBLEMS)


@routes.get("", summary="Find subjects by a part of their name, or by a code")
def search(read: Reading, query: Annotated[SearchQuery, Query()], request: Request) -> JsonAnswer:
    if (query.name is None) == (query.code is None):
        raise questions.parameter_problem("name", "missing", "one of name and code is wanted")
    page = page_of(read, query, request, name=query.name, code=query.code)
    if query.code is not None:
        items = questions.found_by_code(read.views, query.code, page.at.known_at)
        return page_answer(read, page, items)
    assert query.name is not None
    after = tuple(map(str, page.after))
    found = read.views.search(query.name, page.at.known_at, after=after, limit=page.limit)
    return page_answer(read, page, found)


@routes.get("/{subject}", summary="Who the subject is")
def shown(
    read: Reading,
    subject: str,
    query: Annotated[KnownQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    position = read.known_at(query.known_at)
    found = questions.who(read.views, subject, position)
    headers = {"ETag": etag(found.version)}
    if is_fresh(if_none_match, found.version):
        return Response(status_code=Good.NOT_MODIFIED, headers={**read.headers, **headers})
    return read.answer(subject_document(found, position), headers)


@routes.get("/{subject}/standing", summary="What stands against the subject on the day")
def standing(read: Reading, subject: str, query: Annotated[AtQuery, Query()]) -> JsonAnswer:
    at = read.at(query)
    found = questions.who(read.views, subject, at.known_at)
    return _rows(read, found.subject, at, read.views.standing(found.subject, at))


@routes.get("/{subject}/measures", summary="The measures that run against the subject")
def measures(read: Reading, subject: str, query: Annotated[AtQuery, Query()]) -> JsonAnswer:
    at = read.at(query)
    found = questions.who(read.views, subject, at.known_at)
    return _rows(read, found.subject, at, read.views.subject_measures(found.subject, at))


@routes.get("/{subject}/listings", summary="The lists that the subject is on")
def listings(read: Reading, subject: str, query: Annotated[AtQuery, Query()]) -> JsonAnswer:
    at = read.at(query)
    found = questions.who(read.views, subject, at.known_at)
    return _rows(read, found.subject, at, read.views.subject_listings(found.subject, at))


@routes.get("/{subject}/timeline", summary="Every event of the subject, and what it changed")
def timeline(
    read: Reading, subject: str, query: Annotated[EventsQuery, Query()], request: Request
) -> JsonAnswer:
    asked = PageQuery(limit=query.limit, after=query.after, known_at=query.known_at)
    page = page_of(read, asked, request)
    found = questions.who(read.views, subject, page.at.known_at)
    after = int(page.after[0]) if page.after else 0
    entries = read.views.timeline(
        found.subject, page.at.known_at, after=after, limit=page.limit + 1
    )
    document = timeline_document(found.subject, entries[: page.limit], page.at.known_at)
    last = (entries[page.limit - 1].position,) if len(entries) > page.limit else None
    return page_answer(read, page, document, last=last)


def _rows(read: Reader, subject: SubjectId, at: At, rows: Sequence[object]) -> JsonAnswer:
    document = {"subject": subject, **plain_value(at), **read.forecast(at)}
    return read.answer({**document, "items": plain_value(rows)})
