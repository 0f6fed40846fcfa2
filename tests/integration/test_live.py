"""Hints over a real Valkey: they arrive together, and a reader that lost its server looks at everything again."""

import queue
import time
from collections.abc import Callable
from uuid import UUID, uuid4

from services.standalone.servers.valkey import Valkey
from shared.live import GrowingText, HintReader, HintWriter, TextReader

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


def test_a_growing_text_is_there_as_a_whole_and_says_that_it_grew(redis_url: str) -> None:
    grown: queue.Queue[UUID] = queue.Queue()
    heard: queue.Queue[set[UUID]] = queue.Queue()
    reader, writer, texts = HintReader(redis_url, heard.put, grown.put), HintWriter(redis_url), TextReader(redis_url)
    step = (uuid4(), "a", "000001")
    try:
        assert heard.get(timeout=ARRIVE_S) == set()
        writer.show_text(step, 2, "Hel")
        assert grown.get(timeout=ARRIVE_S) == step[0]
        assert texts.of(step[0], [("b", ""), ("a", "000001")]) == {("a", "000001"): GrowingText(2, "Hel")}
        writer.show_text(step, 2, "Hello \u00e9")
        grown.get(timeout=ARRIVE_S)
        assert texts.of(step[0], [step[1:]])[step[1:]].text == "Hello \u00e9"
        writer.forget_text(step)
        until(lambda: not texts.of(step[0], [step[1:]]))
        assert heard.empty(), "a text is no reason to look at Postgres"
    finally:
        reader.close()
        writer.close()


def test_without_redis_there_is_no_text() -> None:
    assert TextReader("redis://127.0.0.1:1").of(uuid4(), [("a", "")]) == {}
