"""Editions: the dated texts of rulebooks, as they were published."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from ..documents import edition_document
from ..problems import Problem
from ..reading import PROBLEMS, NoQuery, Reading

__all__ = ["routes"]

TOML = "application/toml"


routes = APIRouter(prefix="/v1/editions", tags=["rulebooks"], responses=PROBLEMS)


@routes.get(
    "/{edition:path}",
    summary="An edition with its whole text; as TOML alone where Accept asks for it",
    responses={200: {"content": {"application/json": {}, TOML: {}}}},
)
def one_edition(
    read: Reading,
    edition: str,
    query: Annotated[NoQuery, Query()],
    accept: Annotated[str | None, Header()] = None,
) -> Response:
    del query  # that nothing else was asked is all that it says
    shown = read.views.edition(edition)
    if shown is None:
        raise Problem("not-found", "there is no such edition; /v1/rulebooks has all of them")
    headers = {"ETag": f'"{shown.digest}"', "Vary": "Accept"}
    if accept is not None and TOML in accept.lower():
        return Response(
            shown.text.encode("utf-8"),
            media_type=TOML,
            headers={**read.headers, **headers},
        )
    known = read.views.rulebooks(read.position).edition(edition)
    return read.answer(edition_document(shown, known), headers)
