"""Worker and clockwork processes of a test, which it may kill as it likes, and an HTTP server that counts calls."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.engine.start import start_execution
from shared.publisher import Publisher, make_publisher
from tests.integration.engine.conftest import EngineScene

ROOT = Path(__file__).parents[2]


def until(condition: Callable[[], object], timeout_s: float) -> float:
    """Wait for a condition; returns the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, "the condition did not come true"
        time.sleep(0.02)
    return time.monotonic() - began


class Fleet:
    """Processes that are started again when they were killed."""

    def __init__(self, database_url: str, broker_url: str, redis_url: str, **settings: str) -> None:
        self.environment = os.environ | {
            "DATABASE_URL": database_url,
            "BROKER_URL": broker_url,
            "REDIS_URL": redis_url,
            "FLOWVERSAL_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
            "FLOWVERSAL_WORKER_THREADS": "8",
            "FLOWVERSAL_LEASE_S": "2",
            "FLOWVERSAL_HEARTBEAT_S": "0.5",
            "FLOWVERSAL_REPUBLISH_AFTER_S": "1",
            "FLOWVERSAL_SWEEP_S": "0.2",
            "FLOWVERSAL_LOG_LEVEL": "ERROR",
            **settings,
        }
        self.workers = [self._spawn("services.worker") for _ in range(2)]
        self.clockwork = self._spawn("services.worker.clockwork")

    def _spawn(self, module: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=self.environment)

    def kill_worker(self, index: int) -> None:
        """SIGKILL one worker; another takes its place."""
        self.workers[index].kill()
        self.workers[index].wait()
        self.workers[index] = self._spawn("services.worker")

    def close(self) -> None:
        """End everything."""
        for process in (*self.workers, self.clockwork):
            process.terminate()
        for process in (*self.workers, self.clockwork):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=15)
            process.kill()
            process.wait()


class Counting:
    """A server that answers any path with JSON and counts each call."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                """Stay quiet."""

            def do_GET(self) -> None:
                calls[self.path] += 1
                body = json.dumps({"path": self.path}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Load:
    """Starts executions of the scene's definition and waits for their ends."""

    def __init__(self, scene: EngineScene, broker_url: str) -> None:
        self.scene = scene
        self.publisher: Publisher = make_publisher(broker_url)
        self.ids: list[UUID] = []

    def start(self, value: Any) -> UUID:
        """Start one, as the API does: commit, then publish and do not wait."""
        scene = self.scene
        started = start_execution(
            scene.connection,
            workflow_id=scene.workflow_id,
            version_id=scene.version_id,
            user_id=scene.user_id,
            input=value,
            trigger_type="api",
            republish_s=1.0,
        )
        self.publisher.publish(started.ready)
        self.ids.append(started.id)
        return started.id

    def states(self) -> Counter[str]:
        """How many executions are in each state."""
        rows = self.scene.connection.execute("SELECT state, count(*) FROM executions GROUP BY state")
        return Counter(dict(rows.fetchall()))

    def wait(self, timeout_s: float) -> float:
        """Return when every execution has ended."""
        return until(lambda: not self.states().keys() & {"queued", "running", "waiting"}, timeout_s)
