"""How long to wait before the next attempt."""

from shared.domain.plan import RetryPolicy


def delay_s(policy: RetryPolicy, failures: int, jitter: float) -> float:
    """Seconds to wait after the `failures`-th failure (1-based); `jitter` in [0, 1). Never above `policy.max_ms`.

    Full jitter scales the whole delay (AWS Architecture Blog, 2015). Raises ValueError if failures < 1.
    """
    if failures < 1:
        raise ValueError("failures counts from 1")
    if policy.backoff == "fixed":
        delay_ms = policy.initial_ms
    elif policy.backoff == "linear":
        delay_ms = policy.initial_ms * failures
    else:
        delay_ms = policy.initial_ms * 2 ** min(failures - 1, 40)
    capped = min(delay_ms, policy.max_ms)
    return capped * (jitter if policy.jitter else 1.0) / 1000


def next_attempt_s(
    policy: RetryPolicy, *, failures: int, elapsed_s: float, jitter: float, retry_after_s: float | None
) -> float | None:
    """Seconds until the attempt after the `failures`-th failure, at least `retry_after_s`; None if there is none.

    `elapsed_s`: since the first attempt began. An attempt that would begin after the budget is not made.
    """
    if failures >= policy.max_attempts:
        return None
    wait_s = max(delay_s(policy, failures, jitter), retry_after_s or 0.0)
    if policy.max_elapsed_ms is not None and elapsed_s + wait_s > policy.max_elapsed_ms / 1000:
        return None
    return wait_s
