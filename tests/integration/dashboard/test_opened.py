"""The page of a failed run opens the step that the run failed at, not one that it went past."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from shared import ids
from shared.domain.outcome import Kind
from tests.factories import definition, node
from tests.integration.clockwork.scene import Scene

Person = Callable[[str], FlaskClient]


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    made = Scene(database_url)
    yield made
    made.connection.close()


def test_the_step_of_the_banner_is_open(person: Person, scene: Scene) -> None:
    scene.use(definition(node("a", onError="continue"), node("b", params={"output": 1})))
    ref = scene.start().ready[0]
    for message in ("went past", "the end"):
        error = json.dumps({"code": "BOOM", "message": message, "retryable": False})
        ready = scene.complete(scene.claim(ref), Kind.FAILED, error=error, error_code="BOOM").ready
        ref = ready[0] if ready else ref
    page = person("admin").get(f"/executions/{ids.encode(ids.EXECUTION, ref.execution_id)}").text
    assert "the end" in page
    assert re.search(r'href="[^"]*step=step-b"[^>]*aria-current', page) or 'data-rerun="step-b"' in page
