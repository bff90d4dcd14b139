"""The API as one ASGI application: the door, the commands behind it, and all that is read."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .answers import problem_answer
from .door import Defects, Door
from .metrics import Metrics
from .openapi import describe
from .parts import Parts
from .problems import Problem, of_status, of_validation, unavailable
from .reading import Stage
from .routes import (
    editions,
    event_schemas,
    grades,
    health,
    lists,
    metrics,
    pages,
    problem_pages,
    rulebooks,
    subjects,
)
from .routes.commands import PREFIX, Commands
from .tracing import Traced

__all__ = ["create_app"]

_DESCRIPTION: Final = (
    "The credit record of everybody who acts in the field of intellectual property "
    "(知识产权信用账本): facts are recorded by commands and never change; "
    "what holds is answered as of any day, as known at any position."
)


def create_app(parts: Parts) -> ASGIApp:
    """The whole API over these parts; nothing is started, so nothing is to be stopped."""
    watched = Metrics(parts)
    commands = Defects(Commands(parts), parts)
    return Traced(Door(_Crossing(commands, _reading_room(parts, watched)), parts), watched)


class _Crossing:
    """Commands go straight to their endpoint; all else is routed."""

    def __init__(self, commands: ASGIApp, others: ASGIApp) -> None:
        self._commands = commands
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._commands(scope, receive, send)
        else:
            await self._others(scope, receive, send)


def _reading_room(parts: Parts, watched: Metrics) -> FastAPI:
    app = FastAPI(
        title="Credit ledger",
        version="1",
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # A redirect would be built from the Host header, which anybody may write.
        redirect_slashes=False,
        # Inside of what Starlette does with a defect, which is to answer in plain text.
        middleware=[Middleware(Defects, parts=parts)],
        exception_handlers=_answers_to_exceptions(parts),
    )
    app.state.stage = Stage(parts)
    for routes in (
        subjects.routes,
        grades.routes,
        lists.routes,
        rulebooks.routes,
        editions.routes,
        event_schemas.routes,
        health.router(parts),
        metrics.router(parts, watched),
        problem_pages.router(),
        pages.router(),
    ):
        app.include_router(routes)
    app.router.routes.append(pages.mount())
    document = describe(app)
    app.router.add_route("/openapi.json", pages.openapi(document), include_in_schema=False)
    return app


def _answers_to_exceptions(parts: Parts) -> Any:  # noqa: ANN401  # starlette's type is narrower than its use
    def answer(request: Request, problem: Problem) -> Response:
        return problem_answer(request.scope, problem, parts.follower.entered)

    async def on_problem(request: Request, error: Problem) -> Response:
        return answer(request, error)

    async def on_validation(request: Request, error: RequestValidationError) -> Response:
        return answer(request, of_validation(error.errors()))

    async def on_unavailable(request: Request, error: Exception) -> Response:
        return answer(request, unavailable(error))

    async def on_status(request: Request, error: HTTPException) -> Response:
        phrase = HTTPStatus(error.status_code).phrase
        return answer(request, of_status(error.status_code, phrase, error.headers or {}))

    return {
        Problem: on_problem,
        **dict.fromkeys(parts.unavailable, on_unavailable),
        RequestValidationError: on_validation,
        HTTPException: on_status,
    }
