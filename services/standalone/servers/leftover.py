"""Server processes that outlived the supervisor which started them."""

import contextlib
import signal
from pathlib import Path

import psutil

FAST_STOP_S = 20.0
KILL_S = 5.0


def end_leftover(pid_file: Path, folder: Path) -> None:
    """End every process that still works in `folder`, and remove the pid file; nothing to do when there is no file.

    Not only the process that the file names: when it was killed, its children may go on for a moment, and a new server
    beside them would spoil the files. A number that meanwhile belongs to another program is left alone.
    """
    if not pid_file.exists():
        return
    found = [process for process in psutil.process_iter() if _works_in(process, folder.resolve())]
    pid = _pid_in(pid_file)
    for process in found:
        if process.pid == pid:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGINT)
    _, alive = psutil.wait_procs(found, timeout=FAST_STOP_S)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=KILL_S)
    pid_file.unlink(missing_ok=True)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        return process.cwd() == str(folder)
    return False


def _pid_in(pid_file: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(pid_file.read_text().split()[0])
    return None
