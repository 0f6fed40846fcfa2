"""The scene of every test here."""

from collections.abc import Iterator

import pytest

from tests.integration.clockwork.scene import Scene


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """A fresh database with a workflow of two steps."""
    made = Scene(database_url)
    yield made
    made.connection.close()
