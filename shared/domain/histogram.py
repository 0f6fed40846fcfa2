"""Logarithmic buckets: four to a doubling, so a percentile read from them is at most 19 % off, whatever the scale.

Bucket 0 holds everything below 1 ms; bucket b holds [2^((b-1)/4), 2^(b/4)) ms; the last one everything from 2^40 ms
(35 years) on. `BOUNDS` is the one definition: SQL gets the same numbers for its `width_bucket`.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Final

PER_DOUBLING: Final = 4
BOUNDS: Final[tuple[float, ...]] = tuple(2.0 ** (step / PER_DOUBLING) for step in range(40 * PER_DOUBLING + 1))


def bucket_of(duration_ms: float) -> int:
    """The bucket of a duration in milliseconds; negative ones count as 0."""
    return bisect_right(BOUNDS, duration_ms)


def edges(bucket: int) -> tuple[float, float]:
    """From (included) and to (excluded) of a bucket, in milliseconds; the last bucket is taken to be one step wide."""
    low = BOUNDS[bucket - 1] if bucket > 0 else 0.0
    high = BOUNDS[bucket] if bucket < len(BOUNDS) else low * 2 ** (1 / PER_DOUBLING)
    return low, high


def percentile(counts: Mapping[int, int], share: float) -> int | None:
    """The milliseconds that `share` (0 to 1, e.g. 0.95) of the counted durations do not exceed; None without any.

    Durations are taken to be spread evenly within their bucket.
    """
    total = sum(counts.values())
    if total == 0:
        return None
    rank = share * total
    seen = 0
    value = 0.0
    for bucket in sorted(bucket for bucket, count in counts.items() if count):
        low, high = edges(bucket)
        value = low + (high - low) * min(1.0, max(0.0, (rank - seen) / counts[bucket]))
        seen += counts[bucket]
        if seen >= rank:
            break
    return round(value)
