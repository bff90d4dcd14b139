"""What may be asked about the rules themselves."""

from dataclasses import dataclass

__all__ = ["NAMES", "PublishEdition", "RulebookCommand"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishEdition:
    """Make an edition part of the rules; `text` is its TOML, at most 48 KiB."""

    text: str


RulebookCommand = PublishEdition

NAMES: dict[str, type[RulebookCommand]] = {"publish-edition": PublishEdition}
