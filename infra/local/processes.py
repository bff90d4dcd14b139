"""What every server started here needs: a free port, a child process, the end of its log."""

import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_TAIL_LINES: Final = 12


def free_port(preferred: int = 0) -> int:
    """A port of 127.0.0.1 that nobody listens on now: the preferred one, if it is that.

    Whoever binds it first has it, so a start that finds it taken chooses anew.
    """
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", preferred))
        except OSError:
            return free_port()
        port: int = candidate.getsockname()[1]
        return port


def dies_with_starter(how: str) -> tuple[str, ...]:
    """What stands before a command that shall get signal `how` when its starting thread ends.

    Empty where there is no `setpriv`.
    """
    return ("setpriv", f"--pdeathsig={how}") if shutil.which("setpriv") else ()


def spawn(
    command: list[str],
    log: Path,
    *,
    environment: Mapping[str, str],
    folder: Path = Path("/"),
    files: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, working in `folder`, its output at the end of `log`.

    In a session of its own Ctrl-C reaches the service first and the server only when the service
    is done with it. `files` are open files that it shall hold, too.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=files,
        )


def begin_log(log: Path) -> None:
    """Keep the log of the run before as `….before`, so that this run's begins empty."""
    if log.exists():
        log.replace(log.with_name(f"{log.name}.before"))


def tail(log: Path) -> str:
    """The last lines of a log, for a message that says why a server did not start.

    Without the frames of Java's stack traces, behind which the reason would be out of sight.
    """
    lines = log.read_text("utf-8", "replace").splitlines()
    return "\n".join([line for line in lines if not line.startswith("\tat ")][-_TAIL_LINES:])
