"""Hints over a real Valkey: they arrive together, and a reader that lost its server looks at everything again."""

import queue
import time
from collections.abc import Callable
from uuid import UUID, uuid4

from services.standalone.servers.valkey import Valkey
from shared.live import HintReader, HintWriter

ARRIVE_S = 20.0


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    limit = time.monotonic() + ARRIVE_S
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_hints_arrive_and_a_lost_server_means_look_at_everything(valkey: Valkey) -> None:
    heard: queue.Queue[set[UUID]] = queue.Queue()
    reader, writer = HintReader(valkey.url, heard.put), HintWriter(valkey.url)
    try:
        assert heard.get(timeout=ARRIVE_S) == set(), "everything may have changed before it listened"
        ids = {uuid4() for _ in range(50)}
        writer.touch(*ids)
        seen: set[UUID] = set()
        while seen != ids:
            seen |= heard.get(timeout=ARRIVE_S)
            assert seen <= ids
        valkey.stop()
        until(lambda: not reader.connected)
        writer.touch(uuid4())
        valkey.start()
        valkey.wait_ready(ARRIVE_S)
        assert heard.get(timeout=ARRIVE_S) == set()
        until(lambda: reader.connected)
    finally:
        reader.close()
        writer.close()
