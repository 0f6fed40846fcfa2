"""What every embedded server offers to the supervisor and to the tests."""

import importlib.util
import os
import secrets
from pathlib import Path
from typing import Protocol

KEPT_ENVIRONMENT = ("PATH", "TMPDIR", "LD_LIBRARY_PATH")


class ServerError(RuntimeError):
    """A server did not start; the message names its log."""


class Server(Protocol):
    """A server process with a folder of its own. After a stop or a kill, `start` brings it back at the same URL."""

    name: str

    @property
    def url(self) -> str:
        """Where clients connect, password included; known before the start."""
        ...

    def start(self) -> None:
        """Start the process without waiting until it answers."""
        ...

    def wait_ready(self, timeout_s: float) -> None:
        """Return when clients can connect. Raises ServerError when it ends before, or is not ready in time."""
        ...

    def is_ready(self) -> bool:
        """Whether clients can connect now."""
        ...

    def exit_code(self) -> int | None:
        """None while the process runs or was never started."""
        ...

    def stop(self) -> None:
        """End it in order; returns when it has ended."""
        ...

    def kill(self) -> None:
        """End it as a crash would: SIGKILL to all of it."""
        ...


def environment(**extra: str) -> dict[str, str]:
    """A small environment for a server: none of the caller's settings or secrets, messages in English."""
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    return {**kept, "LC_ALL": "C", **extra}


def log_tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log, for an error message."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def package_folder(package: str) -> Path:
    """Where an installed package lies, found without importing it (an import may make folders outside ours)."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        message = f"the package {package} is not installed"
        raise ServerError(message)
    return Path(spec.submodule_search_locations[0])


def write_file(file: Path, text: str, mode: int) -> None:
    """Replace `file`; it never exists with wider permissions than `mode`."""
    file.unlink(missing_ok=True)
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as stream:
        stream.write(text)
    file.chmod(mode)


def kept_password(file: Path) -> str:
    """The password in `file`, made at the first call; only the supervisor's user can read it."""
    if not file.exists():
        write_file(file, secrets.token_urlsafe(24), 0o600)
    return file.read_text()
