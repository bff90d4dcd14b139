"""`record`: commands as JSON or JSON Lines, each done or refused by itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.asking import fresh_code, listing, penalty, registration
from tests.api.cli.running import Home

pytestmark = pytest.mark.pg


def command(name: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"command": name, **body}


def lines(*commands: dict[str, Any]) -> str:
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in commands) + "\n"


def enterprise(code: str) -> dict[str, Any]:
    return command("register-subject", registration(code))


def fine(code: str, **fields: object) -> dict[str, Any]:
    return command("impose-penalty", penalty(code, **fields))


def test_json_lines_are_recorded_in_order_each_seeing_what_the_former_did(home: Home) -> None:
    code = fresh_code()
    ran = home.run("record", "-", "--json", said=lines(enterprise(code), fine(code)))
    first, second = ran.documents("record")
    assert ran.code == 0
    assert (first["line"], second["line"]) == (1, 2)
    assert {first["status"], second["status"]} == {"recorded"}
    assert second["subject"] == first["subject"]
    assert second["version"] == first["version"] + 1 == 2
    assert [one["type"] for one in second["events"]] == ["penalty-imposed"]
    assert second["events"][0]["data"]["fine"] == "30000.00"
    assert second["position"] == second["events"][-1]["position"] == first["position"] + 1


@pytest.mark.parametrize("layout", ["one line", "several lines", "array", "file"])
def test_a_command_may_be_written_in_any_layout(home: Home, tmp_path: Path, layout: str) -> None:
    wanted = enterprise(fresh_code())
    said = {
        "one line": json.dumps(wanted),
        "several lines": json.dumps(wanted, indent=2),
        "array": json.dumps([wanted, enterprise(fresh_code())], indent=2),
        "file": "\r\n" + json.dumps(wanted) + "\r\n\r\n",
    }[layout]
    file = "-"
    if layout == "file":
        path = tmp_path / "commands.jsonl"
        path.write_text(said, "utf-8")
        file, said = str(path), ""
    ran = home.run("record", file, "--json", said=said)
    found = ran.documents("record")
    assert ran.code == 0
    assert {one["status"] for one in found} == {"recorded"}
    assert len(found) == (2 if layout == "array" else 1)


def test_a_bad_command_harms_no_other_and_says_where_and_why(home: Home) -> None:
    code = fresh_code()
    said = lines(enterprise(code)) + '{"command": "no such thing"}\n{broken}\n' + lines(fine(code))
    said += lines(fine(fresh_code()), fine(code, decided_on="2024-02-30"))
    ran = home.run("record", "-", "--json", said=said)
    found = ran.documents("record")
    assert ran.code == 3
    statuses = ["recorded", "refused", "refused", "recorded", "refused", "refused"]
    assert [one["status"] for one in found] == statuses
    assert [one["line"] for one in found] == [1, 2, 3, 4, 5, 6]
    problems = [one["problem"] for one in found if one["status"] == "refused"]
    codes = ["invalid", "malformed-json", "unknown-subject", "invalid"]
    assert [one["code"] for one in problems] == codes
    assert problems[3]["errors"][0]["pointer"] == "/decided_on"


def test_what_was_recorded_is_recorded_once(home: Home) -> None:
    code = fresh_code()
    said = lines(enterprise(code), fine(code))
    home.run("record", "-", said=said)
    ran = home.run("record", "-", "--json", said=said)
    assert ran.code == 0
    assert [one["status"] for one in ran.documents("record")] == ["unchanged", "unchanged"]
    assert [one["events"] for one in ran.documents("record")] == [[], []]


def test_a_key_gives_the_first_answer_again_and_is_for_one_command_only(home: Home) -> None:
    code = fresh_code()
    first = home.run("record", "-", "--key", "k1", "--json", said=lines(enterprise(code)))
    again = home.run("record", "-", "--key", "k1", "--json", said=lines(enterprise(code)))
    assert again.json("record") == first.json("record")
    other = home.run("record", "-", "--key", "k1", "--json", said=lines(enterprise(fresh_code())))
    assert other.json("record")["problem"]["code"] == "idempotency-key-reused"
    assert other.code == 3


def test_several_commands_have_a_key_each(home: Home) -> None:
    said = lines(enterprise(fresh_code()), enterprise(fresh_code()))
    first = home.run("record", "-", "--key", "many", "--json", said=said)
    again = home.run("record", "-", "--key", "many", "--json", said=said)
    assert {one["status"] for one in again.documents("record")} == {"recorded"}
    assert again.out == first.out


def test_a_key_that_is_none_refuses_the_command(home: Home) -> None:
    ran = home.run("record", "-", "--key", "a key", "--json", said=lines(enterprise(fresh_code())))
    assert ran.json("record")["problem"]["code"] == "malformed-header"
    assert ran.code == 3


def test_a_single_command_in_conflict_with_what_is_recorded_ends_with_5(home: Home) -> None:
    code = fresh_code()
    wanted = fine(code)
    home.run("record", "-", said=lines(enterprise(code), wanted))
    other = {**wanted, "fine": "1.00"}
    alone = home.run("record", "-", "--json", said=lines(other))
    assert alone.json("record")["problem"]["code"] == "differs-from-recorded"
    assert alone.code == 5
    assert home.run("record", "-", said=lines(other, other)).code == 3


def test_a_dry_run_shows_what_would_be_and_records_nothing(home: Home) -> None:
    code = fresh_code()
    home.run("record", "-", said=lines(enterprise(code)))
    wanted = lines(fine(code), command("decide-listing", listing(code)), fine(fresh_code()))
    ran = home.run("record", "-", "--dry-run", "--json", said=wanted)
    fined, listed, unknown = ran.documents("record")
    assert ran.code == 3
    assert (fined["status"], listed["status"], unknown["status"]) == (
        "preview",
        "preview",
        "refused",
    )
    assert [one["regime"] for one in fined["changes"]] == ["demo/enterprise/score"]
    assert fined["changes"][0]["before"] != fined["changes"][0]["after"]
    assert [one["list"] for one in listed["lists"]] == ["demo/list"]
    assert (fined["version"], listed["version"]) == (1, 1)
    assert home.run("record", "-", "--json", said=wanted).documents("record")[0]["version"] == 2


def test_people_read_a_line_a_command(home: Home) -> None:
    code = fresh_code()
    ran = home.run("record", "-", said=lines(enterprise(code), enterprise(code), fine("1")))
    recorded, unchanged, refused = ran.lines
    assert recorded.startswith("line 1: recorded at position ")
    assert ": subject-registered, s-" in recorded
    assert unchanged.startswith("line 2: unchanged: nothing to do, s-")
    assert refused.startswith("line 3: refused (invalid): /subject: ")


@pytest.mark.parametrize("said", ["", " \n\n", "[]"])
def test_a_file_without_a_command_is_bad_usage(home: Home, said: str) -> None:
    ran = home.run("record", "-", said=said)
    assert (ran.code, ran.out) == (2, "")


def test_a_file_that_is_not_there_is_bad_usage(home: Home, tmp_path: Path) -> None:
    ran = home.run("record", str(tmp_path / "none.jsonl"))
    assert (ran.code, ran.out) == (2, "")
    assert "cannot be read" in ran.err


def test_a_text_that_is_broken_as_a_whole_is_one_refusal(home: Home) -> None:
    said = json.dumps(enterprise(fresh_code()), indent=2)[:-2]
    ran = home.run("record", "-", "--json", said=said)
    assert ran.json("record")["problem"]["code"] == "malformed-json"
    assert ran.code == 3


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ('{"command": "register-subject", "command": "register-subject"}', "malformed-json"),
        ('{"command": "register-subject", "name": "\\ud800"}', "malformed-json"),
        ('{"command": "register-subject", "points": NaN}', "malformed-json"),
        ("[" * 100 + "]" * 100, "too-complex"),
        ("[" * 100_000 + "]" * 100_000, "too-complex"),
        (f'{{"command": "register-subject", "name": "{"x" * 2**20}"}}', "too-large"),
        ("null", "invalid"),
        ("3", "invalid"),
    ],
)
def test_what_the_api_refuses_is_refused_here_too(home: Home, said: str, code: str) -> None:
    ran = home.run("record", "-", "--json", said=said)
    assert ran.json("record")["problem"]["code"] == code
    assert ran.code == 3


def test_many_commands_share_transactions(home: Home) -> None:
    count = 1_200
    said = lines(*(enterprise(fresh_code()) for _ in range(count)))
    ran = home.run("record", "-", "--json", said=said)
    found = ran.documents("record")
    first = found[0]["position"]
    assert ran.code == 0
    assert [one["position"] for one in found] == list(range(first, first + count))
