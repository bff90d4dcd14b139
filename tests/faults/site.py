"""A site: a ledger of its own with real processes, on a PostgreSQL and a broker that can be spoilt.

Each process reaches each server through a proxy. Tests look at the servers past the proxies.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, LiteralString, Self

from kafka import KafkaAdminClient

from infra import clock
from infra.local.processes import free_port, tail
from tests.parts import REPOSITORY

from .check_history import Entry, Evidence, Row, accepted, check, keys_in
from .clients import Clients, History
from .dump import Record, TopicSeen, describe, dump, save
from .proxy import Proxy, link
from .servers import Broker, Brokers, Server, database_of

__all__ = ["HEAL_S", "Process", "Site"]

HEAL_S: Final = 60
"""A run that does not heal in this time has failed."""
_START_S: Final = 60
_END_S: Final = 30
_LOOK_S: Final = 0.05
_PROGRAMS: Final = {
    "api": ("-m", "tests.faults.api_alone"),
    "relay": ("-m", "api.cli", "relay"),
    "projector": ("-m", "api.cli", "projector"),
}
_PINNED: Final = "SELECT name, topic_id FROM ledger_topic WHERE until IS NULL"
_ROWS: Final = "SELECT position, bytes, sig FROM ledger_record ORDER BY position"
_STATE: Final = "SELECT position, term, state, reason FROM ledger_head"


@dataclass(slots=True)
class Process:
    """One process of the service; `name` is that of its home and its log."""

    name: str
    log: Path
    popen: subprocess.Popen[bytes]
    postgres: Proxy
    kind: str
    settings: dict[str, str]
    is_looked_after: bool

    @property
    def pid(self) -> int:
        """Its number."""
        return self.popen.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs, or is frozen."""
        return self.popen.poll() is None

    @property
    def is_frozen(self) -> bool:
        """Whether it is stopped where it is."""
        status = Path(f"/proc/{self.pid}/stat").read_text()
        return status.rpartition(")")[2].split()[0] == "T"

    def kill(self) -> None:
        """End it at once."""
        assert self.popen.stdin is not None, "it has a pipe"
        self.popen.stdin.close()
        self.popen.kill()
        self.popen.wait()
        self.postgres.close()

    def freeze(self) -> None:
        """Stop it where it is."""
        self.popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.popen.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End it as its parent's end would."""
        assert self.popen.stdin is not None, "it has a pipe"
        with suppress(OSError):
            self.popen.stdin.close()
        if self.is_alive:
            self.thaw()
        try:
            self.popen.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.postgres.close()

    def wait_until_dead(self, patience_s: float = HEAL_S) -> int:
        """Wait until it has ended by itself; how."""
        return self.popen.wait(patience_s)

    def said(self, word: str) -> bool:
        """Whether its log holds this."""
        return word in self.log.read_text("utf-8", "replace")


@dataclass(slots=True, kw_only=True)
class Site:
    """A ledger on a server and a broker. `urls` are the addresses of its APIs, kept for good."""

    ledger: str
    folder: Path
    server: Server
    broker: Broker | Brokers
    seed: int
    processes: dict[str, Process] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    dumps: list[tuple[Record, ...]] = field(default_factory=list)
    database_url: str = ""
    clients: Clients = field(init=False)
    is_done: bool = False

    def __post_init__(self) -> None:
        """Make what is there before any process is."""
        self.folder.mkdir(mode=0o700)
        self.ports["api"] = free_port()
        self.clients = Clients(
            [f"127.0.0.1:{self.ports['api']}"], History(self.folder / "history.jsonl"), self.seed
        )

    def __enter__(self) -> Self:
        self.database_url = self.server.make_database(self.ledger)
        return self

    def __exit__(self, *_: object) -> None:
        self.clients.__exit__()
        for process in list(self.processes.values()):
            process.popen.kill()
        for process in list(self.processes.values()):
            process.kill()
        self.broker.heal()

    # Processes ------------------------------------------------------------------------------------

    def start(self, *, failpoint: str | None = None) -> Self:
        """Start API, relay and projector; returns when the API answers and may write."""
        self.start_api(failpoint=failpoint)
        self.start_relay()
        self.wait_until_ready()
        self.start_projector()
        return self

    def start_api(
        self, name: str = "api", *, failpoint: str | None = None, **settings: str
    ) -> Process:
        """Start an API; `wait_until_ready` waits until it may write."""
        port = self.ports.setdefault(name, free_port())
        return self._begin(name, "api", failpoint, {"LEDGER_PORT": str(port), **settings})

    def start_relay(
        self, name: str = "relay", *, failpoint: str | None = None, **settings: str
    ) -> Process:
        """Start a relay."""
        return self._begin(name, "relay", failpoint, settings)

    def start_projector(
        self, name: str = "projector", *, failpoint: str | None = None, **settings: str
    ) -> Process:
        """Start a projector."""
        return self._begin(name, "projector", failpoint, settings)

    def restart(self, name: str, *, failpoint: str | None = None) -> Process:
        """End a process if it lives, and start it anew; an API may write when this returns."""
        former = self.processes.pop(name)
        former.end()
        begin = {"api": self.start_api, "relay": self.start_relay}.get(name, self.start_projector)
        process = begin(name, failpoint=failpoint)
        if name == "api":
            self.wait_until_ready()
        return process

    def look_after(self) -> None:
        """Start relays and projectors anew that ended by themselves, as `credit-ledger up` does."""
        for name, process in list(self.processes.items()):
            if process.is_looked_after and not process.is_alive:
                self.processes.pop(name).end()
                self._begin(name, process.kind, None, process.settings)

    def move_to(self, server: Server) -> None:
        """From now on this ledger is on another server, as when an address changes over."""
        self.server = server
        self.database_url = database_of(server.dsn, self.ledger)
        for process in self.processes.values():
            process.postgres.lead_to(self.database_url)

    def _begin(
        self, name: str, kind: str, failpoint: str | None, settings: Mapping[str, str]
    ) -> Process:
        role = kind if name == kind else "spare"
        url = settings.get("LEDGER_DATABASE_URL", self.database_url)
        postgres, by_way = link(url)
        environment = {**self.environment(name, role), **settings, "LEDGER_DATABASE_URL": by_way}
        if failpoint is not None:
            environment["FAILPOINT"] = failpoint
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(
                [sys.executable, *_PROGRAMS[kind]],
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        is_looked_after = kind != "api" and failpoint is None
        process = Process(name, log, popen, postgres, kind, dict(settings), is_looked_after)
        self.processes[name] = process
        return process

    def environment(self, name: str, role: str = "spare") -> dict[str, str]:
        """What a process of this site is told."""
        kept = {
            one: value
            for one, value in os.environ.items()
            if not one.startswith("LEDGER_") and one not in {"PORT", "FAILPOINT"}
        }
        return kept | {
            "LEDGER_HOME": str(self.folder / name),
            "LEDGER_ID": self.ledger,
            "LEDGER_DATABASE_URL": self.database_url,
            "LEDGER_KAFKA": self.broker.address_for(role),
            "LEDGER_SINGLE_BROKER": str(isinstance(self.broker, Broker)).lower(),
            "LEDGER_SIGNING_KEY": str(self.folder / "signing.key"),
            "LEDGER_KEYS": str(self.folder / "keys.json"),
        }

    def command(self, *arguments: str, name: str = "operator", **settings: str) -> Any:
        """Run a command of the command line beside the service; how it ended."""
        return subprocess.run(
            [sys.executable, "-m", "api.cli", *arguments],
            cwd=REPOSITORY,
            env=self.environment(name) | settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * HEAL_S,
            check=False,
        )

    def end(self, name: str) -> None:
        """End a process cleanly, and forget it."""
        self.processes.pop(name).end()

    def kill(self, name: str) -> None:
        """Kill a process, and forget it."""
        self.processes.pop(name).kill()

    # Looking --------------------------------------------------------------------------------------

    def health(self, name: str = "api") -> dict[str, Any]:
        """What an API says of itself; nothing where it does not answer."""
        return self._asked(name, "/health")

    def _asked(self, name: str, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection(f"127.0.0.1:{self.ports[name]}", timeout=5)
        try:
            connection.request("GET", path)
            said: dict[str, Any] = json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException):
            return {}
        finally:
            connection.close()
        return said

    def is_ready(self, name: str = "api") -> bool:
        """Whether an API may write; where not, it is asked after a key, which wakes its gate.

        One that nobody asks anything looks once a minute.
        """
        said = self.health(name)
        if said.get("state") == "open" and said.get("reason") is None:
            return True
        if said:
            self._asked(name, "/v1/commands/nobody-sent-this")
        return False

    def wait_until_ready(self, name: str = "api", patience_s: float = HEAL_S) -> None:
        """Until an API may write."""
        self.wait(lambda: self.is_ready(name), f"{name} is not ready", patience_s)

    def wait(
        self, what: Callable[[], object], complaint: str = "", patience_s: float = HEAL_S
    ) -> None:
        """Return as soon as it is so; fail with the ends of the logs where it is not in time."""
        deadline = clock.elapsed() + patience_s
        while not what():
            self.look_after()
            if clock.elapsed() > deadline:
                raise AssertionError(
                    f"seed {self.seed}: {complaint or 'it never came about'}{self.logs()}"
                )
            time.sleep(_LOOK_S)

    def rest(self, seconds: float) -> None:
        """Let a fault last; every process goes on."""
        time.sleep(seconds)

    def logs(self) -> str:
        """The ends of all logs."""
        return "".join(
            f"\n── {one.name} ({'alive' if one.is_alive else 'dead'})\n{tail(one.log)}"
            for one in self.processes.values()
        )

    def query(self, question: LiteralString, *values: object) -> list[Any]:
        """Ask the ledger's database, past the proxies."""
        return self.server.query(question, *values, dsn=self.database_url)

    def head(self) -> int:
        """The sequenced position."""
        found = self.query(_STATE)
        return int(found[0][0]) if found else 0

    def term(self) -> int:
        """The term of the head."""
        return int(self.query(_STATE)[0][1])

    def state(self) -> str:
        """What the gate has decided."""
        return str(self.query(_STATE)[0][2])

    def shown(self) -> int:
        """The position that the views show."""
        return int(self.query("SELECT coalesce(max(position), 0) FROM projection_place")[0][0])

    @property
    def topic(self) -> str:
        """The name of the pinned topic."""
        return str(self.query(_PINNED)[0][0])

    def end_of_topic(self) -> int:
        """The offset behind the last record of the topic."""
        return describe(self.broker.address, self.topic).end

    def has_topic(self, name: str) -> bool:
        """Whether there is a topic of this name."""
        admin = KafkaAdminClient(bootstrap_servers=self.broker.address)
        try:
            return name in admin.list_topics()
        finally:
            admin.close()

    def take_dump(self) -> tuple[Record, ...]:
        """Keep what the topic holds now; what stood there once is final."""
        taken = dump(self.broker.address, self.topic)
        self.dumps.append(taken)
        return taken

    # The end --------------------------------------------------------------------------------------

    def quiesce(self, api: str = "api") -> None:
        """Wait until entered = sequenced = projected, and Kafka itself holds it all.

        What an API took for entered stays so for it, though the topic may have lost it since.
        """

        def is_quiet() -> bool:
            said = self.health(api)
            head = self.head()
            return (
                self.is_ready(api)
                and set(said.get("positions", {}).values()) == {head}
                and len(self.log_in(dump(self.broker.address, self.topic))) == head
            )

        deadline = clock.elapsed() + HEAL_S
        while not is_quiet():
            self.look_after()
            if clock.elapsed() > deadline:
                raise AssertionError(
                    f"seed {self.seed}: it does not heal in {HEAL_S} s: {self.health(api)}"
                    f" at {self.query(_STATE)}{self.logs()}"
                )
            time.sleep(_LOOK_S)

    def log_in(self, records: Sequence[Record]) -> list[Entry]:
        """The log that stands in a raw dump."""
        keys = keys_in((self.folder / "keys.json").read_text("utf-8"))
        return accepted(records, self.ledger, keys)

    def dump_former_topics(self) -> None:
        """What stands on topics that the ledger has left, as far as they are there still."""
        former = self.query("SELECT name, topic_id FROM ledger_topic WHERE until IS NOT NULL")
        for name, topic_id in former:
            if self.has_topic(name) and describe(self.broker.address, name).topic_id == topic_id:
                self.dumps.append(dump(self.broker.address, name, is_damaged=True))

    def finish(
        self, *, repeats: bool = False, gaps: bool = False, api: str = "api"
    ) -> dict[str, str]:
        """Heal, wait until all is quiet, ask after every key, and check; what each key did.

        `repeats`: the fault excuses records that stand in the topic twice.
        """
        for process in self.processes.values():
            process.postgres.heal()
        self.broker.heal()
        self.quiesce(api)
        outcomes = self.clients.settle()
        self.clients.probe()
        self.dump_former_topics()
        self.take_dump()
        self.check(repeats=repeats, gaps=gaps)
        return outcomes

    def check(self, *, repeats: bool = False, gaps: bool = False) -> None:
        """Hold everything against the raw dumps; the artefacts stay where it does not hold."""
        name, topic_id = self.query(_PINNED)[0]
        evidence = Evidence(
            ledger=self.ledger,
            keys=keys_in((self.folder / "keys.json").read_text("utf-8")),
            lines=self.clients.history.lines,
            dumps=self.dumps,
            rows=[
                Row(
                    position=position,
                    value=bytes(value),
                    signature=None if signature is None else bytes(signature),
                )
                for position, value, signature in self.query(_ROWS)
            ],
            topic=describe(self.broker.address, name),
            pinned=topic_id,
            are_repeats_excused=repeats,
            has_gaps=gaps,
        )
        self._keep(evidence)
        found = check(evidence)
        assert not found, f"seed {self.seed}, see {self.folder}:\n" + "\n".join(map(str, found))
        self.is_done = True

    def _keep(self, evidence: Evidence) -> None:
        """Write down what the check stands on, so that it can be made again."""
        for number, records in enumerate(evidence.dumps, start=1):
            save(records, self.folder / f"dump-{number}.jsonl")
        said = {
            "seed": self.seed,
            "ledger": evidence.ledger,
            "pinned": evidence.pinned,
            "topic": None if evidence.topic is None else _plain(evidence.topic),
            "are_repeats_excused": evidence.are_repeats_excused,
            "has_gaps": evidence.has_gaps,
            "refused": evidence.refused,
            "rows": [
                {
                    "position": row.position,
                    "value": row.value.hex(),
                    "signature": None if row.signature is None else row.signature.hex(),
                }
                for row in evidence.rows or ()
            ],
        }
        (self.folder / "evidence.json").write_text(json.dumps(said), "utf-8")


def _plain(topic: TopicSeen) -> dict[str, Any]:
    return {
        "name": topic.name,
        "topic_id": topic.topic_id,
        "partitions": topic.partitions,
        "beginning": topic.beginning,
        "end": topic.end,
        "settings": dict(topic.settings),
    }
