"""Keeps the leases of this process, and hears of cancels: one thread, one connection."""

import os
import socket
import threading
import time
from typing import Any
from uuid import UUID

import psycopg

from services.worker.running import Registry
from shared import VERSION
from shared.db.pool import connect
from shared.log import get_logger
from shared.settings import Settings

ACKNOWLEDGE_AFTER_S = 60.0

RENEW_LEASES = """
WITH mine AS (
  SELECT s.execution_id, s.node, s.item
  FROM unnest(%(ids)s::uuid[], %(nodes)s::text[], %(items)s::text[], %(fences)s::bigint[])
    AS k(execution_id, node, item, fence)
  JOIN steps s ON s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item
  WHERE s.execution_id BETWEEN %(lo)s AND %(hi)s AND s.state = 'running' AND s.fence = k.fence
  ORDER BY s.execution_id, s.node, s.item FOR UPDATE OF s)
UPDATE steps s SET lease_until =
  least(clock_timestamp() + make_interval(secs => %(lease_s)s), s.deadline_at + interval '10 seconds')
FROM mine m WHERE s.execution_id = m.execution_id AND s.node = m.node AND s.item = m.item
  AND s.execution_id BETWEEN %(lo)s AND %(hi)s
RETURNING s.execution_id, s.node, s.item,
  (SELECT e.stopping FROM executions e WHERE e.id = s.execution_id AND e.id BETWEEN %(lo)s AND %(hi)s)
"""
"""Renew every lease of the process that is still its own, never past the deadline; brings requests to stop back."""

BEAT = """
INSERT INTO workers (id, kind, host, pid, version, pool, slots, busy)
VALUES (%(id)s, 'worker', %(host)s, %(pid)s, %(version)s, %(pool)s, %(slots)s, %(busy)s)
ON CONFLICT (id) DO UPDATE SET busy = excluded.busy, beat_at = now()
"""
"""Say that this process lives."""

_log = get_logger(__name__)


class Heartbeat:
    """Renews leases every `heartbeat_s` and stops attempts that were canceled or lost meanwhile."""

    def __init__(self, settings: Settings, worker_id: str, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry
        self._worker = {
            "id": worker_id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "version": VERSION,
            "pool": settings.worker_pool,
            "slots": settings.worker_threads,
        }
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; leases run out by themselves."""
        self._closed.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                with connect(
                    self._settings.database_url, application_name="flowversal-heartbeat", autocommit=True
                ) as connection:
                    connection.execute("LISTEN flowversal_stop")
                    self._serve(connection)
            except psycopg.OperationalError as error:
                _log.warning("heartbeat: Postgres does not answer", error=str(error).strip())
                self._closed.wait(0.5)
            except Exception:  # noqa: BLE001 - without a heartbeat every lease is lost, whatever it was
                _log.exception("heartbeat: failed in a way it should not")
                self._closed.wait(0.5)

    def _serve(self, connection: psycopg.Connection[Any]) -> None:
        while not self._closed.is_set():
            self._beat(connection)
            until = time.monotonic() + self._settings.heartbeat_s
            while not self._closed.is_set() and (left := until - time.monotonic()) > 0:
                for notify in connection.notifies(timeout=min(left, 1.0), stop_after=1):
                    self._hear(notify.payload)

    def _hear(self, payload: str) -> None:
        """`<execution>`, or `<execution> <node> <item>` for one step of it."""
        execution, _, step = payload.partition(" ")
        node, _, item = step.partition(" ")
        try:
            id = UUID(execution)
        except ValueError:
            _log.warning("heartbeat: somebody notified something that is no execution")
            return
        if node:
            self._registry.stop_step((id, node, item))
        else:
            self._registry.stop_execution(id)

    def _beat(self, connection: psycopg.Connection[Any]) -> None:
        running = self._registry.all()
        connection.execute(BEAT, {**self._worker, "busy": len(running)})
        if not running:
            return
        ids = [r.key[0] for r in running]
        parameters = {
            "ids": ids,
            "nodes": [r.key[1] for r in running],
            "items": [r.key[2] for r in running],
            "fences": [r.fence for r in running],
            "lo": min(ids),
            "hi": max(ids),
            "lease_s": self._settings.lease_s,
        }
        renewed = {(row[0], row[1], row[2]): row[3] for row in connection.execute(RENEW_LEASES, parameters)}
        now = time.monotonic()
        for r in running:
            if r.key not in renewed or renewed[r.key] is not None:
                self._registry.stop(r)
            elif r.acknowledge is not None and now - r.started > ACKNOWLEDGE_AFTER_S:
                # RabbitMQ takes a message back after 30 minutes; from here on the lease alone owns the step.
                r.acknowledge()
                r.acknowledge = None
