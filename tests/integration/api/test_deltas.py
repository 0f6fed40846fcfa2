"""The text of a model in the event stream while it grows, through a real gunicorn and a real Valkey."""

from collections.abc import Iterator
from typing import Any

import httpx2
import psycopg
import pytest

from shared import ids
from shared.domain.outcome import Kind, Outcome
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.requests import Claimed
from shared.live import HintWriter
from tests.integration.api.asking import claim
from tests.integration.api.caller import Caller
from tests.integration.api.test_events import _data, _events, environment, http

__all__ = ["environment", "http"]


@pytest.fixture
def hints(redis_url: str) -> Iterator[HintWriter]:
    made = HintWriter(redis_url)
    yield made
    made.close()


def _deltas(events: Iterator[dict[str, str]], text: str) -> Iterator[dict[str, Any]]:
    """The deltas until their text is this long."""
    size = 0
    while size < len(text):
        event = next(events)
        if event["event"] == "delta":
            found = _data(event)
            size = found["position"] + len(found["text"])
            yield found


def _end(
    connection: psycopg.Connection[Any],
    admin: Caller,
    hints: HintWriter,
    claimed: Claimed,
    events: Iterator[dict[str, str]],
) -> list[str]:
    """End the run, if it is not over; the kinds of the events that are left."""
    outcome = Outcome(claimed.key, Kind.DONE, claimed.fence, output='"Once upon a time."')
    run_batch(connection, Batch([], [outcome], Options()))
    admin("POST", f"/executions/{ids.encode(ids.EXECUTION, claimed.key[0])}/cancel")
    hints.touch(claimed.key[0])
    kinds = [event["event"] for event in events]
    assert kinds[-1] == "end"
    return kinds


def test_who_comes_late_gets_all_of_it_and_then_what_is_added(
    http: httpx2.Client, admin: Caller, connection: psycopg.Connection[Any], hints: HintWriter
) -> None:
    execution = admin.started(admin.workflow())
    claimed = claim(connection, execution)
    early = _events(http, execution)
    assert next(early)["event"] == "snapshot"
    hints.show_text(claimed.key, 1, "Once upon")
    assert next(_deltas(early, "Once upon"))["position"] == 0
    late = _events(http, execution)
    assert next(late)["event"] == "snapshot"
    assert list(_deltas(late, "Once upon")) == [
        {"stepId": "step-first", "attempt": 1, "position": 0, "text": "Once upon"}
    ]
    hints.show_text(claimed.key, 1, "Once upon a time")
    for events in (early, late):
        pieces = list(_deltas(events, "Once upon a time"))
        assert pieces == [{"stepId": "step-first", "attempt": 1, "position": 9, "text": " a time"}]
    for events in (early, late):
        assert "delta" not in _end(connection, admin, hints, claimed, events)


def test_the_text_of_a_former_attempt_is_not_shown(
    http: httpx2.Client, admin: Caller, connection: psycopg.Connection[Any], hints: HintWriter
) -> None:
    execution = admin.started(admin.workflow())
    claimed = claim(connection, execution)
    hints.show_text(claimed.key, 0, "old")
    events = _events(http, execution)
    assert next(events)["event"] == "snapshot"
    hints.show_text(claimed.key, 1, "new text")
    assert "".join(delta["text"] for delta in _deltas(events, "new text")) == "new text"
    _end(connection, admin, hints, claimed, events)
