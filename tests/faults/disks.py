"""Disks of our own that lose their power or have no room left; they need root and loop devices."""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["Disk", "Ramdisk"]

_CHUNK: Final = 1 << 20


class Disk:
    """An ext4 in a file, which can be copied as a power cut would leave it."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made yet."""
        self.folder = folder
        self._image = folder / "image"
        self.mounted = folder / "mounted"
        self._after: list[Path] = []

    def make(self) -> None:
        """Make it and mount it."""
        self.mounted.mkdir(parents=True)
        _run("truncate", "-s", "1G", str(self._image))
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        _run("mount", "-o", "loop", str(self._image), str(self.mounted))

    def flush(self) -> None:
        """Have everything on the disk that is in memory now."""
        _run("sync", "-f", str(self.mounted))

    def cut_power(self) -> Path:
        """What is on the disk now, without what was only in memory: mounted elsewhere."""
        copied = self.folder / f"cut-{len(self._after)}"
        mounted = self.folder / f"after-{len(self._after)}"
        mounted.mkdir()
        _run("cp", "--sparse=always", str(self._image), str(copied))
        _run("mount", "-o", "loop", str(copied), str(mounted))
        self._after.append(mounted)
        return mounted

    def clear(self) -> None:
        """Unmount and remove everything."""
        for one in (*self._after, self.mounted):
            _unmount(one)
        shutil.rmtree(self.folder, ignore_errors=True)


class Ramdisk:
    """A small tmpfs."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made yet."""
        self.mounted = folder

    def make(self) -> None:
        """Make it and mount it."""
        self.mounted.mkdir()
        _run("mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(self.mounted))

    def fill(self) -> None:
        """Leave no room on it."""
        with suppress(OSError), self._filler.open("wb") as filler:
            while True:
                filler.write(bytes(_CHUNK))
                filler.flush()

    def empty(self) -> None:
        """Give the room back."""
        self._filler.unlink()

    def clear(self) -> None:
        """Unmount and remove it."""
        _unmount(self.mounted)
        shutil.rmtree(self.mounted, ignore_errors=True)

    @property
    def _filler(self) -> Path:
        return self.mounted / "filler"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=False, capture_output=True)
