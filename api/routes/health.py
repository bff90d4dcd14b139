"""Whether the process lives, whether it can work, and what it stands on."""

from fastapi import APIRouter

from ..answers import JsonAnswer
from ..parts import Parts
from ..problems import Problem

__all__ = ["router"]


def router(parts: Parts) -> APIRouter:
    """The routes of this module."""
    routes = APIRouter(tags=["service"])

    @routes.get("/livez", summary="The process lives")
    async def livez() -> JsonAnswer:
        return JsonAnswer({"status": "alive"})

    @routes.get("/readyz", summary="The service can read and write")
    def readyz() -> JsonAnswer:
        health = parts.health()
        if not health.is_ready:
            raise Problem(
                "not-serving",
                "the service is not ready; `health` says why",
                members={"health": health.detail},
                headers={"Retry-After": "1"},
            )
        return JsonAnswer({"status": "ready"})

    @routes.get("/health", summary="Which log, which positions, which versions")
    def health() -> JsonAnswer:
        found = parts.health()
        return JsonAnswer({"status": "ready" if found.is_ready else "not-ready", **found.detail})

    return routes
