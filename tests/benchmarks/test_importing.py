"""The import of a penalty file, beside the library's saves of a hundred aggregates at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from .conftest import library_environment
from .library import Library
from .recording import facts_behind
from .service import command
from .told import Told, say
from .workload import csv_file, history

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import NewDatabase
    from .figures import Board

_AT_LEAST: Final = 2
_ROUNDS: Final = 2
_TOGETHER: Final = 100


def test_a_penalty_file_is_imported_faster_than_hundreds_are_saved(
    folder: Path, new_database: NewDatabase, events: int, board: Board
) -> None:
    database_url, home = new_database("imported"), folder / "importing"
    saving = Library(library_environment(new_database("saved_together")))
    command(home, database_url, "migrate")
    ours, theirs, shown_s = [], [], []
    rows = history(events)
    for number in range(_ROUNDS):
        piece = rows[number * len(rows) // _ROUNDS : (number + 1) * len(rows) // _ROUNDS]
        file = folder / f"penalties-{number}.csv"
        file.write_bytes(csv_file(piece))
        say(f"importing file {number + 1} of {_ROUNDS} for {len(piece)} events")
        ran = command(home, database_url, "import", str(file), "--json")
        said = json.loads(ran.said)
        assert said["rejected"] == 0, said
        facts = facts_behind(database_url, ran.head_before)
        ours.append(len(facts) / ran.recorded_s)
        shown_s.append(ran.seconds - ran.recorded_s)
        say(f"the same {len(facts)} events with the library, {_TOGETHER} aggregates together")
        took_s = saving.save_together(facts, Told(len(facts)), _TOGETHER)
        theirs.append(len(facts) / took_s)
    saving.close()
    board.note("the views behind an import", f"{max(shown_s):.1f} s")
    what = "import of a penalty file, with start-up"
    board.hold(board.compare(what, ours, theirs, at_least=_AT_LEAST))
