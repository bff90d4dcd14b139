"""The log: JSON lines, one a message, whatever stands in it."""

import json
import subprocess
import sys

import pytest

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


_CITIZEN = "11010519491231002X"
_CODE = "91000000YY7000012Q"
_LEAKING = f"""
import logging, sys, threading, warnings
import psycopg, structlog
from infra import logs
from infra.kafka_clients import KafkaUnreachable
logs.configure()
log = structlog.get_logger("test")
secret = "{_CITIZEN} 张三"
def fail():
    raise ValueError(secret)
try:
    try:
        fail()
    except ValueError as error:
        raise LookupError(secret) from error
except LookupError:
    log.exception("a defect")
    logging.getLogger("asyncio").error("never retrieved" + chr(10) + secret, exc_info=True)
try:
    with psycopg.connect(sys.argv[1], autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE t (n text PRIMARY KEY)")
        connection.execute("INSERT INTO t VALUES (%s)", [secret])
        connection.execute("INSERT INTO t VALUES (%s)", [secret])
except psycopg.Error as error:
    log.exception("a row")
    log.warning("a reason", reason=logs.without_values(error))
log.warning("away", reason=logs.without_values(KafkaUnreachable("Kafka at x:9092 does not answer")))
log.warning("not a message of ours", reason=logs.without_values(ValueError(secret)))
log.info("by mistake", where="/v1/subjects/{_CODE}", more=["{_CITIZEN}", {{"tel": "13912345678"}}],
         position=2147483647, subject="s-22222222222222222222222222", trace_id="1" * 32)
log.info("{_CITIZEN}")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""  # noqa: S608  # a program, not a query


@pytest.mark.pg
def test_no_error_tells_what_it_is_about_whoever_logs_it_or_nobody_catches_it(
    database_url: str,
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _LEAKING, database_url], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    for secret in (_CITIZEN, _CODE, "张三", "13912345678", "already exists"):
        assert secret not in ran.stderr, ran.stderr
    lines = {line["event"]: line for line in map(json.loads, ran.stderr.splitlines())}
    trace = lines["a defect"]["exception"].splitlines()
    assert trace[0].startswith("LookupError at <string>:")
    assert any(line.startswith("  <string>:") and line.endswith(" in fail") for line in trace)
    assert any(line.startswith("ValueError") for line in trace)
    assert lines["never retrieved"]["exception"].startswith("LookupError")
    assert lines["a reason"]["reason"] == "UniqueViolation: 23505 of t_pkey"
    assert lines["away"]["reason"] == "KafkaUnreachable: Kafka at x:9092 does not answer"
    assert lines["not a message of ours"]["reason"] == "ValueError at an unknown place"
    assert lines["by mistake"]["where"] == "/v1/subjects/…"
    assert lines["by mistake"]["more"] == ["…", {"tel": "…"}]
    assert lines["by mistake"]["position"] == 2147483647
    assert lines["by mistake"]["subject"] == "s-22222222222222222222222222"
    assert lines["by mistake"]["trace_id"] == "1" * 32
    assert "…" in lines
    assert lines["nobody caught an error"]["exception"].startswith("ValueError")
    assert lines["nobody caught an error of a thread"]["thread"].startswith("Thread-")
