"""The proxy does to a connection what it is told, and nothing else."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from .proxy import Direction, Proxy, Treatment

pytestmark = pytest.mark.unit

PATIENCE_S = 10
BARELY_S = 0.3


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that sends everything back."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(one: socket.socket) -> None:
        with suppress(OSError), one:
            while sent := one.recv(1 << 16):
                one.sendall(sent)

    def accept() -> None:
        with suppress(OSError):
            while True:
                one, _ = listening.accept()
                threading.Thread(target=serve, args=(one,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listening.getsockname()
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


@pytest.fixture
def proxy(echo: tuple[str, int]) -> Iterator[Proxy]:
    with Proxy(*echo) as found:
        yield found


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) as found:
        found.sendall(b"hello")
        assert found.recv(5) == b"hello"
        yield found


def silent(client: socket.socket) -> bool:
    """Whether nothing comes for a while."""
    client.settimeout(BARELY_S)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(PATIENCE_S)
    return False


def test_what_is_held_back_arrives_when_that_is_over(proxy: Proxy, client: socket.socket) -> None:
    proxy.treat(Treatment(holds=frozenset({"down"})))
    client.sendall(b"late")
    assert silent(client)
    proxy.heal()
    assert client.recv(4) == b"late"


def test_nobody_connects_through_a_partition(proxy: Proxy, client: socket.socket) -> None:
    proxy.treat(Treatment(holds=frozenset({"up", "down"})))
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) as other:
        other.sendall(b"x")
        assert silent(other)
        proxy.heal()
        assert other.recv(1) == b"x"


def test_what_is_swallowed_is_lost_while_the_connection_stands(
    proxy: Proxy, client: socket.socket
) -> None:
    proxy.treat(Treatment(swallows=frozenset({"down"})))
    client.sendall(b"lost")
    assert silent(client)
    proxy.heal()
    client.sendall(b"next")
    assert client.recv(4) == b"next"


def test_a_delay_and_a_narrow_line_change_nothing_but_the_time(
    proxy: Proxy, client: socket.socket
) -> None:
    proxy.treat(Treatment(delay_s=0.02, bytes_per_s=100_000))
    client.sendall(b"slow")
    assert client.recv(4) == b"slow"


def test_what_stands_behind_the_place_of_a_cut_never_comes_through(
    proxy: Proxy, client: socket.socket
) -> None:
    def behind_the_a(direction: Direction, sent: bytes) -> int | None:
        return sent.find(b"a") + 1 if direction == "up" and b"a" in sent else None

    proxy.cut(behind_the_a)
    client.sendall(b"xa-lost")
    assert everything(client) in {b"", b"x", b"xa"}
    assert proxy.cuts == 1


def everything(client: socket.socket) -> bytes:
    """All that comes until the line ends."""
    found = b""
    with suppress(ConnectionError):
        while came := client.recv(16):
            found += came
    return found


def test_connections_are_reset_and_new_ones_go_through(proxy: Proxy, client: socket.socket) -> None:
    proxy.reset()
    with pytest.raises(ConnectionError):
        client.recv(1)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) as other:
        other.sendall(b"x")
        assert other.recv(1) == b"x"


def test_who_is_refused_is_let_in_again_when_that_is_over(proxy: Proxy) -> None:
    proxy.treat(Treatment(refuses=True))
    with (
        suppress(ConnectionError),
        socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) as other,
    ):
        assert everything(other) == b""
    proxy.heal()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) as other:
        other.sendall(b"x")
        assert other.recv(1) == b"x"
