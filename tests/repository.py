"""Where the project lies."""

from pathlib import Path
from typing import Final

__all__ = ["REPOSITORY"]

REPOSITORY: Final = Path(__file__).resolve().parents[1]
