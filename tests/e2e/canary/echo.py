"""A server that gives back all it is sent: in headers, in the body, in an error, in the address it redirects to, and as a model."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.e2e.canary.planted import ACCESS_TOKEN

_TOKEN = {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 3600}


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Any path; `/refused…` is refused, `/redirect…` leads elsewhere, `/token` gives one, below `/ai` are two models."""
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        told = json.dumps({"path": self.path, "headers": dict(self.headers), "body": sent})
        if self.path.startswith("/token"):
            self._answer(json.dumps(_TOKEN))
        elif self.path == "/ai/chat/completions":
            self._answer("".join(f"data: {each}\n\n" for each in _chunks(told)), type="text/event-stream")
        elif self.path.startswith("/ai/v1/messages"):
            self._answer(json.dumps(_message(told)))
        else:
            self._answer(
                told, 500 if self.path.startswith("/refused") else 302 if self.path.startswith("/redirect") else 200
            )

    do_POST = do_PUT = do_GET  # noqa: N815 - the library's names

    def _answer(self, text: str, status: int = 200, type: str = "application/json") -> None:
        body = text.encode()
        self.send_response(status)
        for name in ("Authorization", "X-Token"):
            self.send_header(f"X-Echo-{name}", self.headers.get(name) or "")
        if status == 302:
            self.send_header("Location", self.path.replace("/redirect", "/echo"))
        self.send_header("Content-Type", type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _chunks(text: str) -> list[str]:
    """A streamed answer as OpenAI gives it."""
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choice: dict[str, Any] = {"index": 0, "delta": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    parts = [{"choices": [choice]}, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    return [*(json.dumps(base | part) for part in (*parts, {"choices": [], "usage": usage})), "[DONE]"]


def _message(text: str) -> dict[str, Any]:
    """A whole answer as Anthropic gives it."""
    content, usage = [{"type": "text", "text": text}], {"input_tokens": 1, "output_tokens": 1}
    who = {"id": "m", "type": "message", "role": "assistant", "model": "m"}
    return who | {"stop_reason": "end_turn", "stop_sequence": None, "content": content, "usage": usage}


@contextmanager
def echo(tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A running server; its address, which with TLS has the name localhost."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"{'https://localhost' if tls else 'http://127.0.0.1'}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
