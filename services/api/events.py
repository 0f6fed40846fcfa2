"""The live events of one execution: a snapshot from Postgres, then what changed at every hint, until the end."""

from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Engine

from shared.queries import executions, logs, steps
from shared.queries.executions import ExecutionRow
from shared.queries.logs import Cursor
from shared.queries.shapes import Viewer, parse_step_id
from shared.web.answers import dumps
from shared.web.database import UNREACHABLE, borrowed
from shared.web.live import LiveHub, Watch

HEARTBEAT_S = 15.0
LOOK_S = 5.0  # a hint can get lost
GAP_S = 0.05  # hints that come faster are answered together
DRAIN_S = 2.0
_LOG_LINES = 500
MOST_GROWING = 50


class EventStream:
    """An iterable of server-sent events. It holds no database connection between reads."""

    def __init__(
        self, engine: Engine, hub: LiveHub, execution_id: UUID, viewer: Viewer, *, last_event_id: str | None
    ) -> None:
        self._engine = engine
        self._hub = hub
        self._id = execution_id
        self._viewer = viewer
        self._revision = -1
        self._cursor = _log_cursor(last_event_id)
        self._horizon = 0
        self._seen: dict[str, int] = {}
        self._state: tuple[int, str, str | None] | None = None
        self._over = False
        self._hub_texts = hub.texts
        self._growing: dict[str, tuple[int, int]] = {}
        """Running steps that have no output yet: their attempt, and how much of its text was sent."""

    def __iter__(self) -> Iterator[bytes]:
        """Until the execution is over, or not visible any more."""
        yield b"retry: 2000\n\n"
        with self._hub.watch(self._id) as watch:
            spoke = looked = monotonic()
            yield from self._look(first=True)
            yield from self._deltas()
            while not self._over:
                hinted = watch.wait(1.0)
                now = monotonic()
                events = []
                if (hinted and watch.changed()) or self._revision < 0 or now - looked >= LOOK_S:
                    looked = now
                    events = self._look(first=self._revision < 0)
                    hinted = True
                if hinted:
                    # Steps that have begun are known by now; of those that are over nothing is sent any more.
                    for event in events + self._deltas():
                        spoke = now
                        yield event
                    sleep(GAP_S)
                if now - spoke >= HEARTBEAT_S:
                    spoke = now
                    yield b": heartbeat\n\n"
            yield from self._last_lines(watch)

    def _look(self, *, first: bool) -> list[bytes]:
        """The events of one read; none while Postgres does not answer."""
        try:
            with borrowed(self._engine) as connection:
                row = executions.row(connection, self._id, self._viewer)
                if row is None:
                    self._over = True
                    return []
                events = self._snapshot(connection, row) if first else self._changes(connection, row)
                events += self._log(connection)
                self._over = row.terminal
                return events
        except UNREACHABLE:
            # A server that crashed may have forgotten what was seen, and number its transactions anew: begin again.
            self._revision = -1
            self._seen.clear()
            return []

    def _snapshot(self, connection: psycopg.Connection[Any], row: ExecutionRow) -> list[bytes]:
        overview = steps.overview(connection, row)
        self._remember(row, overview)
        self._growing.clear()
        self._grow([step for _, step in overview.steps])
        shape = {"execution": executions.record(connection, row), "steps": [step for _, step in overview.steps]}
        return [self._event("snapshot", shape)]

    def _changes(self, connection: psycopg.Connection[Any], row: ExecutionRow) -> list[bytes]:
        changes = steps.changed(connection, row, self._horizon)
        in_time = sorted(changes.steps, key=lambda change: change[0])
        fresh = [step for tx, step in in_time if self._seen.get(step["id"]) != tx]
        moved = (row.revision, row.status, row.stopping) != self._state
        self._remember(row, changes)
        self._grow(fresh)
        events = [self._event("step", step) for step in fresh]
        if fresh or moved:
            events.append(self._event("progress", executions.record(connection, row)))
        return events

    def _remember(self, row: ExecutionRow, changes: steps.Changes) -> None:
        self._revision = row.revision
        self._state = (row.revision, row.status, row.stopping)
        self._horizon = changes.horizon
        self._seen |= {step["id"]: tx for tx, step in changes.steps}

    def _grow(self, found: list[dict[str, Any]]) -> None:
        """Note which steps run; the text of one that begins anew is sent from its beginning."""
        for step in found:
            if step["status"] != "running" or not step["attempts"]:
                self._growing.pop(step["id"], None)
            elif self._growing.get(step["id"], (0, 0))[0] != step["attempts"][-1]["number"]:
                self._growing[step["id"]] = (step["attempts"][-1]["number"], 0)

    def _deltas(self) -> list[bytes]:
        """What was added to the texts of running steps; who comes late gets all of it, at position 0."""
        keys = {key: name for name in list(self._growing)[:MOST_GROWING] if (key := parse_step_id(name)) is not None}
        events = []
        for key, (attempt, text) in self._hub_texts.of(self._id, list(keys)).items():
            known, sent = self._growing[keys[key]]
            if attempt == known and len(text) > sent:
                shape = {"stepId": keys[key], "attempt": attempt, "position": sent, "text": text[sent:]}
                events.append(self._event("delta", shape))
                self._growing[keys[key]] = (attempt, len(text))
        return events

    def _log(self, connection: psycopg.Connection[Any]) -> list[bytes]:
        events = []
        for cursor, line in logs.page(connection, self._id, self._cursor, _LOG_LINES):
            self._cursor = cursor
            events.append(self._event("log", line))
        return events

    def _last_lines(self, watch: Watch) -> Iterator[bytes]:
        """The end, after the lines of transactions that were open when the execution ended."""
        ends = monotonic() + DRAIN_S
        try:
            with borrowed(self._engine) as connection:
                row = executions.row(connection, self._id, self._viewer)
                if row is None:
                    return
                last = logs.newest_transaction(connection)
            while True:
                with borrowed(self._engine) as connection:
                    settled = logs.settled(connection, last, row.completed_at)
                    events = self._log(connection)
                    shape = executions.record(connection, row)
                yield from events
                if not events and (settled or monotonic() >= ends):
                    break
                watch.wait(0.2)
        except UNREACHABLE:
            return
        yield self._event("end", shape)

    def _event(self, kind: str, shape: dict[str, Any]) -> bytes:
        name = f"{self._revision}.{self._cursor}"
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (name.encode(), kind.encode(), dumps(shape))


def _log_cursor(last_event_id: str | None) -> Cursor:
    """Where the log goes on: `<revision>.<tx>-<line>`; from the start when there is no such id."""
    parts = (last_event_id or "").partition(".")[2].partition("-")
    if all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (parts[0], parts[2])):
        return Cursor(int(parts[0]), int(parts[2]))
    return Cursor()
