"""Named points at which a test may end, freeze or break the process: `FAILPOINT=name:how:nth`.

`how` is `kill` (SIGKILL to itself), `stop` (SIGSTOP, until somebody sends SIGCONT) or `raise`;
`nth` counts the passes from 1. Several are divided by commas. Without the variable a pass costs one
look at an empty mapping.
"""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["POINTS", "Broken", "reach"]

POINTS: Final = frozenset(
    {
        "holding_head_lock",
        "before_commit",
        "after_commit",
        "before_produce",
        "after_produce",
        "after_ack",
        "before_place",
        "after_place",
        "gate_begins",
        "gate_after_adopt",
        "gate_after_set_aside",
        "gate_before_term",
        "gate_after_term",
        "projector_in_transaction",
        "projector_before_commit",
        "projector_after_commit",
        "rebuild_between_batches",
        "rebuild_before_switch",
        "rebuild_after_switch",
        "recover_before_begin",
        "recover_between_batches",
        "recover_before_end",
        "take_over_before_term",
        "republish_before_topic",
        "republish_between_batches",
        "republish_before_pin",
        "republish_after_pin",
        "switch_back_between_batches",
        "switch_back_before_switch",
        "switch_back_after_switch",
    }
)
"""Every point that the code passes."""


class Broken(RuntimeError):
    """A point was told to raise."""


@dataclass(slots=True)
class _Armed:
    """What happens at a point, and how many passes are left until then."""

    how: str
    left: int


def _read(text: str) -> dict[str, _Armed]:
    armed = {}
    for one in filter(None, text.split(",")):
        name, how, nth = one.split(":")
        if name not in POINTS or how not in {"kill", "stop", "raise"}:
            raise ValueError(f"FAILPOINT={one}: no such point or way; there are {sorted(POINTS)}")
        armed[name] = _Armed(how, int(nth))
    return armed


_ARMED: Final[Mapping[str, _Armed]] = _read(os.environ.get("FAILPOINT", ""))


def reach(name: str) -> None:
    """Pass a point.

    Raises:
        Broken: a test told it to.
    """
    armed = _ARMED.get(name)
    if armed is None:
        return
    armed.left -= 1
    if armed.left != 0:
        return
    match armed.how:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case _:
            raise Broken(f"at {name}")
