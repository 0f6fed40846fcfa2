"""A caller waits for a run, and Postgres goes away meanwhile: the run is stored, so the answer only comes later."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from flask import Flask

from services.api.hooks import waiting
from shared import ids
from shared.db import webhook_answers
from tests.integration.api.caller import Caller


def test_an_outage_is_waited_for(
    app: Flask, admin: Caller, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = admin.started(admin.workflow())
    id = ids.decode(ids.EXECUTION, execution)
    assert id is not None
    connection.execute(webhook_answers.EXPECT, {"id": id, "wait_s": 60})
    away, borrowed = [True, True], waiting.borrowed

    @contextmanager
    def borrow(engine: Any) -> Iterator[Any]:
        if away:
            away.pop()
            raise psycopg.OperationalError("the server is starting up")
        admin("POST", f"/executions/{execution}/cancel")
        with borrowed(engine) as held:
            yield held

    monkeypatch.setattr(waiting, "borrowed", borrow)
    monkeypatch.setattr(waiting, "_AWAY_S", 0.01)
    with app.test_request_context():
        answer = waiting.answer_of(id, 60)
    assert (answer.status_code, away) == (502, [])
