"""Which clockwork works: the one with the advisory lock, or any that has not heard of a leader for a while."""

import os
import secrets
import socket
import threading
import time
from typing import Any

import psycopg

from shared import VERSION
from shared.db.pool import connect
from shared.log import get_logger
from shared.settings import Settings

LOCK = 0x636C6F63
BEAT_S = 1.0
SILENT_S = 5.0

# Held until this session ends, so a leader that dies makes room at once.
TRY_LOCK = "SELECT pg_try_advisory_lock(%s)"

# Says that this process lives, and (busy = 1) leads; returns whether another leader was heard of lately. A leader that
# hangs keeps its lock and falls silent: then everybody works.
BEAT = """
WITH beat AS (
  INSERT INTO workers (id, kind, host, pid, version, pool, slots, busy)
  VALUES (%(id)s, 'clockwork', %(host)s, %(pid)s, %(version)s, '', 1, %(leads)s::int)
  ON CONFLICT (id) DO UPDATE SET busy = excluded.busy, beat_at = now())
SELECT EXISTS (SELECT FROM workers WHERE kind = 'clockwork' AND busy = 1 AND id <> %(id)s
               AND beat_at > now() - make_interval(secs => %(silent_s)s))
"""

# A process that stops in order leaves no row behind.
LEAVE = "DELETE FROM workers WHERE id = %s"

_log = get_logger(__name__)


class Leadership(threading.Thread):
    """Renews the heartbeat every second; `leads` says whether the loops of this process should work."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        super().__init__(name="leadership", daemon=True)
        self.leads = False
        self._database_url = settings.database_url
        self._stopping = stop
        self._locked = False
        self._me: dict[str, Any] = {
            "id": settings.worker_id or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "version": VERSION,
            "silent_s": SILENT_S,
        }

    def run(self) -> None:
        """Until clockwork stops; without Postgres nobody leads, for there is nothing to do."""
        while not self._stopping.is_set():
            try:
                with connect(
                    self._database_url, application_name="flowversal-clockwork", autocommit=True
                ) as connection:
                    self._serve(connection)
            except psycopg.Error as error:
                _log.warning("clockwork: Postgres does not answer", error=str(error).strip())
            self.leads = self._locked = False
            self._stopping.wait(BEAT_S / 2)

    def _serve(self, connection: psycopg.Connection[Any]) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            self._beat(connection)
            self._stopping.wait(max(0.1, BEAT_S - (time.monotonic() - began)))
        connection.execute(LEAVE, (self._me["id"],))

    def _beat(self, connection: psycopg.Connection[Any]) -> None:
        if not self._locked:
            row = connection.execute(TRY_LOCK, (LOCK,)).fetchone()
            self._locked = bool(row and row[0])
        row = connection.execute(BEAT, {**self._me, "leads": self._locked}).fetchone()
        leads = self._locked or not (row and row[0])
        if leads != self.leads:
            _log.info("clockwork leads" if leads else "clockwork stands by", worker=self._me["id"])
        self.leads = leads
