"""The servers that a site stands on, each of which can be killed, frozen, copied and restarted."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, LiteralString, Self
from urllib.parse import urlsplit

import psycopg
from kafka import KafkaProducer
from psycopg import sql

from infra.local import Cluster, Postgres, start, start_cluster
from infra.local.programs import environment, find
from tests.parts import KAFKA_CACHE

from .proxy import Proxy
from .segments import batches, cut_tail, log_file

__all__ = ["ROLES", "Broker", "Brokers", "Server", "database_of"]

ROLES: Final = ("api", "relay", "projector", "spare")
"""Kinds of processes, each with a listener of the broker and a proxy of its own."""

_LENIENT: Final = {"max_connections": "200", "fsync": "off", "full_page_writes": "off"}
"""What is killed here is a process, never the machine: what it wrote is there without a flush."""


class Server:
    """A PostgreSQL over a folder."""

    def __init__(self, folder: Path, options: Mapping[str, str] = MappingProxyType({})) -> None:
        """Nothing is started yet."""
        self.folder = folder
        self._options = {**_LENIENT, **options}
        self._running: Postgres | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """Its address, which it keeps over a restart."""
        assert self._running is not None, "it was started"
        return self._running.dsn

    @property
    def pid(self) -> int:
        """The process of its postmaster."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split("\n")[0])

    def start(self) -> None:
        """Start it; returns when it answers."""
        self._running = start(self.folder, options=self._options)

    def stop(self) -> None:
        """End it cleanly."""
        if self._running is not None:
            self._running.stop()

    def kill(self) -> None:
        """End it at once, its children too: what a crash of all of it leaves."""
        postmaster = self.pid
        os.kill(postmaster, signal.SIGQUIT)
        self.stop()

    def heal(self) -> None:
        """Start it if a test left it stopped."""
        if self._running is not None and not (self.folder / "data" / "postmaster.pid").exists():
            self.start()

    def restart(self, *, crash: bool = False) -> None:
        """Stop it and start it anew, which is another instance."""
        self.kill() if crash else self.stop()
        self.start()

    def copy(self, folder: Path) -> "Server":
        """A server over a copy of the data as it is now; this one need not be stopped for that.

        The copy is a snapshot of the disk: it is taken while nothing is written.
        """
        folder.mkdir(mode=0o700)
        shutil.copy2(self.folder / "password", folder / "password")
        was_running = self._running is not None and (self.folder / "data/postmaster.pid").exists()
        if was_running:
            self.query("CHECKPOINT")
            os.kill(self.pid, signal.SIGSTOP)  # nothing else is written meanwhile
        try:
            _copy(self.folder / "data", folder / "data")
        finally:
            if was_running:
                os.kill(self.pid, signal.SIGCONT)
        return Server(folder, self._options)

    def backup(self, folder: Path) -> "Server":
        """A server over a base backup, taken while this one works."""
        folder.mkdir(mode=0o700)
        shutil.copy2(self.folder / "password", folder / "password")
        what = (f"--pgdata={folder / 'data'}", "--wal-method=stream", "--checkpoint=fast")
        self.program("pg_basebackup", *what, f"--dbname={self.dsn}")
        return Server(folder, self._options)

    def standby(self, folder: Path, *, at: int) -> "Server":
        """A streaming standby that reaches this server at a port; made and not yet started."""
        copied = self.backup(folder)
        data = folder / "data"
        (data / "standby.signal").touch()
        who = urlsplit(self.dsn)
        reached = f"host=127.0.0.1 port={at} user={who.username} password={who.password}"
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{reached}'\n")
        return copied

    def program(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs."""
        programs = find(self.folder, self.folder / "data")
        ran = subprocess.run(
            programs.command(name, *arguments),
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{name}: {ran.stderr}"

    def query(self, question: LiteralString, *values: object, dsn: str | None = None) -> list[Any]:
        """Ask it, or do something, on a connection of its own."""
        with psycopg.connect(dsn or self.dsn, autocommit=True) as connection:
            found = connection.execute(question, values)
            return found.fetchall() if found.description else []

    def make_database(self, name: str) -> str:
        """Make an empty database; its address."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return database_of(self.dsn, name)


def database_of(dsn: str, name: str) -> str:
    """The address of another database on the same server."""
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


def _copy(data: Path, copied: Path) -> None:
    """Copy a data folder with all attributes, without what belongs to the process over it."""
    subprocess.run(["cp", "-a", str(data), str(copied)], check=True)
    (copied / "postmaster.pid").unlink(missing_ok=True)


class Broker:
    """A broker from the jars, with one listener for each kind of process, behind a proxy each."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started yet."""
        self._folder = folder
        self._held = ExitStack()
        self.proxies: dict[str, Proxy] = {}
        self._cluster: Cluster | None = None
        self._is_closed = False

    @property
    def cluster(self) -> Cluster:
        """The broker as a cluster of one."""
        assert self._cluster is not None, "it was started"
        return self._cluster

    @property
    def address(self) -> str:
        """Where tests reach it, past every proxy."""
        return self.cluster.address

    def address_for(self, role: str) -> str:
        """Where processes of this kind reach it, by way of their proxy."""
        return self.proxies[role].address

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with ExitStack() as reserved:
            sockets = [reserved.enter_context(_reserved()) for _ in range(2 + len(ROLES))]
            ports = [one.getsockname()[1] for one in sockets]
        direct, controller, *others = ports
        (self._folder / "ports").write_text(json.dumps([[direct, controller]]))
        for role, port in zip(ROLES, others, strict=True):
            self.proxies[role] = self._held.enter_context(Proxy("127.0.0.1", port))
        options = _listeners(direct, controller, others, [self.proxies[one].port for one in ROLES])
        self._cluster = start_cluster(self._folder, KAFKA_CACHE, brokers=1, options=options)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closed = True
        if self._cluster is not None:
            self._cluster.kill()  # nothing is kept, and a clean end takes seconds
        self._held.close()

    @property
    def data(self) -> Path:
        """The folder of its logs."""
        return self._folder / "1" / "data"

    def freeze(self) -> None:
        """Stop the process where it is."""
        os.kill(self.cluster.pid(1), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.cluster.pid(1), signal.SIGCONT)

    def heal(self) -> None:
        """Let everything pass to it, which runs again if a test left it killed."""
        if not self._is_closed:
            running = self.cluster._running.get(1)
            if running is not None and running.poll() is not None:  # it gave up by itself
                self.cluster.kill(1)
                running = None
            if running is None:
                self.cluster.start(1)
        for proxy in self.proxies.values():
            proxy.heal()


class Brokers:
    """Three brokers of one cluster; processes reach them without a proxy."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        """Brokers that run already, over a folder."""
        self._folder = folder
        self.cluster = cluster
        self.proxies: dict[str, Proxy] = {}

    @property
    def address(self) -> str:
        """The addresses of all of them."""
        return self.cluster.address

    def address_for(self, _role: str) -> str:
        """As `address`."""
        return self.address

    def heal(self) -> None:
        """Nothing stands between."""

    def lose_tail(self, topic: str, *, share: float) -> None:
        """Have every replica lose the end of a topic, all but a share of its batches."""
        self.cluster.kill()
        folders = [self._folder / str(number) / "data" for number in (1, 2, 3)]
        least = min(len(list(batches(log_file(one, topic)))) for one in folders)
        for one in folders:
            cut_tail(one, topic, int(least * share))
        self.cluster.start()

    def grow(self, topic: str, end: int) -> None:
        """Have a stranger write noise until the topic is as long as it was."""
        producer = KafkaProducer(bootstrap_servers=self.address, acks="all")
        while producer.send(topic, b"noise", partition=0).get(timeout=60).offset < end:
            pass
        producer.close()


def _reserved() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def _listeners(
    direct: int, controller: int, others: Sequence[int], advertised: Sequence[int]
) -> dict[str, str]:
    """Settings of a broker with a listener for each role, which says its proxy's address."""
    names = [role.upper() for role in ROLES]
    listeners = [
        f"PLAINTEXT://127.0.0.1:{direct}",
        f"CONTROLLER://127.0.0.1:{controller}",
        *(f"{name}://127.0.0.1:{port}" for name, port in zip(names, others, strict=True)),
    ]
    said = [
        f"PLAINTEXT://127.0.0.1:{direct}",
        *(f"{name}://127.0.0.1:{port}" for name, port in zip(names, advertised, strict=True)),
    ]
    protocols = ",".join(f"{name}:PLAINTEXT" for name in ("PLAINTEXT", "CONTROLLER", *names))
    return {
        "listeners": ",".join(listeners),
        "advertised.listeners": ",".join(said),
        "listener.security.protocol.map": protocols,
        "inter.broker.listener.name": "PLAINTEXT",
        "delete.topic.enable": "true",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.num.partitions": "1",
    }
