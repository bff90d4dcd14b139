"""The read side's questions, asked of the live generation of the views."""

from contextlib import AbstractContextManager

from ..connections import Pool
from .lists import Lists
from .snapshots import Snapshots
from .subjects import Subjects
from .waiting import Waiting

__all__ = ["Views"]


class Views(Subjects, Lists):
    """Answers every question of `projections.answers.Views`; from any thread.

    Each answer is read in one snapshot of one generation, so that it fits together while the
    projector writes and while another generation is switched to.

    Every question but `position` and `wait` raises `infra.generations.NoGeneration` where no
    generation was made yet.
    """

    def __init__(self, pool: Pool) -> None:
        """Read through connections of this pool."""
        snapshots = Snapshots(pool)
        super().__init__(snapshots)
        self._position = snapshots.position
        self._together = snapshots.take
        self._waiting = Waiting(snapshots.position)

    def position(self) -> int:
        """The position up to which the live generation shows the log; 0 if there is none."""
        return self._position()

    def together(self) -> AbstractContextManager[object]:
        """The questions that this thread asks in the block are answered from one snapshot."""
        return self._together()

    def wait(self, position: int, timeout_s: float) -> bool:
        """Wait until the views show this position; whether they do.

        Looks at least once, also with a `timeout_s` of 0.
        """
        return self._waiting.until(position, timeout_s)
