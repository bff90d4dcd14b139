"""Has the gate look at start, when it is woken, and once a minute, in a thread of its own."""

import threading
from typing import Final

import structlog

from ledger.gate import Decision, Resend

from .gate import Gate
from .logs import without_values

__all__ = ["GateKeeper"]

_EVERY_S: Final = 60.0
_AGAIN_S: Final = 1.0
"""How soon it looks again where it could not look, or where the relay has to send again first."""
_STOP_S: Final = 3.0
"""How long its end is waited for: stores that do not answer may take longer, and end with us."""
_REST_S: Final = 0.2
"""How long it rests after a look, however often it is woken."""
_LOG = structlog.get_logger(__name__)


class GateKeeper:
    """Passes the gate for one process."""

    def __init__(self, gate: Gate) -> None:
        """Nothing is looked at yet."""
        self._gate = gate
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._passing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)
        self.decision: Decision | None = None
        """What it decided last; null before the first time."""
        self.trouble: str | None = None
        """Why it could not look the last time; null where it could."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the topic should be otherwise, as it was seen at the last look."""
        return self._gate.warnings

    def start(self) -> None:
        """Begin to keep the gate; the first look is once a minute, or when woken."""
        self._thread.start()

    def stop(self) -> None:
        """Keep it no longer."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def wake(self) -> None:
        """Look soon."""
        self._woken.set()

    def see(self) -> None:
        """Look now, in this thread; what comes of it is kept."""
        self.look()

    def look(self) -> bool:
        """Look now, in this thread; whether that was possible."""
        with self._passing:
            try:
                self.decision = self._gate.pass_through()
            except Exception as error:  # noqa: BLE001  # whatever it is, the last decision stands
                self.trouble = f"{type(error).__name__}: {error}"
                _LOG.warning("the gate cannot look now", reason=without_values(error))
                return False
            self.trouble = None
            return True

    def _run(self) -> None:
        pause_s = _EVERY_S
        while not self._stopping.is_set():
            self._woken.wait(pause_s)
            self._woken.clear()
            if self._stopping.is_set():
                return
            is_settled = self.look() and not isinstance(self.decision, Resend)
            pause_s = _EVERY_S if is_settled else _AGAIN_S
            self._stopping.wait(_REST_S)
