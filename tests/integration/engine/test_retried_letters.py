"""A retry by hand deals with the dead letter of the run that it retries, in its own transaction."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from shared.domain.errors import InvalidValue
from shared.engine.bury import bury
from shared.engine.retry import retry_execution
from tests.factories import chain
from tests.integration.engine.test_retry import FAILS, RetryScene


@pytest.fixture
def scene(database_url: str) -> Iterator[RetryScene]:
    made = RetryScene(database_url)
    yield made
    made.connection.close()


def letter(scene: RetryScene, execution_id: UUID) -> tuple[Any, ...]:
    row = scene.one("SELECT * FROM dead_letters WHERE execution_id = %s", execution_id)
    assert (row["closed_at"] is None) == (row["state"] == "open")
    return row["state"], row["redriven_as"], row["closed_by"]


@pytest.mark.parametrize("start_from", ["failed", "start", "n1"])
def test_a_retry_closes_the_dead_letter_of_the_first(scene: RetryScene, start_from: str) -> None:
    scene.use(chain(3))
    first = scene.run(scene.start(), n1=FAILS)
    bury(scene.connection)
    again = scene.retry(first, start_from)
    assert letter(scene, first) == ("redriven", again.id, scene.user_id)
    scene.run(again, n1=FAILS)
    bury(scene.connection)
    assert letter(scene, again.id) == ("open", None, None), "a retry that fails has a letter of its own"
    scene.retry(first, start_from)
    assert letter(scene, first)[1] == again.id


def test_a_retry_that_cannot_begin_leaves_the_letter_open(scene: RetryScene) -> None:
    scene.use(chain(2))
    first = scene.run(scene.start(), n1=FAILS)
    bury(scene.connection)
    with pytest.raises(InvalidValue):
        scene.retry(first, "nowhere")
    assert letter(scene, first) == ("open", None, None)


def test_a_dismissed_letter_that_is_retried_after_all(scene: RetryScene) -> None:
    scene.use(chain(2))
    first = scene.run(scene.start(), n1=FAILS)
    bury(scene.connection)
    scene.connection.execute("UPDATE dead_letters SET state = 'dismissed', closed_at = now()")
    again = scene.retry(first)
    assert letter(scene, first) == ("redriven", again.id, scene.user_id)


def test_a_retry_before_there_is_a_letter(scene: RetryScene, other: Any) -> None:
    """Clockwork writes letters a moment later: it leaves the execution alone while it is retried, then writes it closed."""
    scene.use(chain(2))
    first = scene.run(scene.start(), n1=FAILS)
    one: psycopg.Connection[Any] = other()
    with one.transaction():
        again = retry_execution(one, first, scene.version_id, user_id=scene.user_id)
        assert bury(scene.connection) == []
    assert len(bury(scene.connection)) == 1
    assert letter(scene, first) == ("redriven", again.id, scene.user_id)
