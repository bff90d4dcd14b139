"""Events as the projector takes them off the log, without a log."""

from datetime import UTC, datetime

from infra.codec import EventCodec
from projections.fold import Recorded

from .history import Written

_CODEC = EventCodec()


def recorded(position: int, written: Written) -> Recorded:
    return Recorded(
        position=position,
        event_id=written.id,
        type=_CODEC.name(written.event),
        major=1,
        stream=written.stream,
        version=position,
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
        actor="test",
        data=_CODEC.data(written.event),
        event=written.event,
    )
