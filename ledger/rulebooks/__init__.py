"""The editions that the project ships, as their TOML texts."""

from importlib import resources
from typing import Final

__all__ = ["shipped"]

_SHIPPED: Final = ("cnipa-2022-8.toml", "pa-rating-2023-10.toml", "demo/enterprise.toml")


def shipped() -> tuple[str, ...]:
    """The texts of the editions that are published with a new ledger, in that order."""
    folder = resources.files(__name__)
    return tuple(folder.joinpath(name).read_text("utf-8") for name in _SHIPPED)
