"""A database with a workflow of two simulated steps, and the settings of a worker that works on it."""

from collections.abc import Iterator

import pytest

from shared.settings import Settings
from tests.integration.clockwork.scene import Scene


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """A fresh database."""
    made = Scene(database_url)
    yield made
    made.connection.close()


@pytest.fixture
def settings(database_url: str) -> Settings:
    """A heartbeat ten times a second."""
    return Settings().model_copy(update={"database_url": database_url, "heartbeat_s": 0.1, "lease_s": 20.0})
