"""The outside world: an HTTP server that counts what reaches it, by the Idempotency-Key of the step."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FLAKY_FAILURES = 2


class Effects:
    """`/ok…` answers at once, `/flaky…` fails the first two calls of each key, `/down…` always, `/again…` the first
    execution that comes to a path.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        """By idempotency key, `<execution>:<node>:<item>`."""
        self._first: dict[str, str] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, name="effects", daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _count(self, key: str) -> int:
        with self._lock:
            self.calls[key] += 1
            return self.calls[key]

    def _is_first(self, path: str, key: str) -> bool:
        """Whether no other execution has come to this path before."""
        execution = key.partition(":")[0]
        with self._lock:
            return self._first.setdefault(path, execution) == execution

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        count, is_first = self._count, self._is_first

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                """Stay quiet."""

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                key = self.headers.get("Idempotency-Key", "")
                calls = count(key)
                down = self.path.startswith("/down") or (self.path.startswith("/flaky") and calls <= FLAKY_FAILURES)
                down = down or (self.path.startswith("/again") and is_first(self.path, key))
                body = json.dumps({"path": self.path}).encode()
                self.send_response(503 if down else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A worker that was killed in the middle of a call is what this is about."""
