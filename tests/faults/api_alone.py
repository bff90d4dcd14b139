"""The API's process without its children: what `credit-ledger up` runs beside relay and projector.

Ends when its parent does, or by a signal, as the other processes of the service.
"""

import signal
import sys
import threading
from contextlib import ExitStack

from api import wiring
from api.server import Server, listener, url_of


def main() -> None:
    """Serve the ledger of the settings until told to stop."""
    settings = wiring.read_settings()
    wiring.configure_logs()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_stop_with_parent, args=(stop,), daemon=True).start()
    with ExitStack() as closing:
        listening = closing.enter_context(listener(None, settings.port))
        database = closing.enter_context(wiring.reach(settings, serving=True))
        wiring.announce(settings, database, url_of(listening))
        parts = closing.enter_context(wiring.opened(settings, database, relays=False))
        closing.enter_context(Server(parts, listening))
        stop.wait()


def _stop_with_parent(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()


if __name__ == "__main__":
    main()
