"""Bad input gets a clear answer with its place and leaves no event; odd input is accepted.

The number in a test's id or name is the row of the corpus.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from api.app import create_app
from api.server import Server, listener
from tests.api.asking import COMMANDS, Api, fresh_code, fresh_key, penalty, refused, registration
from tests.api.corpus import BAD, Bad
from tests.codes import synthetic_uscc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from httpx2 import Response

    from api.wiring import Parts

pytestmark = pytest.mark.pg

NAME: Final = "示例知识产权服务有限公司"


class Watched(Api):
    """A caller who notes where the log ends before each request."""

    before: int = 0

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **said: object
    ) -> Response:
        self.before = self.head
        return super().send(method, path, headers, **said)


@pytest.mark.parametrize("bad", [pytest.param(bad, id=f"{bad.row}-{bad.what}") for bad in BAD])
def test_bad_input_is_refused_with_its_place_and_leaves_no_event(api: Api, bad: Bad) -> None:
    caller = Watched(client=api.client, parts=api.parts)
    answer = bad.send(caller)
    refused(answer, bad.status, bad.code, bad.pointer)
    assert caller.head == caller.before, "an event was recorded"
    assert len(caller.audited) == 1, caller.audited


def _wide(code: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in code)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(_wide, id="1-full width"),
        pytest.param(str.lower, id="2-lower case"),
        pytest.param(
            lambda code: f" {code[:2]} {code[2:8]}-{code[8:]} ", id="2-spaces and hyphens"
        ),
    ],
)
def test_a_code_is_the_same_however_it_is_written(api: Api, written: Any) -> None:
    code = fresh_code()
    first = api.record("register-subject", registration(written(code)))
    assert first["events"][0]["data"]["identifiers"][0]["value"] == code
    again = api.command("register-subject", registration(code))
    assert again.status_code == 200
    assert again.json()["subject"] == first["subject"]
    assert again.json()["events"] == []
    assert api.shown(f"/v1/subjects/{written(code)}")["subject"] == first["subject"]


@pytest.mark.parametrize(
    ("prefix", "warnings"), [("N2", []), ("A1", []), ("Y1", []), ("B1", ["unknown-department"])]
)
def test_6_letters_may_begin_a_code_and_unknown_ones_are_warned_of(
    api: Api, prefix: str, warnings: list[str]
) -> None:
    answer = api.record(
        "register-subject", registration(synthetic_uscc(888_000 + ord(prefix[0]), prefix=prefix))
    )
    assert [one["code"] for one in answer["warnings"]] == warnings


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("示例\uf900公司", id="8-compatibility ideograph"),
        pytest.param("示例\U0002c729公司", id="9-a character beyond the basic plane"),
        pytest.param("示例\u30fb公司", id="11-another dot"),
        pytest.param("葛\U000e0100示例公司", id="12-variation selector"),
        pytest.param('=HYPERLINK("http://x","查看")', id="15-a formula"),
        pytest.param("+1", id="15-a sum"),
        pytest.param("＝1", id="15-a full-width formula"),
    ],
)
def test_an_odd_name_is_stored_as_it_was_sent(api: Api, name: str) -> None:
    answer = api.record("register-subject", registration(name=name))
    assert answer["events"][0]["data"]["name"] == name
    assert api.shown(f"/v1/subjects/{answer['subject']}")["name"] == name


def test_11_a_dot_that_is_not_the_official_one_is_warned_of(api: Api) -> None:
    answer = api.record("register-subject", registration(name="示例\u30fb公司"))
    assert [one["pointer"] for one in answer["warnings"]] == ["/name"]


def test_26_an_endless_body_is_cut_at_the_limit(parts: Parts) -> None:
    taken, sent = asyncio.run(_endless(parts))
    start = next(message for message in sent if message["type"] == "http.response.start")
    assert start["status"] == 413
    assert (b"connection", b"close") in [(n.lower(), v.lower()) for n, v in start["headers"]]
    assert taken <= 1024 * 1024 + 2 * 65_536


async def _endless(parts: Parts) -> tuple[int, list[Any]]:
    sent: list[Any] = []
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 65_536
        return {"type": "http.request", "body": b" " * 65_536, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    await create_app(parts)(_scope(fresh_key()), receive, send)
    return taken, sent


def _scope(key: str) -> dict[str, Any]:
    path = f"{COMMANDS}register-subject"
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [
            (b"content-type", b"application/json"),
            (b"idempotency-key", key.encode()),
            (b"transfer-encoding", b"chunked"),
        ],
        "client": ("127.0.0.1", 1),
    }


def test_28_a_server_refuses_a_request_of_two_lengths(parts: Parts) -> None:
    head = (
        f"POST {COMMANDS}register-subject HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    )
    both = f"{head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    chunk = f"{head}Transfer-Encoding: chunked\r\n\r\nnot hexadecimal\r\n\r\n"
    with listener(None, 0) as listening, Server(parts, listening) as server:
        before = parts.statuses.head()
        for request in (both, chunk):
            assert _answered(server.url, request).startswith(b"HTTP/1.1 400 ")
        assert parts.statuses.head() == before


def _answered(url: str, request: str) -> bytes:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request.encode())
        return connection.recv(65_536)


def test_42_a_star_binds_to_a_subject_that_exists(api: Api) -> None:
    star = {"If-Match": "*"}
    assert api.command("impose-penalty", penalty(api.register()), star).status_code == 201
    refused(api.command("impose-penalty", penalty(fresh_code()), star), 412, "stale-version")


def test_45_the_signs_of_patterns_mean_themselves(api: Api) -> None:
    odd, plain = api.register(name="百分之百%示例"), api.register(name="百分之百X示例")
    found = [item["subject"] for item in api.shown("/v1/subjects?name=百%25示")["items"]]
    assert odd in found
    assert plain not in found
    assert api.shown("/v1/subjects?name=百_示")["items"] == []


def test_47_what_is_said_about_hosts_is_ignored(api: Api) -> None:
    spoofed = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-For": "9.9.9.9",
    }
    for path in (
        "/v1/lists",
        "/v1/lists/",
        "/openapi.json",
        "/docs",
        "/v1/subjects?name=示例&limit=1",
    ):
        answer = api.read(path, spoofed)
        assert "evil.example" not in answer.text
        assert "evil.example" not in str(answer.headers)
    api.send("GET", "/nothing", spoofed)
    assert "9.9.9.9" not in str(api.audited)


def test_65_a_day_to_come_is_a_forecast(api: Api) -> None:
    subject = api.register()
    path = f"/v1/subjects/{subject}/grade?regime=demo/enterprise/score&as_of="
    assert api.shown(path + api.tomorrow)["forecast"] is True
    assert "forecast" not in api.shown(path + api.today.isoformat())


def test_65_the_head_is_told_where_known_at_lies_beyond_it(api: Api) -> None:
    answer = api.read(f"/v1/lists?known_at={api.head + 1_000}")
    assert answer.json()["head"] == api.parts.follower.entered
    day = api.read(f"/v1/lists?known_at={api.tomorrow}")
    refused(day, 400, "beyond-head", "/known_at")


def test_67_a_header_does_not_change_the_method(api: Api) -> None:
    subject = api.register()
    answer = api.read(f"/v1/subjects/{subject}", {"X-HTTP-Method-Override": "DELETE"})
    assert answer.status_code == 200
    assert api.shown(f"/v1/subjects/{subject}")["subject"] == subject


def test_72_a_client_that_leaves_in_the_middle_leaves_nothing_half(api: Api, parts: Parts) -> None:
    before = api.head
    key = fresh_key()
    asyncio.run(_leave(parts, key))
    assert api.head == before
    refused(api.send("GET", f"{COMMANDS}{key}"), 404, "unknown-key")


async def _leave(parts: Parts, key: str) -> None:
    messages: Iterator[dict[str, Any]] = iter(
        [
            {"type": "http.request", "body": b'{"name": "x"', "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    await create_app(parts)(_scope(key), receive, send)


def test_73_a_line_break_in_a_path_forges_no_line_of_the_log(api: Api) -> None:
    answer = api.send("GET", "/v1/subjects/x%0a2026-01-01 INFO admin")
    refused(answer, 400, "malformed-path")
    assert len(api.audited) == 1
    assert "\n" not in api.audited[0]["path"]
