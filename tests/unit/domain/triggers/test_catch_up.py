"""What is done about firings that are due: started, missed, or left for the next turn; each exactly once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.triggers.catch_up import LISTED, LOOK, STARTS, Policy, Turn, take_turn
from shared.domain.triggers.timing import Timing

MINUTE = 60_000
EVERY_MINUTE = Timing(None, MINUTE, "UTC")


def turn(misfire: str, minutes: int, *, most: int = 100, grace_ms: int = MINUTE, late_ms: int = 5_000) -> Turn:
    """The schedule was last looked at so many firings ago; the newest one was due a few seconds before now."""
    now = minutes * MINUTE + late_ms
    return take_turn(EVERY_MINUTE, Policy(misfire, most, grace_ms), MINUTE, now)


def started(found: Turn) -> list[int]:
    return [each.at // MINUTE for each in found.firings if not each.missed]


def missed(found: Turn) -> int:
    return sum(each.count for each in found.firings if each.missed)


def test_in_time_is_started_whatever_the_policy() -> None:
    for misfire in ("skip", "once", "all"):
        found = turn(misfire, 1)
        assert (started(found), missed(found), found.next_at) == ([1], 0, 2 * MINUTE)


def test_skip_drops_what_is_late_and_keeps_what_is_in_time() -> None:
    found = turn("skip", 10)
    assert (started(found), missed(found), found.next_at) == ([10], 9, 11 * MINUTE)
    found = turn("skip", 10, grace_ms=0)
    assert (started(found), missed(found)) == ([], 10)


def test_once_starts_the_last_one() -> None:
    found = turn("once", 10, grace_ms=0)
    assert (started(found), missed(found), found.next_at) == ([10], 9, 11 * MINUTE)
    found = turn("once", 10, grace_ms=2 * MINUTE)
    assert started(found) == [9, 10], "both are in time"


def test_all_is_bounded() -> None:
    found = turn("all", 10, most=3, grace_ms=0)
    assert (started(found), missed(found)) == ([8, 9, 10], 7)


def test_a_turn_starts_only_so_many_and_the_next_goes_on() -> None:
    found = turn("all", 50)
    assert started(found) == list(range(1, STARTS + 1))
    assert found.next_at == (STARTS + 1) * MINUTE


def test_a_long_list_of_missed_ones_is_folded() -> None:
    found = turn("skip", 500, grace_ms=0)
    assert (len(found.firings), found.firings[0].count, missed(found)) == (LISTED + 1, 500 - LISTED, 500)
    assert found.firings[0].at == (500 - LISTED) * MINUTE


def test_a_schedule_that_ended_is_not_looked_at_again() -> None:
    timing = Timing(None, MINUTE, "UTC", end_ms=3 * MINUTE)
    found = take_turn(timing, Policy("once", 1, 0), MINUTE, 100 * MINUTE)
    assert (started(found), missed(found), found.next_at) == ([3], 2, None)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["once", "skip", "all"]),
    st.integers(1, 3 * LOOK),
    st.integers(1, 1_000),
    st.integers(0, 30 * MINUTE),
)
def test_turn_by_turn_every_firing_is_dealt_with_once(misfire: str, minutes: int, most: int, grace_ms: int) -> None:
    """However long the downtime: the books balance, and what is started are the newest ones."""
    now, next_at, runs, gone = minutes * MINUTE, MINUTE, [], 0
    while next_at <= now:
        found = take_turn(EVERY_MINUTE, Policy(misfire, most, grace_ms), next_at, now)
        assert found.next_at is not None
        assert found.next_at > next_at
        runs += started(found)
        gone += missed(found)
        next_at = found.next_at
    in_time = min(minutes, grace_ms // MINUTE + 1)
    late = {"skip": 0, "once": 0 if in_time else 1, "all": min(most, minutes - in_time)}[misfire]
    assert runs == list(range(minutes - in_time - late + 1, minutes + 1))
    assert len(runs) + gone == minutes
