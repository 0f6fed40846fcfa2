"""A stream whose Postgres goes away begins again with a snapshot: what it had seen may have been forgotten."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from flask import Flask

from services.api import events
from shared import ids
from shared.queries.shapes import Viewer
from shared.web.database import engine_of
from shared.web.live import hub_of
from tests.integration.api.caller import Caller


def test_after_an_outage_comes_a_snapshot(app: Flask, admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = admin.started(admin.workflow())
    id = ids.decode(ids.EXECUTION, execution)
    assert id is not None
    away: list[bool] = []
    borrowed = events.borrowed

    @contextmanager
    def borrow(engine: Any) -> Iterator[Any]:
        if away:
            away.pop()
            raise psycopg.OperationalError("the server is starting up")
        with borrowed(engine) as connection:
            yield connection

    monkeypatch.setattr(events, "borrowed", borrow)
    monkeypatch.setattr(events, "LOOK_S", 0.05)
    stream = iter(events.EventStream(engine_of(app), hub_of(app), id, Viewer(id, everything=True), last_event_id=None))
    kinds = [_kind(next(stream)) for _ in range(2)]
    away.append(True)
    while kinds.count("snapshot") < 2 and len(kinds) < 5:
        kinds.append(_kind(next(stream)))
    admin("POST", f"/executions/{execution}/cancel")
    kinds += [_kind(event) for event in stream]
    assert kinds[-1] == "end"
    assert [kind for kind in kinds if kind == "snapshot"] == ["snapshot"] * 2


def _kind(event: bytes) -> str:
    return next((line[7:] for line in event.decode().splitlines() if line.startswith("event: ")), "")
