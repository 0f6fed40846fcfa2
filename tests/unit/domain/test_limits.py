"""Who may begin: never more than allowed, in order, and nobody is held up by somebody else's key."""

from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.limits import Applicant, Limits, Occupancy

KEYS = st.sampled_from("abc")


def line(keys: list[str], limits: Limits) -> list[Applicant]:
    return [Applicant(UUID(int=place), key, limits) for place, key in enumerate(keys)]


@given(st.lists(KEYS, max_size=30), st.integers(1, 8), st.integers(1, 4), st.lists(KEYS, max_size=8))
def test_nobody_gets_in_beyond_a_limit_and_nobody_waits_without_reason(
    keys: list[str], most: int, most_per_key: int, active: list[str]
) -> None:
    occupancy = Occupancy(Counter(active))
    applicants = line(keys, Limits(max_concurrent=most, max_per_key=most_per_key))
    admitted = occupancy.admit(applicants)
    assert admitted == sorted(admitted, key=lambda each: each.int)
    before, after = Counter(active), occupancy.by_key
    assert all(count <= max(most_per_key, before[key]) for key, count in after.items())
    assert after.total() <= max(most, before.total())
    for applicant in applicants:
        if applicant.id not in admitted:
            assert after[applicant.key] >= most_per_key or after.total() >= most


@given(st.integers(1, 10), st.lists(st.floats(0, 120), max_size=20), st.integers(0, 20))
def test_a_window_of_time_has_no_more_starts_than_allowed(most: int, ages_s: list[float], waiting: int) -> None:
    recent = sum(age_s < 60 for age_s in ages_s)
    occupancy = Occupancy(Counter(), list(ages_s))
    admitted = occupancy.admit(line([""] * waiting, Limits(rate_max=most, rate_ms=60_000)))
    assert len(admitted) == min(waiting, max(0, most - recent))
    assert occupancy.full is (len(admitted) < waiting)


def test_what_they_say() -> None:
    assert str(Limits(10, 1, 100, 60_000)) == (
        "at most 10 at a time, at most 1 with the same key at a time, at most 100 starts in 60 s"
    )
