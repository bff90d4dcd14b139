"""What the service leaves in its logs: position, subject and trace, and nobody's name or number.

A real service is sent names, credit codes and numbers of citizens in every place where they may
stand; then all that any of its processes has written outside its stores is searched for them.
"""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from httpx2 import Client

from infra.local import Kafka
from tests.api.asking import fresh_code, fresh_key
from tests.api.cli.test_up import PROGRAM, Running, environment, up
from tests.api.cli.test_up_on_kafka import LOCAL

pytestmark = [pytest.mark.pg, pytest.mark.timeout(300)]

NAME = "张三丰知识产权代理有限公司"
PERSON = "欧阳靖雯"
CITIZEN = "11010519491231002X"
OTHER_CITIZEN = "440524188001010014"
TELEPHONE = "13912345678"
REGISTRATION = "110000000000012"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_TWICE = (
    "INSERT INTO ledger_identifier SELECT kind, value, subject, position"
    " FROM ledger_identifier WHERE value = %s"
)
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def lines_of(text: str) -> list[dict[str, Any]]:
    """The lines of a log; what the program says to people is none."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def written_in(home: Path) -> dict[str, str]:
    """Everything that the processes of a service wrote for people to read, by its file."""
    found = {path: path.read_text("utf-8", "replace") for path in (home.parent / "stderr",)}
    for folder in (home / "pg", home / "kafka"):
        for path in (*folder.glob("*log*"), *folder.glob("*.out")) if folder.is_dir() else ():
            if path.is_file():
                found[path] = path.read_text("utf-8", "replace")
    return {str(path): text for path, text in found.items()}


def send_everything(service: Running, code: str, other: str) -> str:
    """Names and numbers in bodies, paths, queries and headers, well formed and not; a subject."""
    key = fresh_key()
    asked = {"Idempotency-Key": key, "Prefer": "wait=20", "traceparent": TRACEPARENT}
    with Client(base_url=service.url, timeout=30) as client:
        body = {"identifiers": [code], "name": NAME}
        answer = client.post("/v1/commands/register-subject", json=body, headers=asked)
        assert answer.status_code == 201, answer.text
        assert answer.headers["traceparent"].split("-")[1] == TRACE
        subject = str(answer.json()["subject"])
        for number, (name, bad) in enumerate(_bad_bodies(code)):
            answer = client.post(
                f"/v1/commands/{name}",
                json=bad,
                headers={"Idempotency-Key": f"{CITIZEN}-{PERSON.encode().hex()}-{number}"},
            )
            assert answer.status_code not in {201, 500}, answer.text
        for raw in (f'{{"name": "{NAME}", "{CITIZEN}"'.encode(), b'{"a": 1, "a": 2}', b"\xff\xfe"):
            headers = {"Idempotency-Key": fresh_key(), "Content-Type": "application/json"}
            answer = client.post("/v1/commands/register-subject", content=raw, headers=headers)
            assert answer.status_code == 400, answer.text
        for path in _paths(code, other):
            client.get(path)
            client.post(path, content=CITIZEN)
            client.get(path, headers={"Idempotency-Key": CITIZEN, "If-None-Match": quote(NAME)})
    _send_no_http(service.url)
    return subject


def _bad_bodies(code: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "register-subject", {"identifiers": [code], "name": PERSON}  # another name than before
    yield "register-subject", {"identifiers": [CITIZEN], "name": PERSON}
    yield "register-subject", {"identifiers": [fresh_code()], "name": PERSON, CITIZEN: 1, PERSON: 2}
    yield "register-subject", {"identifiers": [{CITIZEN: PERSON}], "name": {PERSON: TELEPHONE}}
    yield "add-identifier", {"subject": OTHER_CITIZEN, "identifier": code}
    yield "impose-penalty", {"subject": fresh_code(), "kinds": [PERSON], "decided_on": CITIZEN}
    yield "give-role", {"subject": code, "role": PERSON, "effective_on": "2019-07-01"}


def _paths(code: str, other: str) -> Iterator[str]:
    for one in (code, other, CITIZEN, OTHER_CITIZEN, REGISTRATION, quote(PERSON), quote(NAME)):
        yield f"/v1/subjects/{one}"
        yield f"/v1/subjects/{one}/explanation?regime={one}"
        yield f"/v1/subjects?name={one}&{one}=1"
        yield f"/v1/commands/{one}"
        yield f"/v1/lists/{one}?as_of={one}"
        yield f"/{one}/{one}"
        yield f"/v1/subjects/{one}/grade?as_of={one}&known_at={one}"


def _send_no_http(url: str) -> None:
    """What is no request at all."""
    place = urlsplit(url)
    for said in (f"GET /{CITIZEN} HTTP/9.9\r\n\r\n", f"{CITIZEN} {PERSON}\r\n\r\n"):
        with socket.create_connection((place.hostname, place.port or 80)) as line:
            line.sendall(said.encode())
            line.settimeout(5)
            with suppress(TimeoutError):
                line.recv(1_000)


def import_bad_rows(home: Path, **more: str) -> str:
    """Import rows with everything wrong; what the command wrote beside its report."""
    file = home.parent / "rows.csv"
    file.write_text(
        "行政相对人名称,统一社会信用代码,行政处罚决定文书号,处罚类别,处罚决定日期\n"
        f"{PERSON},{CITIZEN},示罚〔2024〕1号,罚款,2024-03-01\n"
        f"{NAME},{OTHER_CITIZEN},示罚〔2024〕2号,罚款,{CITIZEN}\n",
        "utf-8",
    )
    ran = subprocess.run(
        [str(PROGRAM), "import", str(file), "--kind", "penalties", "--json"],
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 3, ran.stdout + ran.stderr
    return ran.stderr


def hurt_the_database(home: Path, code: str) -> None:
    """Have PostgreSQL itself refuse a row, and say which in the detail of its error."""
    url = json.loads((home / "run.json").read_text())["database_url"]
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (_TWICE, "SELECT %s::uuid"):
            with suppress(psycopg.Error):
                connection.execute(statement, [code])


def has_line(home: Path, event: str, **fields: object) -> bool:
    lines = lines_of((home.parent / "stderr").read_text())
    return any({"event": event, **fields}.items() <= line.items() for line in lines)


def until_line(home: Path, event: str, **fields: object) -> None:
    for _ in range(300):
        if has_line(home, event, **fields):
            return
        time.sleep(0.1)
    raise AssertionError(f"no line {event} with {fields}: {(home.parent / 'stderr').read_text()}")


def nobody_is_in(texts: dict[str, str], *numbers: str) -> None:
    for file, text in texts.items():
        for secret in (NAME, PERSON, CITIZEN, OTHER_CITIZEN, TELEPHONE, REGISTRATION, *numbers):
            for form in (secret, quote(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]):
                assert form not in text, f"{secret} stands in {file}"


def test_no_log_of_a_service_has_a_name_or_a_number_and_lines_tell_of_a_trace(
    tmp_path: Path,
) -> None:
    home, code, other = tmp_path / "home", fresh_code(), fresh_code()
    with up(home, "--no-sample") as service:
        subject = send_everything(service, code, other)
        errors = import_bad_rows(home)
        hurt_the_database(home, code)
        until_line(home, "sequenced", subject=subject, trace_id=TRACE)
        until_line(home, "entered", subject=subject, trace_id=TRACE, command="register-subject")
        until_line(home, "projected", subject=subject)
    lines = lines_of((tmp_path / "stderr").read_text())
    entered = [one for one in lines if one["event"] == "entered" and one["subject"] == subject]
    assert [one["position"] for one in entered] == [5]
    refused = [line for line in lines if line["event"] == "refused"]
    assert {"not-found", "invalid", "malformed-json"} <= {line["code"] for line in refused}
    assert all(len(line["trace_id"]) == 32 for line in refused)
    texts = written_in(home)
    assert any(file.endswith("pg/log") for file in texts)
    nobody_is_in({**texts, "stderr of import": errors, "stdout": service.said}, code, other)


@pytest.mark.kafka
def test_no_log_of_a_service_on_kafka_has_a_name_or_a_number_either(
    tmp_path: Path, kafka: Kafka
) -> None:
    if kafka.path != "from jars":
        pytest.skip(f"Kafka is {kafka.path} here: no jars to start a broker from")
    home, code, other = tmp_path / "home", fresh_code(), fresh_code()
    with up(home, "--no-sample", **LOCAL) as service:
        subject = send_everything(service, code, other)
        errors = import_bad_rows(home, **LOCAL)
        until_line(home, "entered", subject=subject, trace_id=TRACE)
        until_line(home, "relayed", subject=subject)
        until_line(home, "projected", subject=subject)
    texts = written_in(home)
    assert len(texts) >= 3, texts.keys()
    nobody_is_in({**texts, "stderr of import": errors}, code, other)
