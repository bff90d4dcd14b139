"""A broker's files, while it does not run: what a lost tail or a damaged disk leaves of them."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Batch", "batches", "cut_tail", "flip_byte", "log_file"]

_OFFSET_AND_LENGTH: Final = struct.Struct(">qi")
_LAST_DELTA: Final = struct.Struct(">i")
_LAST_DELTA_AT: Final = 23


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch of records as Kafka keeps it: first and last offset, and where its bytes stand."""

    first: int
    last: int
    start: int
    size: int


def log_file(data: Path, topic: str) -> Path:
    """The one segment of a topic that is small."""
    (found,) = (data / f"{topic}-0").glob("*.log")
    return found


def batches(file: Path) -> Iterator[Batch]:
    """The batches of a segment, in order."""
    content = file.read_bytes()
    start = 0
    while start + _OFFSET_AND_LENGTH.size <= len(content):
        first, length = _OFFSET_AND_LENGTH.unpack_from(content, start)
        if length <= 0:
            return  # the file is longer than what was written
        (delta,) = _LAST_DELTA.unpack_from(content, start + _LAST_DELTA_AT)
        size = _OFFSET_AND_LENGTH.size + length
        yield Batch(first=first, last=first + delta, start=start, size=size)
        start += size


def cut_tail(data: Path, topic: str, keep: int) -> int:
    """Lose all batches but the first `keep`, as a power cut does; how many records are left.

    The broker does not run, and was not shut down cleanly: it reads through its files again.
    """
    file = log_file(data, topic)
    kept = list(batches(file))[:keep]
    with file.open("r+b") as opened:
        opened.truncate(kept[-1].start + kept[-1].size if kept else 0)
    for made_again in (*file.parent.glob("*.index"), *file.parent.glob("*.timeindex")):
        made_again.unlink()
    (data / ".kafka_cleanshutdown").unlink(missing_ok=True)
    return kept[-1].last + 1 if kept else 0


def flip_byte(data: Path, topic: str, batch: int) -> None:
    """Damage one byte in the middle of a batch, as a disk does."""
    file = log_file(data, topic)
    found = list(batches(file))[batch]
    with file.open("r+b") as opened:
        opened.seek(found.start + found.size - 20)
        byte = opened.read(1)
        opened.seek(-1, 1)
        opened.write(bytes([byte[0] ^ 0x01]))
