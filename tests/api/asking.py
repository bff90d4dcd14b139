"""Asking the API in tests: one caller over the real parts, and the bodies that it sends."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from structlog.testing import capture_logs

from tests.codes import synthetic_uscc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from httpx2 import Response
    from starlette.testclient import TestClient

    from api.wiring import Parts

COMMANDS: Final = "/v1/commands/"
PROBLEM: Final = "application/problem+json"
_NUMBERS: Final = itertools.count(1)


def fresh_code() -> str:
    """An invented credit code that no other test of this process uses."""
    return synthetic_uscc(next(_NUMBERS))


def fresh_key() -> str:
    """An idempotency key that no other test of this process uses."""
    return f"key-{next(_NUMBERS)}"


def registration(code: str | None = None, **fields: object) -> dict[str, Any]:
    return {"identifiers": [code or fresh_code()], "name": "示例知识产权服务有限公司", **fields}


def penalty(subject: str, **fields: object) -> dict[str, Any]:
    return {
        "subject": subject,
        "kinds": ["fine"],
        "decided_on": "2024-03-01",
        "fine": "30000.00",
        "basis": {
            "authority": {"name": "示例市知识产权局"},
            "document_number": f"示例罚〔2024〕{next(_NUMBERS)}号",
        },
        **fields,
    }


def listing(subject: str, **fields: object) -> dict[str, Any]:
    return {"subject": subject, "list": "demo/list", "effective_on": "2024-05-01", **fields}


@dataclass
class Api:
    """A caller of the API who knows the position of its last write."""

    client: TestClient
    parts: Parts
    position: int = 0
    audited: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def today(self) -> date:
        return self.parts.today()

    @property
    def tomorrow(self) -> str:
        return (self.today + timedelta(days=1)).isoformat()

    @property
    def head(self) -> int:
        """The position of the last record that is sequenced."""
        head = self.parts.statuses.head()
        return head.position if head else 0

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **said: object
    ) -> Response:
        """Send a request as it is; the lines of the audit log are kept."""
        with capture_logs() as lines:
            answer = self.client.request(method, path, headers=headers, **said)  # type: ignore[arg-type]  # passed on
        self.audited = [line for line in lines if line["event"] == "refused"]
        return answer

    def command(
        self, name: str, body: object, headers: Mapping[str, str] | None = None, query: str = ""
    ) -> Response:
        """Send a command under a fresh key, unless `headers` name one."""
        sent = {"Idempotency-Key": fresh_key(), "Prefer": "wait=20", **(headers or {})}
        if isinstance(body, bytes):
            sent = {"Content-Type": "application/json", **sent}
            answer = self.send("POST", f"{COMMANDS}{name}{query}", sent, content=body)
        else:
            answer = self.send("POST", f"{COMMANDS}{name}{query}", sent, json=body)
        self.position = max(self.position, int(answer.headers["Ledger-Position"]))
        return answer

    def record(self, name: str, body: object) -> dict[str, Any]:
        """Send a command that is recorded; what was answered."""
        answer = self.command(name, body)
        assert answer.status_code == 201, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def register(self, **fields: object) -> str:
        """A new subject: its id."""
        return str(self.record("register-subject", registration(None, **fields))["subject"])

    def read(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """Read what is shown once the views show the last write."""
        wanted = {"Ledger-Min-Position": str(self.position), "Prefer": "wait=20"}
        return self.send("GET", path, {**wanted, **(headers or {})})

    def shown(self, path: str) -> dict[str, Any]:
        """What a good answer shows."""
        answer = self.read(path)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def pages(self, path: str, limit: int) -> Iterator[dict[str, Any]]:
        """All pages of a list, by their links."""
        glue = "&" if "?" in path else "?"
        following: str | None = f"{path}{glue}limit={limit}"
        while following is not None:
            answer = self.read(following)
            assert answer.status_code == 200, answer.text
            yield answer.json()
            link = answer.headers.get("Link")
            following = None if link is None else link.partition(">")[0].removeprefix("<")


def refused(answer: Response, status: int, code: str, pointer: str | None = None) -> None:
    """The answer is this problem, in the form that every problem has, with the place."""
    assert answer.headers["Content-Type"] == PROBLEM, answer.text
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{code}"
    assert answer.headers["Ledger-Position"].isdigit()
    if pointer is not None:
        assert pointer in [error["pointer"] for error in problem["errors"]], answer.text
