"""Failed sign-ins per key and window, with a clock of our own."""

from shared.auth.limiter import FailureLimiter


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_it_lets_failures_pass_up_to_the_limit_and_says_how_long_to_wait() -> None:
    clock = Clock()
    limiter = FailureLimiter(2, 60, clock=clock)
    limiter.failed("a")
    clock.now += 10
    assert limiter.wait_s("a") == 0.0

    limiter.failed("a")

    assert limiter.wait_s("a") == 50.0
    assert limiter.wait_s("b") == 0.0


def test_old_failures_are_forgotten() -> None:
    clock = Clock()
    limiter = FailureLimiter(1, 60, clock=clock)
    limiter.failed("a")

    clock.now += 60

    assert limiter.wait_s("a") == 0.0


def test_a_success_forgets_the_failures() -> None:
    limiter = FailureLimiter(1, 60, clock=Clock())
    limiter.failed("a")

    limiter.succeeded("a")

    assert limiter.wait_s("a") == 0.0


def test_memory_is_bounded_and_the_oldest_keys_go_first() -> None:
    limiter = FailureLimiter(1, 60, capacity=2, clock=Clock())

    for key in "abc":
        limiter.failed(key)

    assert [limiter.wait_s(key) for key in "abc"] == [0.0, 60.0, 60.0]
