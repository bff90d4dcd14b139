"""`explain`, `grade` and `timeline`: what holds for a subject, why, and what happened to it."""

from decimal import Decimal

import pytest

from tests.api.asking import fresh_code
from tests.api.cli.conftest import AGENCY, MEASURES, RATING, SCORE
from tests.api.cli.running import Home
from tests.api.cli.test_recording import enterprise, lines

pytestmark = pytest.mark.pg


def test_the_reasons_add_up_to_the_score(home: Home) -> None:
    ran = home.run("explain", AGENCY, "--regime", RATING, "--as-of", "2026-07-06", "--json")
    found = ran.json("explain")
    assert ran.code == 0
    assert (found["grade"], found["score"], found["state"]) == ("D", "25", "graded")
    assert sum(Decimal(one["points"]) for one in found["reasons"]) == Decimal(found["score"])
    assert [one["points"] for one in found["reasons"]] == ["100", "-15", "-60"]
    base, finding, penalty = found["reasons"]
    assert (base["event"], base["indicator"]) == (None, "base")
    assert (finding["position"], finding["until"]) == (7, None)
    assert (penalty["from"], penalty["until"]) == ("2026-07-06", "2027-01-07")
    assert (found["from"], found["until"]) == ("2026-07-06", "2027-01-07")
    assert (found["next"]["from"], found["next"]["grade"]) == ("2027-01-07", "B")
    assert (found["edition"], found["verified"], found["complete"]) == (
        "pa-rating-2023-10",
        False,
        True,
    )


@pytest.mark.parametrize(
    ("day", "score"), [("2026-07-05", "85"), ("2027-01-06", "25"), ("2027-01-07", "85")]
)
def test_a_day_is_asked_about_as_it_was_or_will_be(home: Home, day: str, score: str) -> None:
    ran = home.run("explain", AGENCY, "--regime", RATING, "--as-of", day, "--json")
    found = ran.json("explain")
    assert found["score"] == score
    assert found["as_of"] == day


def test_a_day_to_come_is_marked_a_forecast(home: Home) -> None:
    ran = home.run("explain", AGENCY, "--regime", RATING, "--as-of", "2040-01-01", "--json")
    assert ran.json("explain")["forecast"] is True
    assert "forecast" in home.run("grade", AGENCY, "--regime", RATING, "--as-of", "2040-01-01").out


def test_what_was_known_then_is_answered_from_what_was_known_then(home: Home) -> None:
    asked = ("explain", AGENCY, "--regime", RATING, "--as-of", "2026-07-06", "--json")
    before = home.run(*asked, "--known-at", "7").json("explain")
    after = home.run(*asked, "--known-at", "8").json("explain")
    assert (before["score"], before["known_at"]) == ("85", 7)
    assert (after["score"], after["known_at"]) == ("25", 8)


def test_a_regime_without_score_says_what_holds(home: Home) -> None:
    asked = ("--regime", MEASURES, "--json", "--as-of")
    under = home.run("explain", AGENCY, *asked, "2026-06-16").json("explain")
    clear = home.run("explain", AGENCY, *asked, "2026-06-17").json("explain")
    assert (under["state"], under["until"]) == ("under-measures", "2026-06-17")
    assert (under["grade"], under["score"]) == (None, None)
    assert [one["points"] for one in under["reasons"]] == [None]
    assert clear["state"] == "clear"
    listing = home.run("explain", AGENCY, "--regime", "cnipa-credit/serious-list", "--json")
    assert listing.json("explain")["state"] == "clear"
    before = home.run("explain", AGENCY, *asked, "2020-01-01").json("explain")
    assert before["state"] == "no-edition"


def test_a_regime_that_does_not_apply_says_so(home: Home) -> None:
    code = fresh_code()
    home.run("record", "-", said=lines(enterprise(code)))
    ran = home.run("explain", code, "--regime", RATING, "--json")
    assert ran.json("explain")["state"] == "does-not-apply"


def test_a_subject_is_named_by_its_id_or_any_code_in_any_form(home: Home) -> None:
    by_code = home.run("grade", AGENCY.lower(), "--regime", RATING, "--json").json("grade")
    by_id = home.run("grade", by_code["subject"], "--regime", RATING, "--json").json("grade")
    inner = home.run("grade", AGENCY[8:17], "--regime", RATING, "--json").json("grade")
    assert by_code == by_id == inner


def test_the_one_scoring_regime_that_applies_needs_no_naming(home: Home) -> None:
    code = fresh_code()
    home.run("record", "-", said=lines(enterprise(code)))
    ran = home.run("grade", code, "--json")
    assert (ran.json("grade")["regime"], ran.json("grade")["grade"]) == (SCORE, "A")
    assert home.run("explain", code, "--json").json("explain")["regime"] == SCORE


def test_several_that_apply_are_listed_and_a_setting_decides(home: Home) -> None:
    undecided = home.run("explain", AGENCY, "--json")
    assert (undecided.code, undecided.out) == (2, "")
    assert undecided.err.startswith("regime-undecided: ")
    assert RATING in undecided.err
    assert SCORE in undecided.err
    settled = Home(home.path, home.database_url, {"LEDGER_REGIME": RATING})
    assert settled.run("explain", AGENCY, "--json").json("explain")["regime"] == RATING


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        ((fresh_code(), "--regime", RATING), 1, "unknown-subject"),
        (("s-" + "a" * 26, "--regime", RATING), 1, "unknown-subject"),
        (("no code", "--regime", RATING), 2, "invalid-identifier"),
        ((AGENCY, "--regime", "no/such"), 1, "unknown-regime"),
        ((AGENCY, "--regime", RATING, "--as-of", "1949-09-30"), 2, "invalid"),
        ((AGENCY, "--regime", RATING, "--as-of", "2200-01-01"), 2, "invalid"),
        ((AGENCY, "--regime", RATING, "--as-of", "2024-02-30"), 2, "invalid"),
        ((AGENCY, "--regime", RATING, "--known-at", "99999"), 2, "beyond-head"),
        ((AGENCY, "--regime", RATING, "--known-at", "soon"), 2, "invalid"),
        ((AGENCY, "--regime", RATING, "--known-at", "4"), 1, "unknown-subject"),
    ],
)
@pytest.mark.parametrize("command", ["explain", "grade"])
def test_a_question_that_cannot_be_answered_ends_with_one_line(
    home: Home, command: str, arguments: tuple[str, ...], code: int, problem: str
) -> None:
    ran = home.run(command, *arguments, "--json")
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(f"{problem}: ")
    assert ran.err.count("\n") == 1


def test_a_note_is_written_in_either_language(home: Home) -> None:
    asked = ("explain", AGENCY, "--regime", RATING, "--as-of", "2026-07-06")
    english = home.run(*asked).out
    assert home.run(*asked, "--lang", "en").out == english
    chinese = home.run(*asked, "--lang", "zh").out
    for note in (english, chinese):
        assert "示国知罚〔2026〕7号" in note
        assert "100 - 15 - 60 = 25" in note
    assert "to the end of 2027-01-06" in english
    assert "2027年1月6日止" in chinese
    assert home.run(*asked, "--lang", "fr").code == 2


def test_the_grade_is_one_line(home: Home) -> None:
    ran = home.run("grade", AGENCY, "--regime", RATING, "--as-of", "2026-07-06")
    (line,) = ran.lines
    assert f"{RATING}  D  25 points  2026-07-06 – 2027-01-06  as of 2026-07-06" in line
    assert line.endswith("! not verified")
    document = home.run("grade", AGENCY, "--regime", RATING, "--json").json("grade")
    assert "reasons" not in document
    state = home.run("grade", AGENCY, "--regime", MEASURES, "--as-of", "2026-06-16", "--json")
    assert state.json("grade")["state"] == "under-measures"


def test_the_timeline_has_every_event_and_what_it_changed(home: Home) -> None:
    found = home.run("timeline", AGENCY, "--json").json("timeline")
    assert [one["position"] for one in found["items"]] == [5, 6, 7, 8, 9]
    assert found["next"] is None
    penalty = found["items"][3]
    assert penalty["data"]["basis"]["document_number"] == "示国知罚〔2026〕7号"
    (change,) = [one for one in penalty["changes"] if one["regime"] == RATING]
    assert (change["score_before"], change["score_after"]) == ("85", "25")
    assert (change["changed_from"], change["changed_until"]) == ("2026-07-06", "2027-01-07")
    spoken = home.run("timeline", AGENCY)
    assert f"{RATING}: B 85 → D 25 (course changed 2026-07-06 – 2027-01-06)" in spoken.lines[3]


def test_a_timeline_comes_in_pages_that_answer_one_question(home: Home) -> None:
    pages = []
    more: tuple[str, ...] = ()
    while True:
        ran = home.run("timeline", AGENCY, "--limit", "2", *more, "--json")
        pages.append(ran.json("timeline"))
        if pages[-1]["next"] is None:
            break
        more = ("--after", pages[-1]["next"])
    assert [one["position"] for page in pages for one in page["items"]] == [5, 6, 7, 8, 9]
    spoken = home.run("timeline", AGENCY, "--limit", "2")
    assert len(spoken.lines) == 2
    assert "--after" in spoken.err
    known = home.run("timeline", AGENCY, "--known-at", "6", "--json").json("timeline")
    assert [one["position"] for one in known["items"]] == [5, 6]


@pytest.mark.parametrize("after", ["", "x", "AAAA"])
def test_a_cursor_that_was_not_given_is_bad_usage(home: Home, after: str) -> None:
    ran = home.run("timeline", AGENCY, "--after", after)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("bad-cursor: ")
    other = home.run("timeline", AGENCY, "--limit", "2", "--json").json("timeline")["next"]
    assert home.run("timeline", AGENCY, "--known-at", "8", "--after", other).code == 2


@pytest.mark.parametrize("limit", ["0", "-1", "501", "many"])
def test_a_page_has_from_1_to_500_items(home: Home, limit: str) -> None:
    assert home.run("timeline", AGENCY, "--limit", limit).code == 2
