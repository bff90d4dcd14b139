"""The JSON Schema of each event's data, where its record's `dataschema` says that it is."""

from functools import cache
from typing import Any, Final

import msgspec
from fastapi import APIRouter

from ledger.events import STORED_NAMES
from ledger.record import EVENTSOURCING_STORED

from ..answers import JsonAnswer
from ..problems import Problem
from ..reading import PROBLEMS

__all__ = ["MAJOR", "event_schema", "routes"]

MAJOR: Final = 1
"""The present major version of every event's data."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_BYTES: Final = {"type": "string", "contentEncoding": "base64"}
"""What another program has stored, as it stands in `data_base64`."""
_NAMES: Final = sorted([*STORED_NAMES, EVENTSOURCING_STORED])

routes = APIRouter(prefix="/schemas", tags=["schemas"], responses=PROBLEMS)


@routes.get("", summary="Which events there are, and where their schemas stand")
async def all_schemas() -> JsonAnswer:
    addresses = {name: f"/schemas/{name}/{MAJOR}.json" for name in _NAMES}
    return JsonAnswer({"items": addresses})


@routes.get("/{event}/{major}.json", summary="The JSON Schema of an event's data")
async def one_schema(event: str, major: str) -> JsonAnswer:
    if event not in _NAMES or major != str(MAJOR):
        raise Problem("not-found", "there is no such schema; /schemas has all of them")
    return JsonAnswer(event_schema(event))


@cache
def event_schema(event: str) -> dict[str, Any]:
    """The schema of the data that a record of this stored name holds."""
    stored = STORED_NAMES.get(event)
    schema = _BYTES if stored is None else msgspec.json.schema(stored)
    return {"$schema": _DIALECT, "$id": f"urn:credit-ledger:{event}:{MAJOR}", **schema}
