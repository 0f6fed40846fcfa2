"""A `webhook.call` that was not delivered: the engine tries again when the receiver wants it, with the same id."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.factories import definition, node
from tests.integration.clockwork.scene import Scene
from tests.integration.worker.conftest import Pipeline


class Receiver(BaseHTTPRequestHandler):
    """Is busy at first, for nine seconds as it says; then it takes what comes."""

    ids: list[str]

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.ids.append(self.headers["webhook-id"])
        self.send_response(503 if len(self.ids) == 1 else 204)
        self.send_header("Retry-After", "9")
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the ids of the deliveries it has seen."""
    ids: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Fresh", (Receiver,), {"ids": ids})) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", ids
        server.shutdown()
        thread.join()


def test_the_receiver_says_when_and_the_id_stays(
    scene: Scene, pipeline: Pipeline, receiver: tuple[str, list[str]]
) -> None:
    url, ids = receiver
    retry = {"maxAttempts": 2, "initialMs": 0}
    scene.use(definition(node("tell", "webhook.call", {"url": url, "body": {"a": 1}}, retry=retry)))
    started = scene.start()
    (ref,) = started.ready
    pipeline.process(ref)
    assert (scene.step(ref)["state"], scene.step(ref)["error_code"]) == ("retrying", "HTTP_STATUS")
    scene.pass_time(8, ref)
    assert scene.wake() == []
    scene.pass_time(1.5, ref)
    assert scene.wake() == [ref]
    pipeline.process(ref)
    assert scene.step(ref)["state"] == "success"
    assert len(ids) == 2
    assert ids[0] == ids[1] == f"exec-{ids[0][5:31]}:tell:"
