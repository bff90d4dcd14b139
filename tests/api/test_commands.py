"""Recording over HTTP: receipts, keys, versions, dry runs, and what a key did."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from httpx2 import ASGITransport, AsyncClient

from api.app import create_app
from tests.api.asking import COMMANDS, Api, fresh_key, listing, penalty, refused, registration

if TYPE_CHECKING:
    from httpx2 import Response

    from api.wiring import Parts

pytestmark = pytest.mark.pg


def test_a_command_is_answered_with_its_receipt(api: Api) -> None:
    answer = api.command("register-subject", registration())
    shown = answer.json()
    assert answer.status_code == 201
    assert shown["state"] == "entered"
    assert shown["position"] == int(answer.headers["Ledger-Position"])
    assert shown["version"] == 1
    assert answer.headers["ETag"] == '"v1"'
    assert answer.headers["Location"] == f"/v1/subjects/{shown['subject']}"
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert [event["type"] for event in shown["events"]] == ["subject-registered"]
    assert len(shown["leaf_hash"]) == len(shown["chain_hash"]) == 64


def test_a_subject_may_be_named_by_its_code(api: Api) -> None:
    body = registration()
    subject = api.record("register-subject", body)["subject"]
    recorded = api.record("impose-penalty", penalty(body["identifiers"][0]))
    assert recorded["subject"] == subject
    assert recorded["version"] == 2


def test_what_is_recorded_already_is_nothing_to_do(api: Api) -> None:
    body = penalty(api.register())
    first = api.record("impose-penalty", body)
    again = api.command("impose-penalty", body)
    assert again.status_code == 200
    assert again.json()["state"] == "unchanged"
    assert again.json()["events"] == []
    assert again.json()["version"] == first["version"]


def test_37_the_same_key_gets_the_first_answer_again(api: Api) -> None:
    body, key = registration(), {"Idempotency-Key": fresh_key()}
    first = api.command("register-subject", body, key)
    again = api.command("register-subject", body, key)
    assert first.status_code == again.status_code == 201
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.json() == first.json()


def test_39_a_key_sent_fifty_times_at_once_records_once(api: Api, parts: Parts) -> None:
    before = api.head
    answers = asyncio.run(_at_once(parts, fresh_key(), 50))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["position"] for answer in answers}) == 1
    assert sum("Idempotent-Replay" not in answer.headers for answer in answers) == 1
    assert api.head == before + 1


async def _at_once(parts: Parts, key: str, count: int) -> list[Response]:
    body = registration()
    headers = {"Idempotency-Key": key, "Prefer": "wait=20"}
    transport = ASGITransport(create_app(parts))
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        sending = (
            client.post(f"{COMMANDS}register-subject", json=body, headers=headers)
            for _ in range(count)
        )
        return list(await asyncio.gather(*sending))


def test_a_key_tells_what_it_did(api: Api) -> None:
    key = fresh_key()
    recorded = api.command("register-subject", registration(), {"Idempotency-Key": key}).json()
    told = api.send("GET", f"{COMMANDS}{key}").json()
    recorded.pop("warnings")
    assert told == recorded


def test_a_write_that_will_not_wait_is_told_where_to_ask(api: Api) -> None:
    key = {"Idempotency-Key": fresh_key(), "Prefer": "wait=0"}
    answer = api.command("register-subject", registration(), key)
    assert answer.status_code in {201, 202}
    assert answer.headers["Preference-Applied"] == "wait=0"
    if answer.status_code == 202:
        assert answer.headers["Location"] == COMMANDS + key["Idempotency-Key"]
    told = api.send("GET", COMMANDS + key["Idempotency-Key"], {"Prefer": "wait=20"})
    assert told.json()["state"] == "entered"


def test_a_write_bound_to_a_version_is_recorded_at_that_version_alone(api: Api) -> None:
    subject = api.register()
    bound = {"If-Match": '"v1"'}
    assert api.command("impose-penalty", penalty(subject), bound).status_code == 201
    stale = api.command("impose-penalty", penalty(subject), bound)
    refused(stale, 412, "stale-version")
    assert (stale.json()["expected"], stale.json()["actual"]) == (1, 2)


def test_a_refusal_cites_its_rule_and_its_field(api: Api) -> None:
    answer = api.command("impose-penalty", penalty(api.register(), decided_on=api.tomorrow))
    refused(answer, 422, "in-the-future", "/decided_on")
    assert answer.json()["rule"]


def test_a_problem_is_said_in_chinese_to_those_who_prefer_it(api: Api) -> None:
    answer = api.send("GET", "/v1/subjects/nobody", {"Accept-Language": "zh-CN"})
    assert answer.headers["Content-Language"] == "zh"
    assert answer.json()["title"] == "主体标识无效"


def test_a_dry_run_shows_the_grade_before_and_after_and_records_nothing(api: Api) -> None:
    subject = api.register(kind="enterprise")
    before = api.head
    answer = api.command("impose-penalty", penalty(subject), query="?dry_run=true")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert api.head == before
    assert [event["type"] for event in shown["events"]] == ["penalty-imposed"]
    changed = {change["regime"]: change for change in shown["changes"]}
    change = changed["demo/enterprise/score"]
    assert change["kind"] == "scoring"
    assert change["before"] != change["after"]
    assert change["after"][-1]["until"] is None
    assert shown["lists"] == []


def test_a_dry_run_shows_what_changes_on_lists(api: Api) -> None:
    subject = api.register()
    shown = api.command("decide-listing", listing(subject), query="?dry_run=true").json()
    assert [(one["list"], one["before"]) for one in shown["lists"]] == [("demo/list", [])]
    assert shown["lists"][0]["after"][0]["from"] == "2024-05-01"


def test_a_dry_run_of_what_is_recorded_already_changes_nothing(api: Api) -> None:
    body = penalty(api.register())
    api.record("impose-penalty", body)
    shown = api.command("impose-penalty", body, query="?dry_run=true").json()
    assert (shown["events"], shown["changes"], shown["lists"]) == ([], [], [])


def test_a_dry_run_needs_no_key_and_is_refused_as_the_command_would_be(api: Api) -> None:
    path = f"{COMMANDS}impose-penalty?dry_run=true"
    subject = api.register()
    good = api.send("POST", path, json=penalty(subject))
    assert good.status_code == 200, good.text
    bad = api.send("POST", path, json=penalty(subject, decided_on=api.tomorrow))
    refused(bad, 422, "in-the-future", "/decided_on")


def test_a_dry_run_of_a_registration_shows_the_first_grade(api: Api) -> None:
    body = registration(kind="enterprise")
    shown = api.command("register-subject", body, query="?dry_run=true").json()
    change = next(one for one in shown["changes"] if one["regime"] == "demo/enterprise/score")
    assert change["before"] == []
    assert change["after"][-1]["grade"] == "A"
    assert api.read(f"/v1/subjects/{body['identifiers'][0]}").status_code == 404


def test_the_command_in_the_body_must_be_that_of_the_address(api: Api) -> None:
    body = registration(command="register-subject")
    assert api.command("register-subject", body).status_code == 201
    refused(
        api.command("register-subject", registration(command="give-role")),
        422,
        "invalid",
        "/command",
    )


def test_there_is_no_command_of_another_name(api: Api) -> None:
    refused(api.command("delete-subject", registration()), 404, "not-found")


def test_every_answer_forbids_sniffing_and_names_the_position(api: Api) -> None:
    for path in ("/livez", "/docs", "/openapi.json", "/problems", "/v1/lists", "/nothing"):
        answer = api.send("GET", path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["Ledger-Position"].isdigit(), path


def test_head_is_answered_as_get_without_a_body(api: Api) -> None:
    subject = api.register()
    api.read(f"/v1/subjects/{subject}")
    answer = api.send("HEAD", f"/v1/subjects/{subject}")
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"v1"'
