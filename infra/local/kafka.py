"""A Kafka to work on: one that is given by its address, or our own brokers, started in a folder.

Our own run from the published jars, KRaft alone, broker and controller in one process, with a small
heap, and listen on 127.0.0.1 alone. They do not outlive their starter: each gets SIGTERM, its clean
shutdown, when the *thread* that started it ends, however that ends; so start them from one that
lives as long as they are needed. A broker that outlived its starter all the same (there is no
`setpriv`) is shut down at the next start, never adopted: it may run with other settings, and nobody
would wait for its end.

A broker acknowledges what it has not flushed to disk: a power cut may lose the end of its log, the
end of the process does not.
"""

import base64
import fcntl
import json
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import psutil

from .. import clock
from .jars import KAFKA_VERSION, NoKafka, fetch, find_java
from .processes import begin_log, dies_with_starter, free_port, spawn, tail

FROM_JARS: Final = "from jars"
"""The path of a broker of our own."""

_JVM: Final = (
    "-Xms32m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # starts in half the time, and holds less
    "-Xshare:auto",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)
_JVM_VARIABLES: Final = frozenset({"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"})
_SETTINGS: Final = MappingProxyType(
    {
        "process.roles": "broker,controller",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": "data",  # a broker works inside its folder, so no path need be escaped
        "auto.create.topics.enable": "false",
        "delete.topic.enable": "false",
        # A broker that was killed is let in again only when its former life has timed out.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "num.network.threads": "2",
        "num.io.threads": "2",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        "log.cleaner.dedupe.buffer.size": "4194304",  # its default holds 128 MB of memory for good
    }
)
_COPIES: Final = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
_STARTS_MAX: Final = 3
_START_S: Final = 120  # after a kill it reads through the ends of its logs
_STOP_S: Final = 30
_PATIENCE_S: Final = 10.0
_CONNECT_S: Final = 1
_POLL_S: Final = 0.05
_COPIES_MIN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """A Kafka that answers. `path` says how it was come by; `stop` ends one of our own."""

    address: str
    version: str
    path: str
    stop: Callable[[], None]


def kafka_at(address: str, *, path: str, patience_s: float = _PATIENCE_S) -> Kafka:
    """The Kafka at an address (`host:port`, several with commas) that was given; `stop` leaves it.

    Raises:
        NoKafka: nothing answers there within `patience_s` seconds.
    """
    from ..kafka_clients import KafkaUnreachable, administrator  # noqa: PLC0415 # slow to import

    try:
        admin = administrator(address, patience_s=patience_s)
    except KafkaUnreachable as error:
        raise NoKafka(str(error)) from error
    try:
        broker = admin.describe_cluster()["brokers"][0]["broker_id"]
        version = admin.get_broker_version_data(broker).broker_version
    finally:
        admin.close()
    return Kafka(address=address, version=".".join(map(str, version)), path=path, stop=lambda: None)


def start_kafka(
    folder: Path, cache: Path, *, options: Mapping[str, str] = MappingProxyType({})
) -> Kafka:
    """Our own single broker over `folder`, made at the first start; returns when it answers.

    Its jars are fetched into `cache` if they are not there. What was written is found by the next
    start, at the same address if nobody has taken it. The caller is alone with `folder`.

    Args:
        folder: holds the broker's data, settings and log; made if it does not exist.
        cache: folder of the jars; any number of brokers may share it.
        options: settings of the broker that overrule those of this module.

    Raises:
        NoKafka: no broker can be started here; the message says why.
    """
    cluster = start_cluster(folder, cache, brokers=1, options=options)
    return Kafka(address=cluster.address, version=KAFKA_VERSION, path=FROM_JARS, stop=cluster.stop)


def start_cluster(
    folder: Path,
    cache: Path,
    *,
    brokers: int = 3,
    options: Mapping[str, str] = MappingProxyType({}),
) -> "Cluster":
    """Brokers that hold copies of each other's logs, as `start_kafka`; returns when all answer.

    From three on, topics have three copies unless they say otherwise, two of which must be there
    for a write, and a broker that is gone is missed after three seconds.

    Raises:
        NoKafka: they cannot be started here, or the folder was made for another number of them.
    """
    folder = folder.absolute()
    java = find_java()
    jars = fetch(cache)
    folder.mkdir(mode=0o700, exist_ok=True)
    ports = _remembered_ports(folder, brokers)
    _end_left_running(folder / str(number) for number in range(1, brokers + 1))
    tries = 0
    while True:
        ports = [(free_port(one), free_port(other)) for one, other in ports]
        cluster = Cluster(folder, [str(java.program), *_JVM, "-cp", f"{jars}/*"], ports, options)
        try:
            cluster.start()
        except NoKafka:
            cluster.stop()
            tries += 1
            if tries == _STARTS_MAX:
                raise  # no port was taken meanwhile: it cannot be helped
        else:
            (folder / "ports").write_text(json.dumps(ports))
            return cluster


class Cluster:
    """Brokers 1, 2, … over one folder, each of which can be killed and started again."""

    def __init__(
        self,
        folder: Path,
        java: list[str],
        ports: list[tuple[int, int]],
        options: Mapping[str, str],
    ) -> None:
        """Nothing is started yet. `java` begins a command; `ports`: broker's, controller's."""
        self._folder = folder
        self._java = java
        self._ports = dict(enumerate(ports, 1))
        self._options = options
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def address(self) -> str:
        """The addresses of all brokers, with commas between them."""
        return ",".join(self.address_of(number) for number in self._ports)

    def address_of(self, number: int) -> str:
        """The address of one broker, which it keeps over a restart."""
        return f"127.0.0.1:{self._ports[number][0]}"

    def pid(self, number: int) -> int:
        """The process of one broker that was started."""
        return self._running[number].pid

    def start(self, *numbers: int) -> None:
        """Start these brokers (default: all); returns when they answer and the others know them.

        Most of the brokers of a cluster must run for any of them to answer.

        Raises:
            NoKafka: one does not come up; the message holds the end of its log.
        """
        chosen = numbers or tuple(self._ports)
        with ExitStack() as held:
            locks = {number: held.enter_context(self._lock(number)) for number in chosen}
            for number in chosen:
                self._prepare(number)
            self._format(chosen)
            for number in chosen:
                self._run(number, locks[number])
        self._wait_for(chosen)

    def kill(self, *numbers: int) -> None:
        """End these brokers (default: all that run) at once, as a crash would."""
        for number in numbers or tuple(self._running):
            self._running[number].kill()
            self._running.pop(number).wait()

    def stop(self, *numbers: int) -> None:
        """Shut these brokers down (default: all that run); one that does not end is killed."""
        chosen = numbers or tuple(self._running)
        for number in chosen:
            self._running[number].terminate()
        deadline = clock.elapsed() + _STOP_S
        for number in chosen:
            with suppress(subprocess.TimeoutExpired):
                self._running[number].wait(max(0, deadline - clock.elapsed()))
        self.kill(*chosen)

    def _of(self, number: int) -> Path:
        return self._folder / str(number)

    @contextmanager
    def _lock(self, number: int) -> Iterator[int]:
        """A lock on the broker's folder, as an open file; a process that is given it holds it, too.

        Two brokers over one folder would spoil its data before either notices.
        """
        folder = self._of(number)
        folder.mkdir(mode=0o700, exist_ok=True)
        with (folder / "lock").open("a") as file:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise NoKafka(f"another broker still works in {folder}; end it") from error
            yield file.fileno()

    def _prepare(self, number: int) -> None:
        folder = self._of(number)
        begin_log(folder / "log")
        settings = self._settings(number)
        _write(folder / "server.properties", settings)
        _write(folder / "format.properties", {**settings, "log.dirs": "data.new"})

    def _settings(self, number: int) -> dict[str, str]:
        port, controller = self._ports[number]
        copies = min(len(self._ports), _COPIES_MIN)
        voters = ",".join(f"{one}@127.0.0.1:{ports[1]}" for one, ports in self._ports.items())
        settings = {
            **_SETTINGS,
            "node.id": str(number),
            "controller.quorum.voters": voters,
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "default.replication.factor": str(copies),
            "min.insync.replicas": str(max(1, copies - 1)),
        }
        for topic in _COPIES:
            settings[f"{topic}.replication.factor"] = str(copies)
            settings[f"{topic}.min.isr"] = str(max(1, copies - 1))
        return settings | dict(self._options)

    def _format(self, numbers: Iterable[int]) -> None:
        """Make the data folders; each gets its name when it is whole, so a crash leaves none."""
        tool = ("kafka.tools.StorageTool", "format", "--ignore-formatted")
        # An id may begin with a hyphen: it stands in one word with its option.
        what = ("--config=format.properties", f"--cluster-id={_cluster_id(self._folder)}")
        bare = [number for number in numbers if not (self._of(number) / "data").exists()]
        tools = {number: self._spawn(number, *tool, *what) for number in bare}
        for number, running in tools.items():
            folder = self._of(number)
            if running.wait() != 0:
                log = folder / "log"
                raise NoKafka(f"{folder} could not be formatted; {log} ends:\n{tail(log)}")
            (folder / "data.new").rename(folder / "data")

    def _run(self, number: int, lock: int) -> None:
        self._running[number] = self._spawn(number, "kafka.Kafka", "server.properties", lock=lock)
        (self._of(number) / "pid").write_text(str(self.pid(number)))

    def _spawn(
        self, number: int, *arguments: str, lock: int | None = None
    ) -> subprocess.Popen[bytes]:
        folder = self._of(number)
        return spawn(
            [*dies_with_starter("TERM"), *self._java, *arguments],
            folder / "log",
            environment=_environment(),
            folder=folder,
            files=() if lock is None else (lock,),
        )

    def _wait_for(self, numbers: Iterable[int]) -> None:
        deadline = clock.elapsed() + _START_S
        for number in numbers:
            while not _listens(self._ports[number][0]):
                self._give_up_if_ended(number, deadline)
                time.sleep(_POLL_S)
        for number in numbers:
            while not _known(self.address_of(number), set(numbers)):
                self._give_up_if_ended(number, deadline)
                time.sleep(_POLL_S)

    def _give_up_if_ended(self, number: int, deadline: float) -> None:
        if self._running[number].poll() is None and clock.elapsed() < deadline:
            return
        log = self._of(number) / "log"
        raise NoKafka(f"broker {number} does not come up; {log} ends:\n{tail(log)}")


def _environment() -> Mapping[str, str]:
    """Ours, without what would give the broker's JVM other options, and with UTF-8 in paths."""
    kept = {name: value for name, value in os.environ.items() if name not in _JVM_VARIABLES}
    return kept | {"LC_ALL": "C.UTF-8"}


def _write(file: Path, settings: Mapping[str, str]) -> None:
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


def _remembered_ports(folder: Path, brokers: int) -> list[tuple[int, int]]:
    """The ports of last time; zeros, which take free ones, at the first start."""
    file = folder / "ports"
    if not file.exists():
        return [(0, 0)] * brokers
    ports = [(one, other) for one, other in json.loads(file.read_bytes())]
    if len(ports) != brokers:
        raise NoKafka(f"{folder} was made for {len(ports)} brokers, not for {brokers}")
    return ports


def _cluster_id(folder: Path) -> str:
    """The id that all data of this folder bear: as Kafka writes a UUID, made once."""
    file = folder / "cluster-id"
    if not file.exists():
        new = file.with_suffix(".new")
        new.write_text(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))
        new.replace(file)
    return file.read_text()


def _listens(port: int) -> bool:
    """Whether a broker takes connections: it opens its port when it is ready to answer."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_S).close()
    except OSError:
        return False
    return True


def _known(address: str, numbers: set[int]) -> bool:
    """Whether the broker at this address says that these brokers take part."""
    from ..kafka_clients import KafkaUnreachable  # noqa: PLC0415 # slow to import
    from ..topic import administer  # noqa: PLC0415 # as above

    try:
        with administer(address) as admin:
            brokers = admin.describe_cluster()["brokers"]
    except KafkaUnreachable:
        return False
    return numbers <= {each["broker_id"] for each in brokers if not each["is_fenced"]}


def _end_left_running(folders: Iterable[Path]) -> None:
    """Shut down brokers that outlived their starter, so that ours can take over the data."""
    left = [process for folder in folders if (process := _broker_in(folder))]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(left, timeout=_STOP_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_STOP_S)


def _broker_in(folder: Path) -> psutil.Process | None:
    """The process that was started over this folder, if it still works inside it."""
    try:
        process = psutil.Process(int((folder / "pid").read_text()))
        return process if folder.samefile(process.cwd()) else None
    except (psutil.Error, OSError, ValueError):
        return None
