"""Rulebooks: which there are, and the editions through which each of them lives."""

from typing import Annotated

from fastapi import APIRouter, Query

from ledger.rulebook import Rulebooks

from ..answers import JsonAnswer
from ..documents import rulebook_document
from ..problems import Problem
from ..reading import PROBLEMS, KnownQuery, Reading

__all__ = ["routes"]


routes = APIRouter(prefix="/v1/rulebooks", tags=["rulebooks"], responses=PROBLEMS)


@routes.get("", summary="All rulebooks with their editions")
def rulebooks(read: Reading, query: Annotated[KnownQuery, Query()]) -> JsonAnswer:
    position = read.known_at(query.known_at)
    known = read.views.rulebooks(position)
    items = [rulebook_document(known, rulebook) for rulebook in _names(known)]
    return read.answer({"known_at": position, "items": items})


@routes.get("/{rulebook:path}", summary="One rulebook with its editions")
def one_rulebook(read: Reading, rulebook: str, query: Annotated[KnownQuery, Query()]) -> JsonAnswer:
    position = read.known_at(query.known_at)
    known = read.views.rulebooks(position)
    if rulebook not in _names(known):
        raise Problem("not-found", "there is no such rulebook; /v1/rulebooks has all of them")
    return read.answer({"known_at": position, **rulebook_document(known, rulebook)})


def _names(rulebooks: Rulebooks) -> list[str]:
    return sorted({edition.rulebook for edition in rulebooks.editions})
