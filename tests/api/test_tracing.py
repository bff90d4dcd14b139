"""Traces of requests, and what of a request may stand in a log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import LogCapture, capture_logs

from api.discretion import _PARAMETERS, _WORDS, path_shown, pointer_shown
from api.schemas import COMMAND_MODELS
from api.tracing import trace_of
from tests.api.asking import fresh_code, registration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.asking import Api

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
ANSWERED = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """The lines of the log, with what is bound to the context."""
    capture = LogCapture()
    structlog.configure(processors=[merge_contextvars, capture])
    yield capture.entries
    structlog.reset_defaults()


def traced(*headers: str) -> str:
    return trace_of([(b"traceparent", one.encode("ascii")) for one in headers])


def test_the_trace_is_the_callers() -> None:
    assert traced(f"00-{TRACE}-{PARENT}-01") == TRACE
    assert traced(f"00-{TRACE}-{PARENT}-00") == TRACE
    assert traced(f"cc-{TRACE}-{PARENT}-01-what-comes-later") == TRACE


@pytest.mark.parametrize(
    "header",
    [
        "",
        TRACE,
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-1",
    ],
)
def test_what_is_no_trace_is_replaced_by_a_new_one(header: str) -> None:
    new = {traced(header) for _ in range(20)}
    assert TRACE not in new
    assert len(new) == 20
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in new)


def test_two_headers_are_none() -> None:
    assert traced(f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01") != TRACE


@pytest.mark.pg
def test_every_answer_names_its_trace_and_a_span_of_its_own(api: Api) -> None:
    given = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    for path in ("/livez", "/v1/lists", "/nothing", "/v1/commands/x", "/metrics", "/docs"):
        answered = ANSWERED.fullmatch(api.send("GET", path, given).headers["traceparent"])
        assert answered is not None
        assert answered[1] == TRACE
        assert answered[2] != PARENT
        assert ANSWERED.fullmatch(api.send("HEAD", path).headers["traceparent"])


@pytest.mark.pg
def test_the_lines_of_a_command_have_its_trace_its_subject_and_its_position(
    api: Api, lines: list[Any]
) -> None:
    headers = {
        "traceparent": f"00-{TRACE}-{PARENT}-01",
        "Prefer": "wait=20",
        "Idempotency-Key": "k",
    }
    answer = api.client.post(
        "/v1/commands/register-subject", json=registration(), headers=headers
    ).json()
    mine = [line for line in lines if line.get("trace_id") == TRACE]
    assert [line["event"] for line in mine] == ["sequenced", "entered"]
    for line in mine:
        assert line["subject"] == answer["subject"]
        assert line["position"] == answer["position"]
        assert line["command"] == "register-subject"


@pytest.mark.pg
def test_what_is_read_is_a_line_with_the_position_that_it_was_read_at(
    api: Api, lines: list[Any]
) -> None:
    subject = api.register()
    api.client.get(
        f"/v1/subjects/{subject}/timeline",
        headers={"Ledger-Min-Position": str(api.position), "Prefer": "wait=20"},
    )
    (line,) = [line for line in lines if line["event"] == "answered"]
    assert line["path"] == f"/v1/subjects/{subject}/timeline"
    assert (line["subject"], line["status"], line["method"]) == (subject, 200, "GET")
    assert line["position"] >= api.position
    assert len(line["trace_id"]) == 32


@pytest.mark.pg
def test_what_machines_ask_every_few_seconds_is_no_line(api: Api) -> None:
    with capture_logs() as lines:
        for path in ("/livez", "/readyz", "/health", "/metrics", "/docs"):
            assert api.client.get(path).status_code == 200
    assert [line for line in lines if line["event"] in {"answered", "refused"}] == []


def test_of_a_path_only_words_of_routes_and_ids_of_subjects_are_shown() -> None:
    subject = "s-" + "a2" * 13
    assert path_shown(f"/v1/subjects/{subject}/grades") == f"/v1/subjects/{subject}/grades"
    assert path_shown("/v1/commands/impose-penalty") == "/v1/commands/impose-penalty"
    for secret in (fresh_code(), "11010519491231002X", "张三", "zhangsan", "s-1", "a\nb", " "):
        assert path_shown(f"/v1/subjects/{secret}/grades") == "/v1/subjects/…/grades"
        assert path_shown(f"/{secret}") == "/…"


def test_of_a_pointer_only_names_of_fields_and_numbers_of_items_are_shown() -> None:
    assert pointer_shown("/basis/authority/name") == "/basis/authority/name"
    assert pointer_shown("/assessments/0/points") == "/assessments/0/points"
    assert pointer_shown("/Idempotency-Key") == "/Idempotency-Key"
    assert pointer_shown("") == ""
    for secret in (fresh_code(), "11010519491231002X", "13912345678", "张三", "zhangsan"):
        assert pointer_shown(f"/identifiers/{secret}") == "/identifiers/…"


@pytest.mark.pg
def test_every_word_of_a_route_and_every_parameter_may_be_shown(api: Api) -> None:
    document = api.send("GET", "/openapi.json").json()
    for path, operations in document["paths"].items():
        static = [part for part in path.split("/") if not part.startswith("{")]
        assert {part.removesuffix(".json") for part in static if "{" not in part} <= _WORDS, path
        for operation in operations.values():
            for one in operation.get("parameters", ()):
                assert one["name"].lower() in _PARAMETERS, one


def test_every_field_of_a_command_may_be_shown() -> None:
    for model in COMMAND_MODELS.values():
        schema = model.model_json_schema()
        for shape in (schema, *schema.get("$defs", {}).values()):
            for name in shape.get("properties", ()):
                assert pointer_shown(f"/{name}") == f"/{name}"
