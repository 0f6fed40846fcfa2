"""Room for large values: never more than there is, in turn, and nobody waits for himself; what is cached is bounded."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from services.worker.cache import Cache
from services.worker.room import Room
from services.worker.running import Running
from shared.domain.errors import NodeError
from shared.domain.payload import ref_to


def attempt(number: int) -> Running:
    return Running((UUID(int=number), "a", ""), number)


def test_all_together_never_hold_more_than_there_is() -> None:
    room, lock, held, most = Room(100), threading.Lock(), 0, 0

    def work(number: int) -> None:
        nonlocal held, most
        one, needed = attempt(number), 10 + number * 7 % 60
        room.take(one, needed, within_s=30)
        with lock:
            held += needed
            most = max(most, held)
        with lock:
            held -= needed
        room.leave(one)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(200)))
    assert 0 < most <= 100
    room.take(attempt(1), 100, within_s=0)


def test_one_that_has_some_gets_more_at_once_and_one_alone_gets_any_amount() -> None:
    room, one, other = Room(100), attempt(1), attempt(2)
    room.take(one, 500, within_s=0)
    room.take(one, 500, within_s=0)
    with pytest.raises(NodeError, match="MEMORY_BUSY"):
        room.take(other, 1, within_s=0)
    room.leave(one)
    room.take(other, 1, within_s=0)


def test_one_that_is_stopped_gives_up_its_place() -> None:
    room, one, two, three = Room(100), attempt(1), attempt(2), attempt(3)
    room.take(one, 60, within_s=0)
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(room.take, two, 90, within_s=60)
        behind = threads.submit(room.take, three, 30, within_s=60)
        two.stopped = True
        with pytest.raises(NodeError):
            waiting.result(10)
        behind.result(10)
    assert (two.held, three.held) == (0, 30)


def test_the_cache_drops_what_was_used_longest_ago() -> None:
    cache, values = Cache(100), [bytes([n]) * 40 for n in range(4)]
    refs = [ref_to(UUID(int=1), UUID(int=n), value) for n, value in enumerate(values)]
    for ref, value in zip(refs[:2], values, strict=False):
        cache.add(ref, value)
    assert cache.get(refs[0]) == values[0]
    cache.add(refs[2], values[2])
    assert [cache.get(ref) for ref in refs] == [values[0], None, values[2], None]
    huge = b"x" * 60
    cache.add(ref_to(UUID(int=1), UUID(int=9), huge), huge)
    assert len(cache) == 80
