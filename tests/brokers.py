"""What tests on several brokers have to wait for."""

from typing import Final

from infra import clock
from infra.topic import TopicGone, administer, find_topic_id

__all__ = ["wait_until_known"]

_WAIT_S: Final = 60
_IN_A_ROW: Final = 30
"""So often is asked: each connection goes to any of the brokers."""


def wait_until_known(address: str, topic: str) -> None:
    """Until every broker has heard of a new topic: one after another learns of it."""
    deadline, known = clock.elapsed() + _WAIT_S, 0
    while known < _IN_A_ROW:
        with administer(address) as admin:
            try:
                find_topic_id(admin, topic)
            except TopicGone:
                assert clock.elapsed() < deadline, f"a broker has not heard of {topic}"
                known = 0
            else:
                known += 1
