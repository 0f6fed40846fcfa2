"""Intervals, bounds, and what a schedule says in words."""

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.triggers.sentence import sentence_of
from shared.domain.triggers.timing import Timing, timing_of

MS = st.integers(0, 4_000_000_000_000)


@given(MS, MS, st.integers(1_000, 400_000_000))
def test_an_interval_counts_from_its_anchor_and_never_drifts(anchor: int, after: int, every: int) -> None:
    timing = Timing(None, every, "UTC", anchor_ms=anchor)
    found = timing.upcoming(after, 5)
    assert found[0] > after
    assert found[0] == anchor or found[0] - every <= after
    assert all(later - earlier == every for earlier, later in pairwise(found))
    assert all((each - anchor) % every == 0 and each >= anchor for each in found)


def test_it_begins_and_ends_where_it_says() -> None:
    timing = Timing("* * * * *", None, "UTC", start_ms=120_000, end_ms=240_000)
    assert list(timing.due(0)) == [120_000, 180_000, 240_000]
    assert timing.next_after(240_000) is None
    assert timing.between(180_000, 900_000, 10) == [180_000, 240_000]
    assert timing.between(0, 900_000, 2) == [120_000, 180_000]
    # An interval counts from its start.
    assert list(Timing(None, 60_000, "UTC", start_ms=100_500, end_ms=230_000).due(0)) == [100_500, 160_500, 220_500]


def test_it_is_made_of_a_config() -> None:
    config = {"cron": "0 9 * * *", "timezone": "Europe/Berlin", "startAt": 5}
    assert timing_of(config, 7) == Timing("0 9 * * *", None, "Europe/Berlin", 5, None, 7)


def test_the_calendar_ends() -> None:
    timing = Timing("0 0 1 1 *", None, "Europe/Berlin")
    assert len(list(islice(timing.due(253_000_000_000_000), 100))) < 100


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("*/15 * * * *", "Every 15 minutes"),
        ("*/7 * * * *", "Every 7 minutes of every hour"),
        ("*/2 * * * *", "Every 2 minutes"),
        ("*/10 * * * * *", "Every 10 seconds"),
        ("0 9 * * MON-FRI", "At 09:00 on Monday through Friday"),
        ("*/15 9-17 * * MON-FRI", "Every 15 minutes from 09:00 through 17:59 on Monday through Friday"),
        ("@hourly", "At the start of every hour"),
        ("@monthly", "At 00:00 on the first day of every month"),
    ],
)
def test_cron_in_words(cron: str, words: str) -> None:
    assert sentence_of(Timing(cron, None, "Europe/Berlin")) == f"{words}, Europe/Berlin"


@pytest.mark.parametrize(
    ("every_ms", "words"),
    [
        (1_000, "Every second"),
        (1_500, "Every 1.5 seconds"),
        (900_000, "Every 15 minutes"),
        (5_400_000, "Every 90 minutes"),
        (86_400_000, "Every day"),
        (1_209_600_000, "Every 2 weeks"),
    ],
)
def test_an_interval_in_words(every_ms: int, words: str) -> None:
    assert sentence_of(Timing(None, every_ms, "UTC")) == words


def test_the_bounds_in_words() -> None:
    timing = Timing(None, 60_000, "UTC", start_ms=1_780_000_000_000, end_ms=1_790_000_000_000)
    assert sentence_of(timing) == "Every minute, from 2026-05-28 20:26 UTC, until 2026-09-21 14:13 UTC"
