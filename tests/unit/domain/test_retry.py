"""Back-off: shapes, cap, jitter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.plan import RetryPolicy
from shared.domain.retry import delay_s


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
