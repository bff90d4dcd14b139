"""Shows what batch after batch would come to, and records none."""

from collections.abc import Sequence

from .kept import Kept
from .overlay import Overlay
from .planner import Planner
from .refusals import Refused
from .requests import Preview, Request, Unchanged

__all__ = ["Rehearsal"]


class Rehearsal:
    """What requests would come to, each on the state after all that were rehearsed before it.

    Nothing is recorded. Others may record meanwhile, so it is no promise. Made by
    `Service.rehearsal`, and used by the thread that uses the service.
    """

    def __init__(self, planner: Planner, kept: Kept, overlay: Overlay) -> None:
        """Begin from what is kept and overlaid now."""
        self._planner = planner
        self._kept = kept
        self._overlay = overlay

    def record(self, batch: Sequence[Request]) -> tuple[Preview | Unchanged | Refused, ...]:
        """What the requests would come to; keys are not looked at."""
        self._overlay.take_in(batch)
        return tuple(self._outcome(request) for request in batch)

    def _outcome(self, request: Request) -> Preview | Unchanged | Refused:
        try:
            plan = self._planner.plan(request, self._overlay)
        except Refused as refusal:
            return refusal
        version, position = plan.version, self._kept.position
        if not plan.events:
            return Unchanged(stream=plan.stream, version=version, position=position)
        self._overlay.keep(plan)
        return Preview(
            stream=plan.stream,
            version=version - len(plan.events),
            position=position,
            events=plan.events,
        )
