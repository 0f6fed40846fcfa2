"""The registry of a worker process: whoever must stop is reached."""

from uuid import UUID

from services.worker.running import Registry, Running

KEY = (UUID(int=1), "a", "")


def test_a_second_attempt_of_a_step_stops_the_first() -> None:
    registry, stops = Registry(), []
    first, second = Running(KEY, 1), Running(KEY, 2)
    registry.add(first)
    registry.arm(first, lambda: stops.append("first"))
    registry.add(second)
    assert (stops, first.stopped, second.stopped) == (["first"], True, False)
    registry.remove(first)
    assert registry.all() == [second]


def test_a_stop_reaches_what_is_registered_and_what_will_be() -> None:
    registry, stops = Registry(), []
    early, late = Running(KEY, 1), Running((KEY[0], "b", ""), 2)
    registry.add(early)
    registry.arm(early, lambda: stops.append("early"))
    registry.stop_execution(KEY[0])
    registry.add(late)
    registry.arm(late, lambda: stops.append("late"))
    assert stops == ["early", "late"]
