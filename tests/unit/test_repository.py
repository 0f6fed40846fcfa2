"""What is in the repository works on every machine."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from shared import VERSION

ROOT = Path(__file__).parents[2]
LINK = "120000"


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a git checkout")
def test_it_holds_no_symbolic_links() -> None:
    listed = subprocess.run(["git", "ls-files", "--stage"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert [line for line in listed.stdout.splitlines() if line.startswith(LINK)] == []


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
