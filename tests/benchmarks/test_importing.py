"""The import of a penalty file: beside the library's saves, and until it is entered on Kafka."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from infra.codec import read_fields

from .bare import produced, sent_from
from .conftest import library_environment
from .figures import Figure, rates
from .library import Library
from .recording import facts_behind
from .service import command, serving
from .told import Told, say
from .workload import csv_file, history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import NewDatabase, NewStores
    from .figures import Board

_AT_LEAST: Final = 2
_ROUNDS: Final = 2
_TOGETHER: Final = 100
_ENTERED_PER_S: Final = 15_000
_OF_A_PRODUCER: Final = 0.5


def test_a_penalty_file_is_imported_faster_than_hundreds_are_saved(
    folder: Path, new_stores: NewStores, new_database: NewDatabase, events: int, board: Board
) -> None:
    stores = new_stores("imported", on_kafka=False)
    saving = Library(library_environment(new_database("saved_together")))
    command(stores, "migrate")
    ours, theirs, shown_s = [], [], []
    for number, file in enumerate(_files(folder, events)):
        say(f"importing file {number + 1} of {_ROUNDS}")
        ran = command(stores, "import", str(file), "--json")
        said = json.loads(ran.said)
        assert said["rejected"] == 0, said
        facts = facts_behind(stores.database_url, ran.head_before)
        ours.append(len(facts) / ran.recorded_s)
        shown_s.append(ran.seconds - ran.recorded_s)
        say(f"the same {len(facts)} events with the library, {_TOGETHER} aggregates together")
        took_s = saving.save_together(facts, Told(len(facts)), _TOGETHER)
        theirs.append(len(facts) / took_s)
    saving.close()
    board.note("the views behind an import", f"{max(shown_s):.1f} s")
    what = "import of a penalty file, with start-up"
    board.hold(board.compare(what, ours, theirs, at_least=_AT_LEAST))


def test_a_penalty_file_is_entered_half_as_fast_as_a_bare_producer_sends_it(
    folder: Path, new_stores: NewStores, events: int, board: Board
) -> None:
    stores = new_stores("imported-on-kafka", on_kafka=True)
    assert stores.kafka is not None
    ours, theirs, sequenced = [], [], []
    with serving(stores) as service:
        for number, file in enumerate(_files(folder, events)):
            say(f"importing file {number + 1} of {_ROUNDS} until it is entered on Kafka")
            ran = service.run("import", str(file), "--json")
            assert json.loads(ran.said)["rejected"] == 0, ran.said
            records = [
                one
                for one in sent_from(stores.kafka, stores.topic)
                if _position(one.value) > ran.head_before
            ]
            sequenced.append(len(records) / ran.recorded_s)
            ours.append(len(records) / ran.entered_s)
            say(f"the same {len(records)} records with a bare producer")
            took_s = produced(stores.kafka, f"bare-{number}.log", records)
            theirs.append(len(records) / took_s)
    board.note("… until they are sequenced", rates(sequenced))
    what = "import of a penalty file until entered, with start-up"
    yardstick = "a bare producer"
    beside = board.compare(what, ours, theirs, at_least=_OF_A_PRODUCER, yardstick=yardstick)
    enough = min(ours) >= _ENTERED_PER_S
    board.figures.append(
        Figure(
            what="… events a second",
            ours=rates(ours),
            demand=f"≥ {_ENTERED_PER_S:,}/s",
            is_met=enough,
        )
    )
    board.hold(beside)
    assert enough, board.figures[-2].line


def _files(folder: Path, events: int) -> Iterator[Path]:
    """The history as penalty files, one a round."""
    rows = history(events)
    for number in range(_ROUNDS):
        piece = rows[number * len(rows) // _ROUNDS : (number + 1) * len(rows) // _ROUNDS]
        file = folder / f"penalties-{number}.csv"
        file.write_bytes(csv_file(piece))
        yield file


def _position(value: bytes) -> int:
    fields = read_fields(value)
    assert fields is not None, "every record of the log has its fields"
    return fields.position
