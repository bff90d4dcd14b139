"""The page that tells how an edition is written: its example is one, and it names every key."""

import re
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from typing import Any

from ledger.edition import _edition, read_edition
from ledger.rulebook import DateName, RefusalKind, Status
from ledger.toml_table import EditionProblem, Table
from ledger.values import Digest
from tests.parts import REPOSITORY

PAGE = (REPOSITORY / "docs" / "editions.md").read_text("utf-8")
EXAMPLE = "\n".join(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
CONTENT = tomllib.loads(EXAMPLE, parse_float=Decimal)


def _tables(value: Any) -> Iterator[dict[str, Any]]:
    """All tables within a value, itself included."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, dict | list):
            yield from _tables(one)


def test_the_example_is_an_edition() -> None:
    edition = read_edition(EXAMPLE)
    assert [regime.id for regime in edition.regimes] == [
        "demo/page/score",
        "demo/page/measures",
        "demo/page/serious-list",
        "demo/page/restoration",
    ]


def test_every_key_that_may_be_written_stands_on_the_page_and_in_the_example() -> None:
    content, problems = deepcopy(CONTENT), list[EditionProblem]()
    for table in list(_tables(content)):
        table["zzz"] = 1
    _edition(Table(content, "", problems), Digest("sha256:" + "0" * 64))
    told = [problem.message for problem in problems if "known here: " in problem.message]
    known = {key for message in told for key in message.partition("known here: ")[2].split(", ")}
    written = {key for table in _tables(CONTENT) for key in table}
    assert len(told) > 40
    assert "last_day_counts" in known
    assert {key for key in known if f"`{key}`" not in PAGE and f"`{key} " not in PAGE} == set()
    assert known - written == {"days"}


def test_every_word_of_a_closed_list_stands_on_the_page() -> None:
    words = {*DateName, *RefusalKind, *Status, "append", "parallel", "carry-over", "new-chain"}
    assert {word for word in words if word not in PAGE} == set()
