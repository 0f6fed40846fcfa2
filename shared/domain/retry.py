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
