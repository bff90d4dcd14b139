"""The library's saves on its own table, beside the same saves on our log (`infra.sourcing`).

Nothing is demanded of these lines: they are what docs/adr/0014 weighs.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from .conftest import library_environment
from .figures import Figure, rates
from .library import Library
from .told import Told, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from infra.local import Cluster

    from .conftest import NewDatabase
    from .figures import Board

_ROUNDS: Final = 3
_TOGETHER: Final = 100
_FACTS: Final = "x" * 600
"""As long as the facts of an event of the other lines."""


def test_saves_of_the_library_on_our_log(
    folder: Path, new_database: NewDatabase, broker: Cluster, events: int, board: Board
) -> None:
    count = max(events // 20, 500)
    on_table = _ours("sourced-table", folder, new_database)
    on_kafka = _ours("sourced-kafka", folder, new_database) | {
        "LEDGER_KAFKA": broker.address,
        "LEDGER_SINGLE_BROKER": "yes",
    }
    with (
        closing(Library(library_environment(new_database("sourced_theirs")))) as theirs,
        closing(Library(on_table)) as table,
        closing(Library(on_kafka)) as kafka,
    ):
        sides = {"its own table": theirs, "our table log": table, "our log on Kafka": kafka}
        alone: dict[str, list[float]] = {name: [] for name in sides}
        together: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(_ROUNDS):
            say(f"the library's saves, round {number + 1} of {_ROUNDS}")
            facts = [(f"{number} {one}", _FACTS) for one in range(count)]
            for name, library in sides.items():
                alone[name].append(count / library.save_each(facts, Told(count)))
                more = [(f"{subject} more", text) for subject, text in facts]
                seconds = library.save_together(more, Told(count), _TOGETHER)
                together[name].append(count / seconds)
    for name in ("our table log", "our log on Kafka"):
        board.figures.append(_figure(f"saves one by one on {name}", alone, name))
        board.figures.append(_figure(f"saves of {_TOGETHER} aggregates on {name}", together, name))


def _ours(name: str, folder: Path, new_database: NewDatabase) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "infra.sourcing",
        "LEDGER_ID": name,
        "LEDGER_DATABASE_URL": new_database(name.replace("-", "_")),
        "LEDGER_HOME": str(folder / name),
    }


def _figure(what: str, found: Mapping[str, Sequence[float]], name: str) -> Figure:
    return Figure(
        what=what, ours=rates(found[name]), beside=f"its own {rates(found['its own table'])}"
    )
