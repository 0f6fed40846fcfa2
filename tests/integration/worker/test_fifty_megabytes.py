"""The largest answers that `http.request` takes go through a chain of steps, and the claims and outcomes stay small."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from services.worker.payloads import Limits
from shared.queries import executions, values
from shared.queries.shapes import Viewer
from tests.factories import definition, node
from tests.integration.clockwork.scene import Scene
from tests.integration.worker.conftest import Pipeline

SIZE = 50_000_000


@pytest.fixture
def limits() -> Limits:
    return Limits()


class Large(BaseHTTPRequestHandler):
    """Answers with 50 MB of text."""

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()
        self.wfile.write(b"x" * SIZE)


@pytest.fixture
def site() -> Iterator[str]:
    """A server of such answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Large) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_an_answer_of_fifty_megabytes_through_a_chain(scene: Scene, pipeline: Pipeline, site: str) -> None:
    scene.use(
        definition(
            node("fetch", "http.request", {"url": site, "maxBytes": SIZE}),
            node("pass", params={"output": "{{ steps.fetch.output }}"}),
            node("body", params={"output": "{{ steps.pass.output.body }}"}),
        )
    )
    started = scene.start()
    pipeline.drain(started)
    row = executions.row(scene.connection, started.id, Viewer(scene.user_id, everything=True))
    assert row is not None
    shape = executions.detail(scene.connection, row)
    assert (shape["status"], shape["output"], shape["outputRef"]["size"]) == ("success", None, SIZE + 2)
    whole = values.of_run(scene.connection, row, "output")
    assert whole is not None
    assert sum(map(len, whole.read(pipeline.store, 0, whole.size))) == SIZE + 2
    small = "SELECT max(octet_length(coalesce(input::text, '')) + octet_length(coalesce(output::text, ''))) AS n FROM execution_data"
    assert scene.one(small)["n"] < 200
    packed = scene.one("SELECT sum(size) AS size, sum(octet_length(packed)) AS packed FROM blobs")
    assert packed["size"] > 4 * SIZE
    assert packed["packed"] < packed["size"] // 100
