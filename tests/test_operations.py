"""The operator's pages are true: every stop stands there in its own words, with what to run."""

import re
from dataclasses import replace

import pytest
import typer.main

from api.cli import app
from infra.gate import _why_fenced
from infra.recovery import _FENCED, _GO_ON
from infra.serving import Standing, why_not_serving
from ledger.gate import Found, Halt, Stop, decide
from ledger.record import Head
from tests.ledger.test_gate import HERE, UNPINNED, WELL, head
from tests.parts import REPOSITORY

_OPERATIONS = REPOSITORY / "docs" / "operations"
_STOPS = (_OPERATIONS / "stops.md").read_text("utf-8")
_SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", _STOPS, re.MULTILINE | re.DOTALL))
_LOST = replace(WELL, postgres_holds_floor=False, kafka_holds_floor=False)
_FORKED = replace(WELL, postgres_has_kafka=False, differ_from=8)

STOPPED = [
    replace(UNPINNED, is_topic_empty=False, kafka=head(4)),
    replace(WELL, objections=("topic x.log has 3 partitions, must have 1",)),
    replace(WELL, postgres=head(0), has_place=False),
    _LOST,
    replace(_FORKED, kafka_holds_floor=False),
    _FORKED,
]
"""What was found for each stop."""

STANDING = Standing(
    ledger="demo",
    position=9,
    chain=bytes(32),
    term=2,
    recorded_at=None,
    state="open",
    reason=None,
    incarnation="",
    is_here=True,
    entered_chain=bytes(32),
)
ENTERED = Head(position=9, term=2)


def pattern_of(written: str) -> str:
    """What a message on a page stands for: … is anything, N a number."""
    spelt = re.escape(written).replace("…", ".+").replace(re.escape("x.log"), ".+")
    return re.sub(r"\bN\b", "[0-9]+", spelt)


def stands_in(section: str, message: str) -> bool:
    """Whether the section quotes the message, or has it in the first column of its table."""
    quotes = re.findall(r"^> (.+)$", _SECTIONS[section], re.MULTILINE)
    cells = re.findall(r"^\| (.+?) \|", _SECTIONS[section], re.MULTILINE)
    quotes += [one for cell in cells for one in re.findall(r"`([^`]+)`", cell)]
    return any(re.match(pattern_of(one), message) for one in quotes)


def test_every_stop_has_a_section() -> None:
    assert {halt.value for halt in Halt} | {"fenced", "not-serving"} <= set(_SECTIONS)


def test_every_stop_is_found_in_these_tests() -> None:
    stops = [decide(found) for found in STOPPED]
    assert {stop.halt for stop in stops if isinstance(stop, Stop)} == set(Halt)


@pytest.mark.parametrize("found", STOPPED)
def test_the_message_of_a_stop_stands_in_its_section(found: Found) -> None:
    stop = decide(found)
    assert isinstance(stop, Stop)
    assert stands_in(stop.halt.value, stop.message)


@pytest.mark.parametrize("message", [_why_fenced(HERE), _FENCED, _GO_ON])
def test_the_reason_of_a_fence_stands_in_its_section(message: str) -> None:
    assert stands_in("fenced", message)


@pytest.mark.parametrize(
    ("standing", "entered"),
    [
        (None, ENTERED),
        (replace(STANDING, state="healing"), ENTERED),
        (replace(STANDING, state="stopped"), ENTERED),
        (replace(STANDING, is_here=False), ENTERED),
        (STANDING, replace(ENTERED, term=1)),
        (replace(STANDING, entered_chain=None), ENTERED),
    ],
)
def test_why_a_process_does_not_serve_stands_in_its_section(
    standing: Standing | None, entered: Head
) -> None:
    reason = why_not_serving(standing, entered)
    assert reason is not None
    assert stands_in("not-serving", reason)


def test_a_message_that_is_not_written_is_missed() -> None:
    assert not stands_in("fork", "PostgreSQL and Kafka are at odds")
    assert not stands_in("not-serving", "nobody knows why")


@pytest.mark.parametrize("page", sorted(page.name for page in _OPERATIONS.glob("*.md")))
def test_every_command_and_every_link_of_a_page_is_there(page: str) -> None:
    text = (_OPERATIONS / page).read_text("utf-8")
    commands = set(re.findall(r"`credit-ledger ([a-z][a-z-]*)", text))
    assert commands <= set(typer.main.get_group(app).commands)
    for file, anchor in re.findall(r"\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)", text):
        linked = (_OPERATIONS / file).read_text("utf-8")
        anchors = [re.sub(r" ", "-", one) for one in re.findall(r"^#+ (.+)$", linked, re.MULTILINE)]
        assert not anchor or anchor in anchors
