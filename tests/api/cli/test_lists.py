"""`list`: grades in a regime, measures that run, published lists, as of a day and as known then."""

import pytest

from tests.api.asking import fresh_code, penalty
from tests.api.cli.conftest import AGENCY, MEASURES, RATING, SCORE
from tests.api.cli.running import Home
from tests.api.cli.test_recording import command, enterprise, lines

pytestmark = pytest.mark.pg


@pytest.fixture(scope="module")
def codes(home: Home) -> list[str]:
    """Five enterprises more, the first of which was fined."""
    found = [fresh_code() for _ in range(5)]
    fined = command("impose-penalty", penalty(found[0], decided_on="2026-03-01"))
    assert home.run("record", "-", said=lines(*map(enterprise, found), fined)).code == 0
    return found


def test_whose_grade_holds_is_listed_by_subject(home: Home, codes: list[str]) -> None:
    ran = home.run("list", "grades", "--regime", SCORE, "--as-of", "2026-03-01", "--json")
    found = ran.json("list")
    assert ran.code == 0
    assert {one["code"] for one in found["items"]} == {AGENCY, *codes}
    assert [one["subject"] for one in found["items"]] == sorted(
        one["subject"] for one in found["items"]
    )
    scores = {one["code"]: one["score"] for one in found["items"]}
    assert (scores[codes[0]], scores[codes[1]]) == ("84", "100")
    assert (found["regime"], found["next"]) == (SCORE, None)
    before = home.run("list", "grades", "--regime", SCORE, "--as-of", "2026-02-28", "--json")
    assert {one["code"]: one["score"] for one in before.json("list")["items"]}[codes[0]] == "100"


def test_one_grade_alone_may_be_listed(home: Home, codes: list[str]) -> None:
    ran = home.run("list", "--regime", SCORE, "--grade", "B", "--as-of", "2026-03-01", "--json")
    assert [one["code"] for one in ran.json("list")["items"]] == [codes[0]]


def test_a_list_as_known_at_a_position_or_on_a_day(home: Home, codes: list[str]) -> None:
    asked = ("list", "grades", "--regime", SCORE, "--json", "--known-at")
    then = home.run(*asked, "5").json("list")
    assert ([one["code"] for one in then["items"]], then["known_at"]) == ([AGENCY], 5)
    assert home.run(*asked, "2020-01-01").code == 1  # nothing was published by then
    assert home.run(*asked, "99999").code == 2


def test_measures_that_run_are_listed(home: Home) -> None:
    for arguments in (("measures",), ("--regime", MEASURES)):
        ran = home.run("list", *arguments, "--as-of", "2026-06-16", "--json")
        assert [one["code"] for one in ran.json("list")["items"]] == [AGENCY]
    ended = home.run("list", "measures", "--as-of", "2026-06-17", "--json")
    assert ended.json("list")["items"] == []


def test_published_lists_and_who_is_on_them(home: Home) -> None:
    lists = home.run("list", "--json").json("list")
    assert lists["items"] == [{"list": "demo/list", "name": "演示名单", "on_it": 1}]
    assert home.run("list", "lists", "--json").json("list") == lists
    for arguments in (("demo/list",), ("--list", "demo/list")):
        ran = home.run("list", *arguments, "--as-of", "2026-01-10", "--json")
        assert [one["code"] for one in ran.json("list")["items"]] == [AGENCY]
    before = home.run("list", "demo/list", "--as-of", "2026-01-09", "--json")
    assert before.json("list")["items"] == []


def test_a_list_that_only_an_edition_names_is_empty(home: Home) -> None:
    ran = home.run("list", "--regime", "cnipa-credit/serious-list", "--json")
    assert (ran.json("list")["list"], ran.json("list")["items"]) == ("cnipa-serious", [])


def test_pages_follow_one_another_and_answer_one_question(home: Home, codes: list[str]) -> None:
    whole = home.run("list", "grades", "--regime", SCORE, "--json").json("list")
    found = []
    more: tuple[str, ...] = ()
    while True:
        page = home.run("list", "grades", "--regime", SCORE, "--limit", "2", *more, "--json").json(
            "list"
        )
        assert (page["as_of"], page["known_at"]) == (whole["as_of"], whole["known_at"])
        found += page["items"]
        if page["next"] is None:
            break
        # Somebody who is recorded meanwhile is on no page of this list.
        home.run("record", "-", said=lines(enterprise(fresh_code())))
        more = ("--after", page["next"])
    assert found == whole["items"]
    assert home.run("list", "grades", "--regime", RATING, *more).code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("no-such-list",), 1, "not-found"),
        (("--regime", "no/such"), 1, "unknown-regime"),
        (("grades",), 2, "regime-undecided"),
        (("grades", "--regime", MEASURES), 1, "unknown-regime"),
        (("--as-of", "1949-09-30"), 2, "invalid"),
    ],
)
def test_a_list_that_cannot_be_given_ends_with_one_line(
    home: Home, arguments: tuple[str, ...], code: int, problem: str
) -> None:
    ran = home.run("list", *arguments, "--json")
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(f"{problem}: ")


def test_people_read_a_line_an_item(home: Home, codes: list[str]) -> None:
    ran = home.run("list", "--regime", SCORE, "--grade", "B", "--as-of", "2026-03-01")
    assert f"{codes[0]}  示例知识产权服务有限公司  B  84  2026-03-01 – 2028-03-01" in ran.out
    listed = home.run("list", "demo/list")
    assert f"{AGENCY}  示例专利代理事务所  2026-01-10 –" in listed.out
    assert "demo/list  演示名单  1" in home.run("list").out
    measures = home.run("list", "measures", "--as-of", "2026-06-16")
    assert f"{MEASURES}  2025-06-16 – 2026-06-16" in measures.out
