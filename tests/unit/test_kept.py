"""How soon a process that ended is started again."""

from pathlib import Path

import pytest

from services.standalone import kept
from services.standalone.kept import PAUSES_S, STEADY_S, Kept
from services.standalone.roll import Roll


class Killed(Kept):
    """A process that somebody kills as soon as it runs."""

    def exit_code(self) -> int | None:
        """SIGKILL."""
        return -9

    def _start(self) -> None:
        """Nothing to start."""

    def _stop(self) -> None:
        """Nothing to stop."""


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(kept, "time", made)
    return made


@pytest.fixture
def process(tmp_path: Path, clock: Clock) -> Killed:
    made = Killed("worker-1", Roll(tmp_path / "processes.json"))
    made.start()
    return made


def test_the_pause_grows_with_quick_deaths_up_to_five_seconds(process: Killed, clock: Clock) -> None:
    told = []
    for _ in range(8):
        clock.now += 1.0
        told.append(process.look())
        clock.now += PAUSES_S[-1]
        assert process.look() is None
    assert told[0] == "worker-1 ended with SIGKILL; it starts again in 0.5 s"
    assert told[-1] == "worker-1 ended with SIGKILL; it starts again in 5 s"


def test_one_that_ran_well_starts_again_at_once(process: Killed, clock: Clock) -> None:
    clock.now += STEADY_S + 1
    assert process.look() == "worker-1 ended with SIGKILL; it starts again"
