"""The data folder: who may enter it, who works in it, and what lies where."""

import fcntl
import json
import os
import pwd
import secrets
import shutil
from base64 import b64encode
from pathlib import Path

from services.standalone.servers.base import write_file


class FolderError(RuntimeError):
    """The data folder cannot be used; the message says why and what to do."""


class DataFolder:
    """An existing folder that this process alone works in, from `claim` until it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        self._lock: int | None = None

    def claim(self) -> None:
        """Make the folder if it is missing, and lock it. Raises FolderError when somebody else works in it."""
        try:
            self._make()
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            message = (
                f"The data folder {self.path} cannot be used: {error.strerror}. Set FLOWVERSAL_DATA_DIR to another."
            )
            raise FolderError(message) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderError(self._who_runs()) from error

    def announce(self, url: str) -> None:
        """Write into the lock where this process answers, for whoever tries to start a second one."""
        assert self._lock is not None  # noqa: S101 - after claim()
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)

    def part(self, name: str) -> Path:
        """The folder of one server; its user may pass it."""
        folder = self.path / name
        folder.mkdir(mode=0o711, exist_ok=True)
        return folder

    def empty(self, name: str) -> Path:
        """An empty folder below `run`, for what is worth nothing after this start."""
        folder = self.run / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def vault_key(self) -> Path:
        """The file with the key of the vault, made at the first call; whoever loses it loses the credentials."""
        file = self.path / "vault.key"
        if not file.exists():
            # In one step, so that a crash cannot leave a part of a key.
            fresh = file.with_suffix(".new")
            write_file(fresh, f"{b64encode(secrets.token_bytes(32)).decode()}\n", 0o600)
            fresh.replace(file)
        return file

    def log(self, name: str) -> Path:
        """Where the process called `name` writes."""
        return self.logs / f"{name}.log"

    def _make(self) -> None:
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # For root, so that the servers' own user gets to its part; every part is closed by itself.
            self.path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
        for folder in (self.logs, self.run):
            folder.mkdir(mode=0o700, exist_ok=True)

    def _who_runs(self) -> str:
        assert self._lock is not None  # noqa: S101 - after the lock was opened
        try:
            running = json.loads(os.pread(self._lock, 1000, 0))
        except ValueError:
            return f"Flowversal is just starting with the data folder {self.path}."
        return (
            f"Flowversal already runs with the data folder {self.path}: {running['url']} (process {running['pid']}). "
            "Stop it there with Ctrl-C, or set FLOWVERSAL_DATA_DIR to another folder."
        )


def become_owner(path: Path) -> None:
    """Root, with a folder that belongs to somebody else: go on as that user, so that they can still use it later."""
    if os.geteuid() != 0 or not path.exists() or path.stat().st_uid == 0:
        return
    owner = path.stat()
    try:
        account = pwd.getpwuid(owner.st_uid)
    except KeyError:
        os.setgroups([owner.st_gid])
    else:
        os.initgroups(account.pw_name, owner.st_gid)
        os.environ.update(HOME=account.pw_dir, USER=account.pw_name, LOGNAME=account.pw_name)
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)
