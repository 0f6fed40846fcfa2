"""When cron expressions are due, above all where the clock is changed."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.triggers.cron import CronError, parse_cron
from shared.domain.triggers.sentence import sentence_of
from shared.domain.triggers.timing import Timing

NEW_YORK, BERLIN, LORD_HOWE = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"
CHANGES = {  # the days of both changes of a year
    NEW_YORK: (datetime.fromisoformat("2026-03-08"), datetime.fromisoformat("2026-11-01")),
    BERLIN: (datetime.fromisoformat("2026-03-29"), datetime.fromisoformat("2026-10-25")),
    LORD_HOWE: (datetime.fromisoformat("2026-10-04"), datetime.fromisoformat("2027-04-04")),
}


def due(text: str, zone: str, after: str, count: int) -> list[str]:
    """The next firings as a clock in the zone shows them, with its offset."""
    there = ZoneInfo(zone)
    found = parse_cron(text).due(datetime.fromisoformat(after).replace(tzinfo=there), there)
    return [f"{each.astimezone(there):%m-%d %H:%M %z}" for each in islice(found, count)]


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        # In the gap: once, at the first moment after it.
        ("30 2 * * *", NEW_YORK, "2026-03-07 12:00", ["03-08 03:00 -0400", "03-09 02:30 -0400"]),
        ("0,30 2 * * *", NEW_YORK, "2026-03-07 12:00", ["03-08 03:00 -0400", "03-09 02:00 -0400"]),
        ("0 2,3 * * *", NEW_YORK, "2026-03-08 00:00", ["03-08 03:00 -0400", "03-09 02:00 -0400"]),
        ("15 30 2 * * *", NEW_YORK, "2026-03-07 12:00", ["03-08 03:00 -0400", "03-09 02:30 -0400"]),
        ("30 2 * * *", BERLIN, "2026-03-28 12:00", ["03-29 03:00 +0200", "03-30 02:30 +0200"]),
        ("15 2 * * *", LORD_HOWE, "2026-10-03 12:00", ["10-04 02:30 +1100", "10-05 02:15 +1100"]),
        # In the overlap: the first of both.
        ("30 1 * * *", NEW_YORK, "2026-10-31 12:00", ["11-01 01:30 -0400", "11-02 01:30 -0500"]),
        ("30 2 * * *", BERLIN, "2026-10-24 12:00", ["10-25 02:30 +0200", "10-26 02:30 +0100"]),
        ("45 1 * * *", LORD_HOWE, "2027-04-03 12:00", ["04-04 01:45 +1100", "04-05 01:45 +1030"]),
        # By the time that passes: whenever the clock shows it.
        ("0 * * * *", NEW_YORK, "2026-03-08 00:30", ["03-08 01:00 -0500", "03-08 03:00 -0400"]),
        ("0 * * * *", NEW_YORK, "2026-11-01 00:30", ["11-01 01:00 -0400", "11-01 01:00 -0500", "11-01 02:00 -0500"]),
        ("0 * * * *", BERLIN, "2026-10-25 01:30", ["10-25 02:00 +0200", "10-25 02:00 +0100", "10-25 03:00 +0100"]),
        ("*/30 9 * * *", LORD_HOWE, "2026-10-03 12:00", ["10-04 09:00 +1100", "10-04 09:30 +1100"]),
        ("30 * * * *", LORD_HOWE, "2027-04-04 01:00", ["04-04 01:30 +1100", "04-04 01:30 +1030", "04-04 02:30 +1030"]),
        ("0 * * * *", LORD_HOWE, "2026-10-04 01:30", ["10-04 03:00 +1100", "10-04 04:00 +1100"]),
        # The day begins at one.
        ("0 0 * * *", "Africa/Cairo", "2026-04-23 12:00", ["04-24 01:00 +0300", "04-25 00:00 +0300"]),
        ("@daily", "UTC", "2026-12-31 12:00", ["01-01 00:00 +0000"]),
        ("0 9 * * MON#2", "UTC", "2026-12-31 12:00", ["01-11 09:00 +0000"]),
        ("0 9 L * *", "UTC", "2027-02-01 12:00", ["02-28 09:00 +0000"]),
        ("0 0 29 2 *", "UTC", "2026-01-01 12:00", ["02-29 00:00 +0000"]),
    ],
)
def test_table(text: str, zone: str, after: str, expected: list[str]) -> None:
    assert due(text, zone, after, len(expected)) == expected


@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("text", ["* * * * *", "*/20 * * * *", "0 * * * *", "*/15 1-3 * * *", "30 */2 * * *"])
def test_a_rhythm_is_due_at_every_minute_whose_wall_time_fits(text: str, zone: str) -> None:
    """Against a plain search, minute by minute, over both changes."""
    there = ZoneInfo(zone)
    for day in CHANGES[zone]:
        begin = (day - timedelta(hours=12)).replace(tzinfo=there).astimezone(UTC)
        minutes = [begin + timedelta(minutes=each) for each in range(1, 36 * 60)]
        expected = [each for each in minutes if _fits(text, each.astimezone(there))]
        found = list(islice(parse_cron(text).due(begin, there), len(expected)))
        assert found == expected


def _fits(text: str, wall: datetime) -> bool:
    naive = wall.replace(tzinfo=None)
    return bool(next(CronSim(text, naive - timedelta(seconds=1))) == naive)


FIXED = st.builds("{} {} * * *".format, st.integers(0, 59), st.integers(0, 23))
RHYTHM = st.builds("*/{} * * * {}".format, st.sampled_from([1, 7, 10, 30]), st.sampled_from(["*", "SUN", "1-5"]))
ZONES = st.sampled_from([*CHANGES, "UTC", "Asia/Kolkata", "Africa/Casablanca", "America/Santiago", "Pacific/Apia"])
MOMENTS = st.datetimes(
    datetime.fromisoformat("2008-01-01"), datetime.fromisoformat("2035-01-01"), timezones=st.just(UTC)
)


@settings(deadline=None, max_examples=60)
@given(FIXED | RHYTHM, ZONES, MOMENTS)
def test_the_next_is_the_same_from_wherever_one_looks(text: str, zone: str, after: datetime) -> None:
    """What comes one after the other also comes when each is asked for by itself; always later."""
    cron, there = parse_cron(text), ZoneInfo(zone)
    row = list(islice(cron.due(after, there), 30))
    for before, following in pairwise([after, *row]):
        assert before < following
        assert next(cron.due(before, there)) == following
        between = before + (following - before) / 2
        assert next(cron.due(between, there)) == following


@settings(deadline=None, max_examples=60)
@given(FIXED, ZONES, st.dates(datetime.fromisoformat("2012-01-02").date(), datetime.fromisoformat("2035-01-01").date()))
def test_a_fixed_time_is_due_once_a_day(text: str, zone: str, day: object) -> None:
    there = ZoneInfo(zone)
    begin = datetime.fromisoformat(f"{day} 12:00").replace(tzinfo=there)
    days = [each.astimezone(there).date() for each in islice(parse_cron(text).due(begin, there), 40)]
    assert len(set(days)) == len(days)
    assert (days[-1] - days[0]).days == 39


PARTS = st.sampled_from(
    [
        "*",
        "0",
        "5",
        "59",
        "*/2",
        "1-5",
        "1,2",
        "0/7",
        "L",
        "LW",
        "MON",
        "5L",
        "MON#2",
        "?",
        "-",
        "/",
        "1/0",
        "007",
        "²",
        "٣",
        "FRI-MON",
        "L-3",
        "15W",
        "30,31",
        "29",
    ]
)
WILD = st.text(alphabet="0123456789*/,-#LWMON² ", max_size=12)


@settings(deadline=None, max_examples=300)
@given(st.lists(PARTS | WILD, min_size=4, max_size=7).map(" ".join))
def test_whatever_is_written_is_read_or_refused_and_has_a_sentence(text: str) -> None:
    try:
        parse_cron(text)
    except CronError as error:
        assert str(error)
        return
    timing = Timing(text, None, BERLIN)
    assert sentence_of(timing).endswith(BERLIN)
    assert timing.upcoming(1_790_000_000_000, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0 30 2 *", "never due"),
        ("0 0 31 2,4 *", "never due"),
        ("61 * * * *", "field for minute"),
        ("0 0 0 * *", "day of month"),
        ("0 0 * * FOO", "SUN to SAT"),
        ("* * *", "3 fields"),
        ("", "0 fields"),
        ("x", "1 field:"),
        ("@never", "@daily"),
        ("1-  * * * *", "field for minute"),
        ("*/0 * * * *", "field for minute"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    with pytest.raises(CronError, match=message):
        parse_cron(text)
