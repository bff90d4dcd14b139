"""The OpenAPI document is kept: whatever is sent, no answer is a defect or is not described."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import checks
from schemathesis.core.result import Ok

from api.server import Server, listener
from ledger.commands import COMMAND_NAMES

if TYPE_CHECKING:
    from schemathesis.schemas import BaseSchema

    from api.wiring import Parts

pytestmark = [pytest.mark.pg, pytest.mark.timeout(300)]

_KEPT = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
)


@pytest.fixture(scope="module")
def described(parts: "Parts") -> Iterator["BaseSchema"]:
    with listener(None, 0) as listening, Server(parts, listening) as server:
        yield schemathesis.openapi.from_url(f"{server.url}/openapi.json")


def test_every_answer_is_described(described: "BaseSchema") -> None:
    # In one test: the library's own way into pytest makes a test of each operation.
    tried = 0
    for found in described.get_all_operations():
        assert isinstance(found, Ok), found
        _try_out(found.ok())
        tried += 1
    assert tried >= len(COMMAND_NAMES)


def _try_out(operation: Any) -> None:
    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def answered(case: Any) -> None:
        case.call_and_validate(checks=list(_KEPT))

    answered()
