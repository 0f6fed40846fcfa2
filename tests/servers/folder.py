"""A private folder for the servers of one test session."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.standalone import identity


class ServerFolder:
    """Hands out folders, logs and the user that the servers run as."""

    def __init__(self, path: Path, user: identity.Identity) -> None:
        self.path = path
        self.user = user

    def make(self, name: str) -> Path:
        """A new folder that the servers' user can pass."""
        folder = self.path / name
        folder.mkdir(mode=0o711)
        return folder

    def log(self, name: str) -> Path:
        """Where the server called `name` writes its output."""
        return self.path / f"{name}.log"


MEMORY = Path("/dev/shm")
ROOM = 4_000_000_000


@pytest.fixture(scope="session")
def server_folder() -> Iterator[ServerFolder]:
    """In memory where there is room: there the copy of a database that each test gets takes a twentieth of the time."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    yield from _folder(MEMORY if roomy else None)


@pytest.fixture(scope="session")
def disk_folder() -> Iterator[ServerFolder]:
    """On disk, for what must outlive a crash."""
    yield from _folder(None)


def _folder(place: Path | None) -> Iterator[ServerFolder]:
    """Removed at the end of the session; short, so that socket paths fit."""
    path = Path(tempfile.mkdtemp(prefix="fv-", dir=place))
    path.chmod(0o711)
    yield ServerFolder(path, identity.own(path, []))
    shutil.rmtree(path, ignore_errors=True)
