"""Reading over HTTP: subjects, grades and why, lists by pages, rulebooks, as of and known at."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.api.asking import Api, listing, penalty, refused, registration

pytestmark = pytest.mark.pg

REGIME = "demo/enterprise/score"


def test_a_subject_is_found_by_id_and_by_code(api: Api) -> None:
    body = registration()
    subject = api.record("register-subject", body)["subject"]
    for name in (subject, body["identifiers"][0], body["identifiers"][0][8:17]):
        shown = api.shown(f"/v1/subjects/{name}")
        assert shown["subject"] == subject
        assert shown["name"] == body["name"]
        assert shown["version"] == 1


def test_a_code_that_nobody_holds_is_not_found(api: Api) -> None:
    refused(api.read(f"/v1/subjects/{registration()['identifiers'][0]}"), 404, "unknown-subject")


def test_a_search_by_code_finds_one_or_none(api: Api) -> None:
    body = registration()
    assert api.shown(f"/v1/subjects?code={body['identifiers'][0]}")["items"] == []
    subject = api.record("register-subject", body)["subject"]
    items = api.shown(f"/v1/subjects?code={body['identifiers'][0]}")["items"]
    assert [item["subject"] for item in items] == [subject]
    assert items[0]["code"] == body["identifiers"][0]


def test_a_search_wants_a_name_or_a_code(api: Api) -> None:
    refused(api.read("/v1/subjects"), 422, "invalid", "/name")


def test_a_subject_is_not_sent_again_at_the_same_version(api: Api) -> None:
    subject = api.register()
    first = api.read(f"/v1/subjects/{subject}")
    same = {"If-None-Match": f'"v9", {first.headers["ETag"]}'}
    again = api.read(f"/v1/subjects/{subject}", same)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    api.record("impose-penalty", penalty(subject))
    assert api.read(f"/v1/subjects/{subject}", same).status_code == 200


def test_a_subject_is_shown_as_known_before_and_after(api: Api) -> None:
    subject = api.register(name="前名有限公司")
    before = api.position
    api.record("rename-subject", {"subject": subject, "name": "后名有限公司"})
    assert api.shown(f"/v1/subjects/{subject}")["name"] == "后名有限公司"
    shown = api.shown(f"/v1/subjects/{subject}?known_at={before}")
    assert (shown["name"], shown["known_at"], shown["version"]) == ("前名有限公司", before, 1)
    refused(api.read(f"/v1/subjects/{subject}?known_at={before - 1}"), 404, "unknown-subject")


def test_an_explanation_adds_up_and_names_its_facts(api: Api) -> None:
    subject = api.register(kind="enterprise")
    finding = api.record("impose-penalty", penalty(subject))["events"][0]
    shown = api.shown(f"/v1/subjects/{subject}/explanation?as_of=2024-06-01")
    assert list(shown)[:12] == [
        "subject",
        "regime",
        "edition",
        "as_of",
        "known_at",
        "grade",
        "score",
        "state",
        "from",
        "until",
        "verified",
        "complete",
    ]
    assert shown["regime"] == REGIME
    assert shown["state"] == "graded"
    assert shown["verified"] is False
    reasons = shown["reasons"]
    assert sum(Decimal(reason["points"]) for reason in reasons) == Decimal(shown["score"])
    assert finding["id"] in [reason["event"] for reason in reasons]
    assert shown["next"]["from"] == shown["until"]


def test_a_grade_is_that_of_the_explanation(api: Api) -> None:
    subject = api.register(kind="enterprise")
    api.record("impose-penalty", penalty(subject))
    for day in ("2018-01-01", "2024-02-29", "2024-03-01", "2025-01-01"):
        path = f"/v1/subjects/{subject}/{{}}?regime={REGIME}&as_of={day}"
        grade, why = api.shown(path.format("grade")), api.shown(path.format("explanation"))
        assert grade == {name: why[name] for name in grade}, day


def test_a_correction_does_not_change_what_was_known_before_it(api: Api) -> None:
    subject = api.register(kind="enterprise")
    before = api.position
    api.record("impose-penalty", penalty(subject))
    path = f"/v1/subjects/{subject}/grade?as_of=2024-06-01"
    then, now = api.shown(f"{path}&known_at={before}"), api.shown(path)
    assert (then["score"], then["grade"]) == ("100", "A")
    assert Decimal(now["score"]) < Decimal(then["score"])


def test_the_grades_of_a_subject_come_with_their_courses(api: Api) -> None:
    subject = api.register(kind="enterprise")
    items = api.shown(f"/v1/subjects/{subject}/grades")["items"]
    item = next(one for one in items if one["regime"] == REGIME)
    assert item["grade"] == "A"
    assert item["course"][0]["from"] == "2018-01-01"
    assert item["course"][-1]["until"] is None


def test_regimes_that_may_be_named_are_listed_where_none_applies(api: Api) -> None:
    subject = api.register(kind="organ")
    answer = api.read(f"/v1/subjects/{subject}/grade")
    refused(answer, 422, "regime-undecided", "/regime")
    assert REGIME in answer.json()["regimes"]


def test_a_regime_that_there_is_not_is_not_found(api: Api) -> None:
    answer = api.read(f"/v1/subjects/{api.register()}/grade?regime=demo/none")
    refused(answer, 404, "unknown-regime", "/regime")
    assert REGIME in answer.json()["regimes"]


def test_a_regime_without_score_says_what_holds(api: Api) -> None:
    subject = api.register()
    shown = api.shown(f"/v1/subjects/{subject}/explanation?regime=cnipa-credit/measures")
    assert shown["state"] == "clear"
    assert (shown["grade"], shown["score"], shown["reasons"]) == (None, None, [])


def test_a_listing_is_on_its_list_from_its_first_to_its_last_day(api: Api) -> None:
    subject = api.register()
    list_id = f"demo/list-{api.position}"
    api.record("decide-listing", listing(subject, list=list_id))
    api.record("end-listing", {"subject": subject, "list": list_id, "effective_on": "2024-06-01"})
    for day, is_on in (("04-30", False), ("05-01", True), ("05-31", True), ("06-01", False)):
        items = api.shown(f"/v1/lists/{list_id}?as_of=2024-{day}")["items"]
        assert [item["subject"] for item in items] == ([subject] if is_on else []), day
        lists = api.shown(f"/v1/lists?as_of=2024-{day}")["items"]
        assert next(one for one in lists if one["list"] == list_id)["on_it"] == int(is_on), day
        own = api.shown(f"/v1/subjects/{subject}/listings?as_of=2024-{day}")["items"]
        assert len(own) == int(is_on), day


def test_what_stands_against_a_subject_is_shown(api: Api) -> None:
    subject = api.register()
    finding = api.record("impose-penalty", penalty(subject))["events"][0]
    items = api.shown(f"/v1/subjects/{subject}/standing?as_of=2024-06-01")["items"]
    assert [item["fact"] for item in items] == [finding["id"]]
    assert api.shown(f"/v1/subjects/{subject}/standing?as_of=2024-02-29")["items"] == []


def test_measures_run_after_a_determination(api: Api) -> None:
    subject = api.register()
    body = {
        "subject": subject,
        "rulebook": "cnipa-credit",
        "act": "ABNORMAL_PATENT_FILING",
        "decided_on": "2024-03-01",
    }
    finding = api.record("make-determination", body)["events"][0]
    for path in (f"/v1/subjects/{subject}/measures", "/v1/measures"):
        items = api.shown(f"{path}?as_of=2024-06-01")["items"]
        mine = [item for item in items if item["subject"] == subject]
        assert [item["finding"] for item in mine] == [finding["id"]]


def test_a_timeline_tells_each_event_and_what_it_changed(api: Api) -> None:
    subject = api.register(kind="enterprise")
    api.record("impose-penalty", penalty(subject))
    items = api.shown(f"/v1/subjects/{subject}/timeline")["items"]
    assert [item["type"] for item in items] == ["subject-registered", "penalty-imposed"]
    assert [item["version"] for item in items] == [1, 2]
    change = next(one for one in items[1]["changes"] if one["regime"] == REGIME)
    assert (change["score_before"], change["grade_before"]) == ("100", "A")
    assert change["changed_from"] == "2024-03-01"


def test_a_timeline_comes_in_pages(api: Api) -> None:
    subject = api.register()
    for _ in range(4):
        api.record("impose-penalty", penalty(subject))
    pages = list(api.pages(f"/v1/subjects/{subject}/timeline", 2))
    assert [len(page["items"]) for page in pages] == [2, 2, 1]
    assert [item["version"] for page in pages for item in page["items"]] == [1, 2, 3, 4, 5]


def test_a_list_comes_in_pages_that_answer_one_question(api: Api) -> None:
    list_id = f"demo/pages-{api.head}"
    subjects = {api.register() for _ in range(5)}
    for subject in subjects:
        api.record("decide-listing", listing(subject, list=list_id))
    pages: list[dict[str, Any]] = []
    for page in api.pages(f"/v1/lists/{list_id}?as_of=2024-06-01", 2):
        pages.append(page)
        # What is recorded in between is not on the pages that follow.
        api.record("decide-listing", listing(api.register(), list=list_id))
    assert [len(page["items"]) for page in pages] == [2, 2, 1]
    assert {item["subject"] for page in pages for item in page["items"]} == subjects
    assert len({page["known_at"] for page in pages}) == 1


def test_the_grades_of_all_are_listed_by_regime_and_grade(api: Api) -> None:
    good, poor = api.register(kind="enterprise"), api.register(kind="enterprise")
    api.record("impose-penalty", penalty(poor, kinds=["licence-revoked"]))
    path = f"/v1/grades?regime={REGIME}&as_of=2024-06-01"
    graded = {
        item["subject"]: item["grade"] for page in api.pages(path, 2) for item in page["items"]
    }
    assert graded[good] == "A"
    assert graded[poor] != "A"
    best = {item["subject"] for page in api.pages(f"{path}&grade=A", 2) for item in page["items"]}
    assert good in best
    assert poor not in best


def test_subjects_are_found_by_a_part_of_their_name(api: Api) -> None:
    subjects = [api.register(name=f"检索示例第{number}公司") for number in range(3)]
    pages = list(api.pages("/v1/subjects?name=检索示例", 2))
    assert sorted(item["subject"] for page in pages for item in page["items"]) == sorted(subjects)


def test_a_cursor_belongs_to_its_question(api: Api) -> None:
    for number in range(2):
        api.register(name=f"归属示例第{number}公司")
    cursor = api.shown("/v1/subjects?name=归属示例&limit=1")["next"]
    assert api.read(f"/v1/subjects?name=归属示例&limit=1&after={cursor}").status_code == 200
    refused(api.read(f"/v1/subjects?name=示例&limit=1&after={cursor}"), 400, "bad-cursor", "/after")


def test_rulebooks_show_their_editions_and_editions_their_text(api: Api) -> None:
    rulebooks = {one["rulebook"]: one for one in api.shown("/v1/rulebooks")["items"]}
    assert {"cnipa-credit", "pa-rating", "demo/enterprise"} <= set(rulebooks)
    one = api.shown("/v1/rulebooks/demo/enterprise")
    assert one["editions"] == rulebooks["demo/enterprise"]["editions"]
    edition = one["editions"][0]
    shown = api.shown(f"/v1/editions/{edition['edition']}")
    assert shown["digest"] == edition["digest"]
    text = api.read(f"/v1/editions/{edition['edition']}", {"Accept": "application/toml"})
    assert text.headers["Content-Type"].startswith("application/toml")
    assert text.text == shown["text"]


def test_a_reader_who_wants_more_than_there_is_waits_and_is_told(api: Api) -> None:
    wanted = {"Ledger-Min-Position": str(api.head + 1_000), "Prefer": "wait=0"}
    answer = api.send("GET", "/v1/lists", wanted)
    refused(answer, 503, "not-yet-projected")
    assert answer.headers["Retry-After"] == "1"
    refused(
        api.send("GET", "/v1/lists", {"Ledger-Min-Position": "soon"}),
        400,
        "malformed-header",
        "/Ledger-Min-Position",
    )


def test_a_day_as_known_at_means_its_end(api: Api) -> None:
    subject = api.register()
    today = api.today.isoformat()
    shown = api.shown(f"/v1/subjects/{subject}?known_at={today}")
    assert shown["known_at"] >= api.position
    refused(api.read(f"/v1/subjects/{subject}?known_at=2000-01-01"), 404, "unknown-subject")
