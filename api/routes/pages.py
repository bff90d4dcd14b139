"""The reading room of the API: Swagger UI, served from our own files, and the OpenAPI document."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from ..answers import JsonAnswer

__all__ = ["mount", "openapi", "router"]

_STATIC: Final = Path(__file__).resolve().parent.parent / "static"
_CSP: Final = (
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Credit ledger</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/swagger/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/static/swagger/swagger-ui-bundle.js"></script>
<script src="/static/swagger/open.js"></script>
</body>
</html>
"""


def router() -> APIRouter:
    """The routes of this module."""
    routes = APIRouter()

    @routes.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _CSP})

    @routes.get("/", include_in_schema=False)
    async def entrance() -> RedirectResponse:
        return RedirectResponse("/docs", status_code=303)

    return routes


def openapi(document: object) -> Callable[[Request], Awaitable[Response]]:
    """The route of the OpenAPI document, which is written once."""
    answer = JsonAnswer(document)

    async def shown(_: Request) -> Response:
        return Response(answer.body, media_type=answer.media_type)

    return shown


def mount() -> Mount:
    """The files that pages load."""
    return Mount("/static", StaticFiles(directory=_STATIC))
