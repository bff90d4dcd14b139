"""Grades and explanations of one subject, in one regime or in all that score it."""

from typing import Annotated

from fastapi import APIRouter, Query

from .. import questions
from ..answers import JsonAnswer
from ..documents import explanation_document, grade_document, grades_document
from ..reading import PROBLEMS, Reading, RegimeQuery

__all__ = ["routes"]


routes = APIRouter(prefix="/v1/subjects/{subject}", tags=["grades"], responses=PROBLEMS)


@routes.get("/grade", summary="What holds for the subject in a regime on the day")
def grade(read: Reading, subject: str, query: Annotated[RegimeQuery, Query()]) -> JsonAnswer:
    with read.views.together():
        at = read.at(query)
        asked = questions.ask(
            read.views, subject, at, given=query.regime, default=read.parts.default_regime
        )
        document = grade_document(
            read.views, asked.subject, asked.regime, at, today=read.parts.today()
        )
    return read.answer(document)


@routes.get("/grades", summary="The subject's grade in each scoring regime, on all days")
def grades(read: Reading, subject: str, query: Annotated[RegimeQuery, Query()]) -> JsonAnswer:
    with read.views.together():
        at = read.at(query)
        found = questions.who(read.views, subject, at.known_at)
        rulebooks = read.views.rulebooks(at.known_at)
        regimes = questions.scoring_regimes(rulebooks, query.regime)
        document = grades_document(read.views, found.subject, regimes, at, today=read.parts.today())
    return read.answer(document)


@routes.get("/explanation", summary="What holds, why, until when, and what comes next")
def explanation(read: Reading, subject: str, query: Annotated[RegimeQuery, Query()]) -> JsonAnswer:
    with read.views.together():
        at = read.at(query)
        asked = questions.ask(
            read.views, subject, at, given=query.regime, default=read.parts.default_regime
        )
        document = explanation_document(
            read.views, asked.subject, asked.regime, at, today=read.parts.today(), facts=asked.facts
        )
    return read.answer(document)
