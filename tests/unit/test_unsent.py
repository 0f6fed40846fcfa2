"""Messages for a broker that is away: each once, in order, bounded in number and age."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from shared.broker import StepRef
from shared.unsent import Unsent

EXECUTION = uuid.UUID(int=7)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def ref(node: object) -> StepRef:
    return StepRef(EXECUTION, str(node), "", "default")


def test_what_is_kept_is_taken_once_and_in_order() -> None:
    unsent = Unsent()
    unsent.keep([ref("a"), ref("b")])
    unsent.keep([ref("c"), ref("a")])

    assert unsent.take() == [ref("a"), ref("b"), ref("c")]
    assert unsent.take() == []


def test_what_is_too_old_is_the_sweepers_and_asking_again_makes_nothing_younger() -> None:
    clock = Clock()
    unsent = Unsent(longest_s=60, clock=clock)
    unsent.keep([ref("old")])
    clock.now += 30
    unsent.keep([ref("young"), ref("old")])
    clock.now += 31

    assert unsent.first() == ref("young")
    assert unsent.take() == [ref("young")]
    assert unsent.first() is None


@given(st.lists(st.lists(st.integers(0, 30), max_size=8), max_size=20), st.integers(1, 10))
def test_it_holds_the_latest_up_to_its_capacity(batches: list[list[int]], capacity: int) -> None:
    unsent = Unsent(capacity)
    for batch in batches:
        unsent.keep([ref(number) for number in batch])
        assert len(unsent) <= capacity
    asked = {ref(number) for batch in batches for number in batch}
    taken = unsent.take()
    assert len(taken) == len(set(taken)) == min(capacity, len(asked))
    assert set(taken) <= asked
