"""One Kafka for a whole session, started when the first test asks for it.

The process that pytest was started in starts it, because that one outlives its workers; they ask
over a connection of this machine, which only knows its own.
"""

import secrets
import threading
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Final, Protocol

from infra.local import Kafka, NoKafka

from .parts import open_kafka, way_to_kafka

_LOOPBACK: Final = ("127.0.0.1", 0)
_ASKS: Final = "Where is Kafka?"
_CLOSES: Final = "Nobody will ask any more."


class SharedKafka(Protocol):
    """The Kafka of the session, as a process of it sees it."""

    def get(self) -> Kafka | NoKafka:
        """The Kafka, started if nobody asked before; else why there is none."""
        ...

    def left_out(self) -> str:
        """Why there is none; empty if there is one, or if it is not known yet."""
        ...


class OwnKafka:
    """The Kafka of the session in the process that starts it."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started yet; its data shall lie in `folder`."""
        self._folder = folder
        self._found: Kafka | NoKafka | None = None
        self._way: str | NoKafka | None = None
        self._counter: _Counter | None = None

    @property
    def way(self) -> str | NoKafka:
        """The path that is taken, or why there is none."""
        if self._way is None:
            self._way = way_to_kafka()
        return self._way

    def get(self) -> Kafka | NoKafka:
        """The Kafka, started at the first call. For one thread."""
        if self._found is None:
            self._found = self.way if isinstance(self.way, NoKafka) else open_kafka(self._folder)
        return self._found

    def left_out(self) -> str:
        """Why there is none; empty if there is one."""
        found = self._found or self.way
        return str(found) if isinstance(found, NoKafka) else ""

    def told_to_workers(self) -> tuple[str, int, str]:
        """Where a worker asks: host, port, secret."""
        if self._counter is None:
            self._counter = _Counter(self)
        return self._counter.told

    def stop(self) -> None:
        """Stop it, if it was started."""
        if isinstance(self._found, Kafka):
            self._found.stop()
        if self._counter is not None:
            self._counter.close()


class AskedKafka:
    """The Kafka of the session in a worker, which asks for it."""

    def __init__(self, told: tuple[str, int, str]) -> None:
        """Ask where `OwnKafka.told_to_workers` said."""
        self._host, self._port, self._secret = told

    def get(self) -> Kafka | NoKafka:
        """The Kafka, once it is started."""
        with Client((self._host, self._port), authkey=bytes.fromhex(self._secret)) as counter:
            counter.send(_ASKS)
            told = counter.recv()
        if isinstance(told, str):
            return NoKafka(told)
        address, version, path = told
        return Kafka(address=address, version=version, path=path, stop=lambda: None)

    def left_out(self) -> str:
        """Nothing: the process that starts it says so for all."""
        return ""


class _Counter:
    """Where workers ask, one after the other: the first waits for the start, the others for it.

    The thread that serves them is the one that starts the broker, so it must live as long.
    """

    def __init__(self, kafka: OwnKafka) -> None:
        self._kafka = kafka
        self._secret = secrets.token_bytes(16)
        self._listener = Listener(_LOOPBACK, authkey=self._secret)
        self._thread = threading.Thread(target=self._serve, name="kafka counter", daemon=True)
        self._thread.start()

    @property
    def told(self) -> tuple[str, int, str]:
        host, port = self._address
        return host, port, self._secret.hex()

    def close(self) -> None:
        """Serve nobody any more."""
        with Client(self._address, authkey=self._secret) as counter:
            counter.send(_CLOSES)
        self._thread.join()
        self._listener.close()

    @property
    def _address(self) -> tuple[str, int]:
        host, port = self._listener.address
        return str(host), int(port)

    def _serve(self) -> None:
        said = None
        while said != _CLOSES:
            # Whoever has not the secret, or goes away, is none of ours.
            with suppress(AuthenticationError, OSError, EOFError), self._listener.accept() as asked:
                said = asked.recv()
                if said == _ASKS:
                    asked.send(self._answer())

    def _answer(self) -> tuple[str, str, str] | str:
        try:
            found = self._kafka.get()
        except Exception as error:  # noqa: BLE001 # the tests are told, and the others still wait
            return repr(error)
        if isinstance(found, NoKafka):
            return str(found)
        return found.address, found.version, found.path
