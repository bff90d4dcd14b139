"""Recording over HTTP with 64 clients, beside the library's saves one by one."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from .recording import CLIENTS

if TYPE_CHECKING:
    from .figures import Board
    from .recording import Recording

_AT_LEAST: Final = 5


def test_recording_over_http_is_faster_than_saving_one_by_one(
    recording: Recording, board: Board
) -> None:
    board.note("facts of an event", f"{recording.payload_bytes:,.0f} bytes on both sides")
    board.note("answers took (p50, p99)", _latencies(recording))
    board.note("the clients' share of a core", _cost(recording))
    board.note("the views behind at the end of a round", f"{median(recording.lags_s):.1f} s")
    board.note("resident after recording", _resident(recording))
    what = f"recording over HTTP, {CLIENTS} clients"
    board.hold(board.compare(what, recording.ours, recording.theirs, at_least=_AT_LEAST))


def _latencies(recording: Recording) -> str:
    p50 = median(one.p50_ms for one in recording.seen)
    p99 = median(one.p99_ms for one in recording.seen)
    return f"{p50:.0f} ms, {p99:.0f} ms"


def _cost(recording: Recording) -> str:
    return f"{median(one.cpu_s / one.seconds for one in recording.seen):.0%}"


def _resident(recording: Recording) -> str:
    return f"service {recording.resident_mib:.0f} MiB, projector {recording.projector_mib:.0f} MiB"
