"""The figures that operators watch, in the text format of Prometheus."""

import asyncio
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from ..metrics import CONTENT_TYPE, Metrics
from ..parts import Parts

__all__ = ["router"]

_PATIENCE_S: Final = 1.0
"""So long a scrape waits for the stores; then it tells what is known, and which store is away."""


def router(parts: Parts, metrics: Metrics) -> APIRouter:
    """The route of this module."""
    routes = APIRouter(tags=["service"])

    @routes.get(
        "/metrics",
        summary="What operators watch, in the text format of Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def scrape() -> Response:
        # In no thread of the pool: those may all wait for a store that is away.
        looks = [asyncio.wrap_future(one) for one in parts.observer.look()]
        await asyncio.wait(looks, timeout=_PATIENCE_S)
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    return routes
