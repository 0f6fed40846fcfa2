"""Back-off: shapes, cap, jitter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.plan import RetryPolicy
from shared.domain.retry import delay_s, next_attempt_s


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [("fixed", [1.0, 1.0, 1.0]), ("linear", [1.0, 2.0, 3.0]), ("exponential", [1.0, 2.0, 4.0])],
)
def test_shapes(backoff: str, delays: list[float]) -> None:
    policy = RetryPolicy(max_attempts=9, backoff=backoff, initial_ms=1_000, max_ms=60_000, jitter=False)
    assert [delay_s(policy, failures, 0.5) for failures in (1, 2, 3)] == delays


@given(
    st.sampled_from(["fixed", "linear", "exponential"]),
    st.integers(1, 10_000),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 1_000_000),
)
def test_never_above_the_cap(backoff: str, failures: int, jitter: float, initial_ms: int) -> None:
    policy = RetryPolicy(max_attempts=9, backoff=backoff, initial_ms=initial_ms, max_ms=30_000, jitter=True)
    assert 0 <= delay_s(policy, failures, jitter) <= 30.0


def test_failures_count_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        delay_s(RetryPolicy(), 0, 0.0)


def next_s(policy: RetryPolicy, failures: int, elapsed_s: float, retry_after_s: float | None = None) -> float | None:
    return next_attempt_s(policy, failures=failures, elapsed_s=elapsed_s, jitter=0.5, retry_after_s=retry_after_s)


def test_the_last_attempt_has_none_after_it() -> None:
    policy = RetryPolicy(max_attempts=2, backoff="fixed", jitter=False)
    assert [next_s(policy, failures, 0.0) for failures in (1, 2, 3)] == [1.0, None, None]


@pytest.mark.parametrize(("elapsed_s", "wait_s"), [(0.0, 1.0), (8.9, 1.0), (9.0, 1.0), (9.1, None), (20.0, None)])
def test_no_attempt_begins_after_the_budget(elapsed_s: float, wait_s: float | None) -> None:
    policy = RetryPolicy(max_attempts=9, backoff="fixed", jitter=False, max_elapsed_ms=10_000)
    assert next_s(policy, 1, elapsed_s) == wait_s


def test_a_server_that_asks_for_more_than_the_budget_gets_no_other_attempt() -> None:
    policy = RetryPolicy(max_attempts=9, backoff="fixed", jitter=False, max_elapsed_ms=10_000)
    assert next_s(policy, 1, 1.0, retry_after_s=5.0) == 5.0
    assert next_s(policy, 1, 1.0, retry_after_s=60.0) is None
