"""A rebuild of all views: beside the library's runner with one table, and a bare consumer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from .bare import consumed
from .library import folded
from .told import say

if TYPE_CHECKING:
    from .figures import Board
    from .recording import Recording

_AT_LEAST: Final = 10
_OF_A_CONSUMER: Final = 0.1


def test_all_views_are_rebuilt_faster_than_the_library_fills_one_table(
    recording: Recording, board: Board
) -> None:
    say(f"rebuilding all views from {recording.events} events")
    rebuilt = recording.service.run("rebuild", "--yes", "--json")
    said = json.loads(rebuilt.said)
    assert said["ok"], said
    say(f"the library's runner folds {recording.events} events into one table")
    theirs = recording.events / folded(recording.library, recording.events)
    board.note("resident while rebuilding, all processes", f"{rebuilt.resident_mib:.0f} MiB")
    ours = said["events"] / said["seconds"]
    what = "rebuild of all views, indexed and compared"
    board.hold(board.compare(what, [ours], [theirs], at_least=_AT_LEAST))


def test_all_views_are_rebuilt_from_kafka_at_a_tenth_of_a_bare_consumer(
    entering: Recording, board: Board
) -> None:
    stores = entering.service.stores
    assert stores.kafka is not None
    say(f"rebuilding all views from Kafka, {entering.events} events")
    said = json.loads(entering.service.run("rebuild", "--yes", "--json").said)
    assert said["ok"], said
    say("a bare consumer reads the same topic")
    count, took_s = consumed(stores.kafka, stores.topic)
    assert count >= said["events"]
    what = "rebuild of all views from Kafka, indexed and compared"
    ours, theirs = said["events"] / said["seconds"], count / took_s
    yardstick = "a bare consumer"
    board.hold(board.compare(what, [ours], [theirs], at_least=_OF_A_CONSUMER, yardstick=yardstick))
