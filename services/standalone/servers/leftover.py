"""Server processes that outlived the supervisor which started them."""

import contextlib
import signal
from pathlib import Path

import psutil

FAST_STOP_S = 20.0
KILL_S = 5.0


def end_leftover(pid_file: Path, folder: Path) -> None:
    """End the process that `pid_file` names if it really works in `folder`, and remove the file.

    A number that meanwhile belongs to another program is left alone: only the stale file goes.
    """
    try:
        pid = int(pid_file.read_text().split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if Path(process.cwd()) == folder.resolve():
            _end(process)
    pid_file.unlink(missing_ok=True)


def _end(process: psutil.Process) -> None:
    parts = [process, *process.children(recursive=True)]
    process.send_signal(signal.SIGINT)
    _, alive = psutil.wait_procs(parts, timeout=FAST_STOP_S)
    for part in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            part.kill()
    psutil.wait_procs(alive, timeout=KILL_S)
