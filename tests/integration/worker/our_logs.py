"""This process logs as ours do, until the test is over."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from shared import log
from shared.settings import Settings


@pytest.fixture
def our_logs(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """JSON lines on standard error, as `capsys` reads it."""
    root = logging.getLogger()
    level = root.level
    log.configure(Settings(), "worker")
    (ours,) = root.handlers
    yield
    structlog.reset_defaults()
    root.removeHandler(ours)
    root.setLevel(level)
