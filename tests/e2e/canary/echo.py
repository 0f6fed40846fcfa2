"""A server that gives back all it is sent: in headers, in the body, in an error, in the address it redirects to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Any path; `/refused…` is refused, `/redirect…` leads to another address."""
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        body = json.dumps({"path": self.path, "headers": dict(self.headers), "body": sent}).encode()
        status = 500 if self.path.startswith("/refused") else 302 if self.path.startswith("/redirect") else 200
        self.send_response(status)
        for name in ("Authorization", "X-Token"):
            self.send_header(f"X-Echo-{name}", self.headers.get(name) or "")
        if status == 302:
            self.send_header("Location", self.path.replace("/redirect", "/echo"))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_GET  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def echo() -> Iterator[str]:
    """A running server; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
