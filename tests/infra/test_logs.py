"""The log: JSON lines, one a message, whatever stands in it."""

import json
import subprocess
import sys

_PROGRAM = """
import logging, sys
import structlog
from infra import logs
logs.configure()
text = chr(10) + '2026-01-01 INFO admin' + chr(0x2028) + chr(0x1b) + '[31m'
structlog.get_logger("test").info("a refusal", path=text, name="示例")
try:
    raise ValueError(text)
except ValueError:
    structlog.get_logger("test").exception("a defect")
logging.getLogger("another library").warning("it says %s", text)
logging.getLogger("another library").info("not this")
"""


def test_every_message_is_one_line_of_json_and_no_text_forges_another() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )
    assert ran.stdout == ""
    lines = [json.loads(line) for line in ran.stderr.split("\n") if line]
    assert [line["event"] for line in lines[:2]] == ["a refusal", "a defect"]
    assert lines[0]["path"].startswith("\n2026-01-01")
    assert lines[0]["name"] == "示例"
    assert all({"level", "timestamp"} <= line.keys() for line in lines)
    assert "ValueError" in lines[1]["exception"]
    assert lines[2]["event"].startswith("it says \n")
    assert len(lines) == 3
