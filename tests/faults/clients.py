"""Open-loop clients over HTTP, seeded: what they ask, and when, follows from the seed alone.

Each writes down every call as one JSON line
`{seq, proc, op, key, invoke_ns, complete_ns, type, asked, answer}`: `op` is record (a command), ask
(what a key did) or probe (a view); `type` is ok, fail (refused: nothing happened) or info (nobody
knows). A command whose outcome is not known is sent again under the same key.
"""

import http.client
import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

from infra import clock
from tests.codes import synthetic_uscc

__all__ = ["Asked", "Clients", "History", "registration"]

_CALL_S: Final = 8
_ANSWERED_S: Final = 90
_RETRY_S: Final = 0.25
_WORKERS: Final = 48
_BARREN: Final = (OSError, http.client.HTTPException)
_UNKNOWN_SUBJECTS: Final = 900_000
"""Codes from this number on are never registered: commands on them are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command to be sent `at_s` seconds after the beginning."""

    proc: int
    at_s: float
    key: str
    name: str
    body: Mapping[str, Any]
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One request, and what is written down of it beforehand."""

    op: str
    path: str
    key: str | None = None
    proc: int = 0
    asked: Mapping[str, Any] = field(default_factory=dict)
    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class History:
    """What clients write down, in memory and in a file; from any thread."""

    def __init__(self, file: Path) -> None:
        """Write to a new file."""
        self._file = file.open("w", encoding="utf-8")
        self._lock = threading.Lock()
        self.lines: list[dict[str, Any]] = []

    def add(self, **line: Any) -> dict[str, Any]:
        """Write down one call."""
        with self._lock:
            said = {"seq": len(self.lines), **line}
            self.lines.append(said)
            self._file.write(json.dumps(said) + "\n")
            self._file.flush()
            return said

    def close(self) -> None:
        """Write no more."""
        self._file.close()


class Clients:
    """Send what a seed says to one of several services, and write down what comes of it."""

    def __init__(
        self, urls: Sequence[str], history: History, seed: int, *, wait_s: int = 2
    ) -> None:
        """Clients of the services at these addresses (`host:port`); nothing is sent yet.

        `wait_s` is how long a command may wait to be entered before it is answered 202.
        """
        self.urls = list(urls)
        self.history = history
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311  # a run is repeated by its seed
        self.wait_s = wait_s
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="client")
        self._sent: list[Future[None]] = []
        self._made = 0
        self._known: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._pool.shutdown(cancel_futures=True)
        self.history.close()

    # What is asked --------------------------------------------------------------------------------

    def script(self, count: int, rate: float, *, procs: int = 8) -> list[Asked]:
        """The next `count` commands, `rate` a second, by chance as the seed has it."""
        at_s, script = 0.0, []
        for _ in range(count):
            at_s += self._random.expovariate(rate)
            script.append(self._asked(at_s, self._random.randrange(procs)))
        return script

    def _asked(self, at_s: float, proc: int) -> Asked:
        number = self._made
        self._made += 1
        key = f"c{self.seed}-{number}"
        settled = self._known[: max(0, len(self._known) - 20)]
        kind = self._random.random()
        if kind < 0.55 or not settled:
            self._known.append(number)
            name, body = "register-subject", registration(self.seed, number)
        elif kind < 0.95:
            subject = self._random.choice(settled)
            name, body = "impose-penalty", _penalty(_code(self.seed, subject), number)
        else:
            name, body = "impose-penalty", _penalty(synthetic_uscc(_UNKNOWN_SUBJECTS), number)
        return Asked(proc=proc, at_s=at_s, key=key, name=name, body=body)

    def registrations(self, count: int, *, proc: int = 0) -> list[Asked]:
        """The next `count` commands, all to be sent at once: each registers a subject."""
        made = []
        for _ in range(count):
            number = self._made
            self._made += 1
            self._known.append(number)
            body = registration(self.seed, number)
            key = f"c{self.seed}-{number}"
            made.append(Asked(proc=proc, at_s=0, key=key, name="register-subject", body=body))
        return made

    def penalties(
        self, of: Asked, count: int, *, version: int | None = None, proc: int = 0
    ) -> list[Asked]:
        """So many penalties at once on the subject that `of` registered."""
        subject = of.body["identifiers"][0]
        made = []
        for _ in range(count):
            number = self._made
            self._made += 1
            made.append(
                Asked(
                    proc=proc,
                    at_s=0,
                    key=f"c{self.seed}-{number}",
                    name="impose-penalty",
                    body=_penalty(subject, number),
                    version=version,
                )
            )
        return made

    # Sending --------------------------------------------------------------------------------------

    def start(self, script: Sequence[Asked]) -> list[Future[None]]:
        """Begin to send; each at its time, whether or not those before are answered."""
        begun = [
            self._pool.submit(self._send_at, one, clock.elapsed() + one.at_s) for one in script
        ]
        self._sent += begun
        return begun

    def run(self, count: int, *, rate: float = 100) -> None:
        """Send so many commands and wait until each has an answer, however long that takes."""
        self.start(self.script(count, rate))
        self.join()

    def send(self, script: Sequence[Asked]) -> list[dict[str, Any]]:
        """Send these and wait until each has an answer; the last line of each."""
        _wait_for(self.start(script), _ANSWERED_S)
        wanted = {one.key for one in script}
        last = {line["key"]: line for line in self.history.lines if line["key"] in wanted}
        return [last[one.key] for one in script]

    def join(self) -> None:
        """Wait until all that was ever sent has an answer; fail where that does not come about."""
        _wait_for(self._sent, _ANSWERED_S)
        self._sent.clear()

    def _send_at(self, asked: Asked, due: float) -> None:
        self._stopping.wait(max(0.0, due - clock.elapsed()))
        while not self._stopping.is_set():
            if self.record(asked)["type"] != "info":
                return
            self._stopping.wait(_RETRY_S)

    def record(self, asked: Asked) -> dict[str, Any]:
        """Send a command once; what is written down of it."""
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": asked.key,
            "Prefer": f"wait={self.wait_s}",
        }
        if asked.version is not None:
            headers["If-Match"] = f'"v{asked.version}"'
        call = _Call(
            op="record",
            key=asked.key,
            proc=asked.proc,
            asked={"name": asked.name, "version": asked.version},
            method="POST",
            path=f"/v1/commands/{asked.name}",
            body=json.dumps(asked.body).encode(),
            headers=headers,
        )
        return self._made_of(call)

    def ask(self, key: str) -> dict[str, Any]:
        """Ask what a key did."""
        path = f"/v1/commands/{quote(key, safe='')}"
        headers = {"Prefer": "wait=1"}
        return self._made_of(_Call(op="ask", key=key, path=path, headers=headers))

    def probe(self) -> dict[str, Any]:
        """Look how far the views show the log, and at somebody's timeline, where there is one."""
        if self._known:
            subject = _code(self.seed, self._random.choice(self._known))
            self._made_of(_Call(op="probe", path=f"/v1/subjects/{subject}/timeline"))
        return self._made_of(_Call(op="probe", path="/v1/lists"))

    def settle(self, patience_s: float = 60) -> dict[str, str]:
        """Ask after every key until nothing is open; key -> entered, voided, refused or unknown."""
        deadline = clock.elapsed() + patience_s
        open_keys = sorted({line["key"] for line in self.history.lines if line["key"] is not None})
        outcomes: dict[str, str] = {}
        while open_keys:
            assert clock.elapsed() < deadline, (
                f"{len(open_keys)} keys do not settle: {open_keys[:3]}"
            )
            answers = list(self._pool.map(self.ask, open_keys))
            for line in answers:
                outcome = _outcome(line)
                if outcome is not None:
                    outcomes[line["key"]] = outcome
            open_keys = [key for key in open_keys if key not in outcomes]
            if open_keys:
                time.sleep(_RETRY_S)
        return outcomes

    def _made_of(self, call: "_Call") -> dict[str, Any]:
        """Make a call and write down what came of it."""
        url = self.urls[call.proc % len(self.urls)]
        connection = http.client.HTTPConnection(url, timeout=_CALL_S)
        begun = _now_ns()
        try:
            connection.request(call.method, call.path, call.body, dict(call.headers))
            came = connection.getresponse()
            answer = _answer(came.status, came.headers.get("ledger-position"), came.read(), call.op)
        except TimeoutError:
            answer = {"error": "timeout"}
        except _BARREN as error:
            answer = {"error": repr(error)}
        finally:
            with suppress(OSError):
                connection.close()
        return self.history.add(
            proc=call.proc,
            op=call.op,
            key=call.key,
            invoke_ns=begun,
            complete_ns=_now_ns(),
            type=_type(answer),
            asked=dict(call.asked),
            answer=answer,
        )


def _wait_for(sent: Sequence[Future[None]], patience_s: float) -> None:
    deadline = clock.elapsed() + patience_s
    for one in sent:
        one.result(max(0.0, deadline - clock.elapsed()))


def registration(seed: int, number: int) -> dict[str, Any]:
    """The body of a command that registers the subject of this number."""
    return {"identifiers": [_code(seed, number)], "name": f"示例{seed}之{number}号有限公司"}


def _code(seed: int, number: int) -> str:
    return synthetic_uscc(seed % 80 * 10_000 + number)


def _penalty(subject: str, number: int) -> dict[str, Any]:
    return {
        "subject": subject,
        "kinds": ["fine"],
        "fine": "1000.00",
        "decided_on": "2024-03-01",
        "offence": "假冒专利",
        "facts": "当事人在其销售的商品上标注已失效的专利号",
        "basis": {
            "authority": {"name": "示例市市场监督管理局"},
            "document_number": f"示市监处罚〔2024〕{number}号",
        },
    }


def _answer(status: int, position: str | None, body: bytes, op: str) -> dict[str, Any]:
    """What is kept of an answer."""
    said: dict[str, Any] = {"status": status}
    document: Any = json.loads(body) if body else {}
    if status >= http.client.BAD_REQUEST:
        return said | {"code": document.get("code"), "detail": document.get("detail")}
    if op == "probe":
        return said | {"shown": max(int(position or 0), *_positions(document), 0)}
    kept = ("state", "position", "leaf_hash", "chain_hash", "version", "subject", "offset")
    return said | {name: document[name] for name in kept if name in document}


def _positions(document: Any) -> list[int]:
    """Every position that is named anywhere in an answer."""
    if isinstance(document, list):
        return [one for each in document for one in _positions(each)]
    if not isinstance(document, dict):
        return [0]
    here = [document["position"]] if isinstance(document.get("position"), int) else []
    return here + [one for each in document.values() for one in _positions(each)]


def _type(answer: Mapping[str, Any]) -> str:
    status = answer.get("status")
    if status is None or status >= http.client.INTERNAL_SERVER_ERROR:
        return "info"
    return "fail" if status >= http.client.BAD_REQUEST else "ok"


def _outcome(line: Mapping[str, Any]) -> str | None:
    """What an answer to `ask` says for good; null while it is open."""
    answer = line["answer"]
    if line["type"] == "ok":
        return "entered" if answer["state"] == "entered" else None
    return {"unknown-key": "unknown", "voided": "voided"}.get(answer.get("code") or "")


def _now_ns() -> int:
    """The instant, in nanoseconds since 1970."""
    now = clock.now()
    return int(now.timestamp()) * 1_000_000_000 + now.microsecond * 1_000
