"""An explanation as a lawyer's note, for people: in Chinese or in English."""

from typing import Final

from .en import write as in_english
from .noted import Noted, note_of
from .zh import write as in_chinese

__all__ = ["Noted", "note_of", "written"]

_WRITERS: Final = {"en": in_english, "zh": in_chinese}


def written(noted: Noted, language: str) -> str:
    """The note in a language, `en` or `zh`, as lines of plain text."""
    return "\n".join(_WRITERS[language](noted))
