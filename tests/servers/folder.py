"""A private folder for the servers of one test session."""

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


@pytest.fixture(scope="session")
def server_folder() -> Iterator[ServerFolder]:
    """Removed at the end of the session; short, so that socket paths fit."""
    path = Path(tempfile.mkdtemp(prefix="fv-"))
    path.chmod(0o711)
    yield ServerFolder(path, identity.own(path, []))
    shutil.rmtree(path, ignore_errors=True)
