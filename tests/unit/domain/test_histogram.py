"""Logarithmic buckets and the percentiles read from them."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.histogram import BOUNDS, bucket_of, edges, percentile

durations = st.integers(min_value=1, max_value=10**9)


@given(st.floats(min_value=0, max_value=2.0**40, exclude_max=True))
def test_a_duration_lies_within_its_bucket(duration_ms: float) -> None:
    low, high = edges(bucket_of(duration_ms))
    assert low <= duration_ms < high


@given(st.lists(durations, min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_percentile_is_within_a_bucket_of_the_true_one(values: list[int], share: float) -> None:
    found = percentile(Counter(map(bucket_of, values)), share)
    ordered = sorted(values)
    true = next(value for rank, value in enumerate(ordered, start=1) if rank >= share * len(ordered))
    assert found is not None
    assert true / 1.19 - 1 <= found <= true * 1.19 + 1


@given(st.lists(durations, min_size=1))
def test_percentiles_do_not_fall(values: list[int]) -> None:
    counts = Counter(map(bucket_of, values))
    found = [percentile(counts, share) or 0 for share in (0.1, 0.5, 0.9, 0.99, 1.0)]
    assert found == sorted(found)


def test_without_values_there_is_no_percentile() -> None:
    assert percentile({}, 0.95) is None
    assert percentile({3: 0}, 0.95) is None


@pytest.mark.parametrize(
    ("duration_ms", "bucket"), [(-1, 0), (0, 0), (1, 1), (2, 5), (1024, 41), (2.0**41, len(BOUNDS))]
)
def test_known_buckets(duration_ms: float, bucket: int) -> None:
    assert bucket_of(duration_ms) == bucket
