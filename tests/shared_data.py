"""The public samples that may lie in a folder `shared` beside the repository; tests do without."""

import csv
import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_json(name: str) -> list[dict[str, Any]]:
    """The rows of a JSON sample; none where the folder is absent."""
    path = _FOLDER / name
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def shared_csv(name: str) -> list[dict[str, str]]:
    """The rows of a CSV sample; none where the folder is absent."""
    path = _FOLDER / name
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def shared_text(name: str) -> str:
    """The text of a sample as it stands; empty where the folder is absent."""
    path = _FOLDER / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""
