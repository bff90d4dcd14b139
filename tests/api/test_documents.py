"""What the API says of itself: the OpenAPI document, the pages, the problems."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from ledger.commands import COMMAND_NAMES
from ledger.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.asking import Api

pytestmark = pytest.mark.pg

OUTSIDE = re.compile(r"""(?:src|href|url)\s*[=:(]\s*["']?(?:https?:)?//""", re.IGNORECASE)


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.send("GET", "/openapi.json").json()
    return found


def test_the_document_is_openapi_3_1_and_has_every_command(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    for name in COMMAND_NAMES:
        operation = document["paths"][f"/v1/commands/{name}"]["post"]
        assert {"200", "201", "202", "400", "409", "412", "422", "503"} <= set(
            operation["responses"]
        )
        assert "Idempotency-Key" in [one["name"] for one in operation["parameters"]]


def test_every_reference_in_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in _references(document):
        assert reference.startswith("#/"), reference
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in place, reference
            place = place[part]


def test_every_schema_in_the_document_is_one(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
    ]
    assert len(set(names)) == len(names)


def _references(value: Any) -> Iterator[str]:  # any JSON
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def test_the_page_of_the_api_needs_no_other_host(api: Api) -> None:
    page = api.send("GET", "/docs")
    assert page.status_code == 200
    assert OUTSIDE.search(page.text) is None
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    for address in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert api.send("GET", address).status_code == 200, address
    opened = api.send("GET", "/static/swagger/open.js").text
    assert OUTSIDE.search(opened) is None
    assert "/openapi.json" in opened


def test_every_refusal_has_a_page_that_says_what_to_do(api: Api) -> None:
    known = {one["code"]: one for one in api.send("GET", "/problems").json()["items"]}
    assert {refusal.code for refusal in Refused.__subclasses__()} <= set(known)
    for code, problem in known.items():
        assert api.send("GET", problem["type"]).json() == problem, code
        assert problem["remedy"], code


def test_health_says_which_log_it_runs_on(api: Api) -> None:
    assert api.send("GET", "/livez").json() == {"status": "alive"}
    assert api.send("GET", "/readyz").status_code == 200
    assert "table" in api.send("GET", "/health").text
