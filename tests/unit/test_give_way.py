"""The worker's way to leave the processor to others: niceness of the process and of its session."""

import os
import subprocess
from pathlib import Path

import pytest

from services.standalone.programs import GIVES_WAY

AUTOGROUP = Path("/proc/self/autogroup")


def niceness_of(count: int) -> list[list[str]]:
    """What that many processes, started at once, say of themselves: niceness, and Linux's line about their session."""
    script = f"nice; cat {AUTOGROUP} 2>/dev/null"
    started = [
        subprocess.Popen([*GIVES_WAY, "sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True)
        for _ in range(count)
    ]
    return [process.communicate(timeout=20)[0].split() for process in started]


def test_the_process_gives_way() -> None:
    assert int(niceness_of(1)[0][0]) == min(19, os.nice(0) + int(GIVES_WAY[-1]))


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this system knows no sessions that share the processor")
def test_its_session_gives_way_too_also_when_several_start_at_once() -> None:
    assert [said[-2:] for said in niceness_of(4)] == [["nice", GIVES_WAY[-1]]] * 4


def test_arguments_arrive_as_they_are() -> None:
    done = subprocess.run([*GIVES_WAY, "printf", "%s|", "two words", "$HOME"], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"two words|$HOME|"
