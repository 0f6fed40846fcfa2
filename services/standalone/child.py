"""One child process: started in its own process group, logging to a file, dying with its parent."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from services.standalone import identity

POLL_S = 0.02


class Child:
    """A running process. It must be started from the main thread, because it dies with the thread that started it."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str],
        cwd: Path,
        user: identity.Identity,
        death_signal: signal.Signals = signal.SIGTERM,
        pass_fds: Sequence[int] = (),
        given: str = "",
    ) -> None:
        """Start `argv`; `given` is its standard input, a few kilobytes at most."""
        fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own command lines)
                list(argv),
                stdin=subprocess.PIPE,
                stdout=fd,
                stderr=fd,
                env=dict(env),
                cwd=cwd,
                pass_fds=tuple(pass_fds),
                start_new_session=True,
                preexec_fn=identity.on_start(user, death_signal),  # noqa: PLW1509 (prepared for it, see there)
            )
        finally:
            os.close(fd)
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:
                stdin.write(given.encode())

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its process group."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Signal the process itself; nothing happens when it has ended."""
        self._process.send_signal(number)

    def kill_group(self) -> None:
        """SIGKILL to the process and all it started in its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self, number: signal.Signals, timeout_s: float) -> bool:
        """Signal it and wait; after `timeout_s` its whole group is killed. True if it ended by itself."""
        self.send(number)
        ended = wait_until(lambda: self.exit_code() is not None, timeout_s)
        self.kill_group()
        return ended


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Poll `condition` until it holds (True) or `timeout_s` is over (False)."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
