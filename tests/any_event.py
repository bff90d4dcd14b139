"""Any event or command, made from its type hints: what a field may hold, it will hold."""

from typing import TypeVar

from hypothesis import strategies as st

from ledger.events import STORED_NAMES, Event, ProjectionSkipApproved, TermOpened
from ledger.record import NUMBER_MAX
from ledger.values import FileRow, Points, Yuan, plain

__all__ = ["any_event", "made_of"]

T = TypeVar("T")

st.register_type_strategy(Yuan, st.decimals(0, 10**13, places=2).map(Yuan))
st.register_type_strategy(
    Points,
    st.decimals(-(10**9) + 1, 10**9 - 1, places=6).map(lambda number: Points(plain(number))),
)
_numbers = st.integers(1, NUMBER_MAX)
st.register_type_strategy(FileRow, st.builds(FileRow, row=_numbers))
st.register_type_strategy(
    TermOpened,
    st.builds(TermOpened, term=_numbers, server_timeline=_numbers, from_position=_numbers),
)
st.register_type_strategy(
    ProjectionSkipApproved, st.builds(ProjectionSkipApproved, position=_numbers)
)


def made_of(kind: type[T]) -> st.SearchStrategy[T]:
    """Events or commands of one class."""
    return st.from_type(kind)


def any_event() -> st.SearchStrategy[Event]:
    """Events of all classes."""
    return st.one_of([made_of(kind) for kind in STORED_NAMES.values()])
