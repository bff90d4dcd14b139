from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from infra.deploy.health import is_ready
from infra.local.processes import free_port


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server on loopback that answers readiness with a status, and its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that the library calls
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False), (404, False)])
def test_a_service_is_well_when_it_says_that_it_is_ready(status: int, *, ready: bool) -> None:
    with answering(status) as port:
        assert is_ready(port) is ready


def test_a_service_that_does_not_answer_is_not_well() -> None:
    assert not is_ready(free_port(0))
