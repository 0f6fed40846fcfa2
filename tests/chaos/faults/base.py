"""What a fault is."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from random import Random
from typing import ClassVar

from tests.chaos.world import World

READY_S = 90.0


class Fault(ABC):
    """Something that goes wrong. One object is one injection; the random generator decides details and moments."""

    name: ClassVar[str]
    """As the report calls it."""
    brokers: ClassVar[tuple[str, ...]] = ("rabbitmq", "redis")
    """With which brokers it makes sense."""
    long: ClassVar[bool] = False
    """Too long for a short run."""

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.random = random

    @abstractmethod
    def inject(self) -> None:
        """Do it, and end it: when this returns, servers answer and processes run, or were just started again."""

    def between(self, low: float, high: float) -> None:
        """Let it last for a random time of so many seconds."""
        time.sleep(self.random.uniform(low, high))

    def past_lease(self) -> None:
        """Let it last for somewhat longer than the lease of a step."""
        self.between(1.15 * self.world.lease_s, 1.5 * self.world.lease_s)

    def for_a_while(self, low: float, high: float) -> None:
        """As `between`, but half as long in a short run, where exact times do not matter."""
        share = 0.5 if self.world.hurried else 1.0
        self.between(share * low, share * high)


def await_true(condition: Callable[[], object], timeout_s: float) -> None:
    """Return once it holds; raises TimeoutError."""
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("a server did not do in time what it was told")
        time.sleep(0.02)
