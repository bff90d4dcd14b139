"""Running the service: `up` runs everything in one process group.

`projector` is its child, and with the log on Kafka `relay`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Self

import typer

from .output import Exit, fail, say
from .session import guarded, settings_of_environment

if TYPE_CHECKING:
    from ..wiring import Settings

__all__ = ["register"]

DEMO_LEDGER: Final = "demo"
_STOP_S: Final = 5
"""How long a child may take to end; it may be killed at any moment, and nothing is lost."""
_LOOK_S: Final = 0.5
_PAUSE_MIN_S: Final = 1.0
_PAUSE_MAX_S: Final = 60.0


class Language(StrEnum):
    """The languages in which people are spoken to."""

    EN = "en"
    ZH = "zh"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("up")(up)
    app.command("projector", hidden=True)(projector)
    app.command("relay", hidden=True)(relay)


def up(
    sample: Annotated[
        bool | None,
        typer.Option(
            "--sample/--no-sample",
            help="Record the shipped sample once and tell its story (default: in a ledger `demo`).",
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when everything is up.")] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="Start a new ledger; the present one is set aside.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port of the API; 0 takes a free one.")
    ] = None,
    lang: Annotated[Language, typer.Option(help="Language of the story.")] = Language.EN,
) -> None:
    """Run the service on this machine until Ctrl-C: stores, relay, projector and API."""
    from .. import story, wiring
    from ..server import PortTaken, Server, listener, url_of

    settings = settings_of_environment()
    wiring.configure_logs()
    stop = _stop_on_signals()
    with guarded(PortTaken), ExitStack() as closing:
        listening = closing.enter_context(
            listener(settings.listen, settings.port if port is None else port)
        )
        if reset:
            _reset(settings)
        database = closing.enter_context(wiring.reach(settings, serving=True))
        say(f"✓ PostgreSQL {database.version} ({database.path})  {_kept_in(settings)}")
        children = []
        wiring.announce(settings, database, url_of(listening))
        if database.kafka is not None:
            say(
                f"✓ Kafka {database.kafka.version or 'does not answer'} ({database.kafka.path})"
                f"  {database.kafka.address}"
            )
            children.append(closing.enter_context(_Child("relay")))
        parts = closing.enter_context(wiring.opened(settings, database, relays=False))
        server = Server(parts, listening)
        children.append(closing.enter_context(_Child("projector")))
        closing.enter_context(server)
        has_sample = sample if sample is not None else settings.id == DEMO_LEDGER
        if has_sample:
            story.record_sample(parts, say)
        story.await_views(parts, say)
        if has_sample:
            story.tell(parts, lang.value)
        story.say_where(parts, server.url)
        while not once and not stop.wait(_LOOK_S):
            if not server.is_running:
                fail("the API ended by itself; its log says why")
            for child in children:
                child.look()
        for child in children:
            child.end()


def _reset(settings: Settings) -> None:
    """Set the ledger of the home aside; one in a database that was named is not ours to move."""
    from .. import wiring

    if settings.database_url is not None:
        fail(
            "a ledger in the database of LEDGER_DATABASE_URL is not set aside: name another "
            "database there, and another LEDGER_HOME",
            Exit.USAGE,
        )
    place = wiring.set_aside(settings)
    if place is not None:
        say(f"· the former ledger is kept in {place}")


def _kept_in(settings: Settings) -> str:
    return "" if settings.database_url is not None else str(settings.home / "pg")


def projector() -> None:
    """Fold the log into the views until the parent process ends (used by `up`)."""
    from .. import wiring

    wiring.configure_logs()
    stop = _stop_on_signals()
    threading.Thread(target=_stop_with_parent, args=(stop,), daemon=True).start()
    settings = settings_of_environment()
    with guarded(), wiring.reach(settings) as database:
        wiring.run_projector(settings, database, stop)


def relay() -> None:
    """Send what is sequenced to Kafka until the parent process ends (used by `up`)."""
    from .. import wiring

    wiring.configure_logs()
    stop = _stop_on_signals()
    threading.Thread(target=_stop_with_parent, args=(stop,), daemon=True).start()
    settings = settings_of_environment()
    with guarded(), wiring.reach(settings) as database:
        wiring.run_relay(settings, database, stop)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _stop_with_parent(stop: threading.Event) -> None:
    """The parent holds the other end of stdin: it closes when the parent ends, however that is."""
    sys.stdin.buffer.read()
    stop.set()


class _Child:
    """A process of the service; one that ends by itself is started anew, ever more seldom."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._pause_s = _PAUSE_MIN_S
        self._started_s = 0.0
        self._not_before_s = 0.0

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self.end()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        """Tell it to end, without waiting for that."""
        if self._process is not None:
            assert self._process.stdin is not None, "it has a pipe"
            self._process.stdin.close()

    def look(self) -> None:
        """Start it anew if it ended, and its pause is over."""
        from .. import wiring

        now = wiring.elapsed()
        if self._process is not None:
            ended = self._process.poll()
            if ended is None:
                if now - self._started_s > _PAUSE_MAX_S:
                    self._pause_s = _PAUSE_MIN_S
                return
            say(f"! {self._command} ended ({ended}); it is started again in {self._pause_s:.0f} s")
            self._process = None
            self._not_before_s = now + self._pause_s
            self._pause_s = min(2 * self._pause_s, _PAUSE_MAX_S)
        elif now >= self._not_before_s:
            self._start()

    def _start(self) -> None:
        from .. import wiring

        self._started_s = wiring.elapsed()
        self._process = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-m", "api.cli", self._command],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
