"""What each problem type means: the pages that the `type` of a problem points to."""

from fastapi import APIRouter

from ..answers import JsonAnswer
from ..problems import PROBLEM_TYPES, PROBLEMS_PATH, Problem, ProblemType
from ..reading import PROBLEMS

__all__ = ["router"]


def router() -> APIRouter:
    """The routes of this module."""
    routes = APIRouter(tags=["problems"])

    @routes.get(PROBLEMS_PATH.rstrip("/"), summary="Every problem that an answer may name")
    async def problems() -> JsonAnswer:
        return JsonAnswer({"items": [_shown(known) for known in PROBLEM_TYPES.values()]})

    @routes.get(
        f"{PROBLEMS_PATH}{{code}}",
        summary="What a problem means and what to do about it",
        responses=PROBLEMS,
    )
    async def problem(code: str) -> JsonAnswer:
        known = PROBLEM_TYPES.get(code)
        if known is None:
            raise Problem("not-found", "there is no such problem; /problems lists them")
        return JsonAnswer(_shown(known))

    return routes


def _shown(known: ProblemType) -> dict[str, object]:
    return {
        "type": f"{PROBLEMS_PATH}{known.code}",
        "code": known.code,
        "status": known.status,
        "title": {"en": known.title, "zh": known.title_zh},
        "remedy": known.remedy,
    }
