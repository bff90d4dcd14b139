"""A ledger that the commands ask: an agency with two determinations and a penalty."""

import json
from pathlib import Path

import pytest

from tests.api.cli.running import Home

AGENCY = "91000000YY7000012Q"
MEASURES = "cnipa-credit/measures"
RATING = "pa-rating/agency"
SCORE = "demo/enterprise/score"

_AUTHORITY = {"name": "示例国家知识产权局"}
COMMANDS: list[dict[str, object]] = [
    {
        "command": "register-subject",
        "name": "示例专利代理事务所",
        "kind": "enterprise",
        "identifiers": [AGENCY],
    },
    {
        "command": "give-role",
        "subject": AGENCY,
        "role": "patent-agency",
        "effective_on": "2019-07-01",
    },
    {
        "command": "make-determination",
        "subject": AGENCY,
        "rulebook": "cnipa-credit",
        "act": "ABNORMAL_PATENT_FILING",
        "role": "patent-agency",
        "decided_on": "2025-06-16",
        "assessments": [
            {"regime": "pa-rating/agency", "indicator": "abnormal-filings", "points": "-15"}
        ],
        "basis": {"authority": _AUTHORITY, "document_number": "示国知认〔2025〕12号"},
    },
    {
        "command": "impose-penalty",
        "subject": AGENCY,
        "kinds": ["stop-new-business"],
        "decided_on": "2026-07-06",
        "term_ends_on": "2027-01-06",
        "basis": {
            "authority": _AUTHORITY,
            "instrument": "专利代理条例",
            "clause": "25",
            "document_number": "示国知罚〔2026〕7号",
        },
    },
    {
        "command": "decide-listing",
        "subject": AGENCY,
        "list": "demo/list",
        "list_name": "演示名单",
        "effective_on": "2026-01-10",
        "basis": {"authority": _AUTHORITY},
    },
]
"""After the beginning and three editions they stand at positions 5 to 9."""


@pytest.fixture(scope="module")
def home(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with these commands recorded, shared by the tests of a module."""
    home = Home(tmp_path_factory.mktemp("cli") / "home", module_database_url)
    said = "\n".join(json.dumps(command, ensure_ascii=False) for command in COMMANDS)
    ran = home.run("record", "-", "--json", said=said)
    assert ran.code == 0, ran.out + ran.err
    assert [one["position"] for one in ran.documents("record")] == [5, 6, 7, 8, 9]
    return home


@pytest.fixture
def empty(database_url: str, tmp_path: Path) -> Home:
    """A home whose ledger was not made yet."""
    return Home(tmp_path / "home", database_url)
