"""`date.time`: formats, time zones, changes of clocks, the ends of months and of the calendar."""

from typing import Any

import pytest

from tests.unit.nodes.test_data_nodes import error, refused, run

BERLIN = {"zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("params", "output"),
    [
        ({"date": 0}, "1970-01-01T00:00:00Z"),
        ({"date": 1_900_000_000_123}, "2030-03-17T17:46:40.123Z"),
        ({"date": "2030-01-31"}, "2030-01-31T00:00:00Z"),
        ({"date": "2030-07-01T12:00:00+02:00", "zone": "America/New_York"}, "2030-07-01T06:00:00-04:00"),
        ({"date": "2030-01-01T00:00:00Z", "zone": "+05:30"}, "2030-01-01T05:30:00+05:30"),
        ({"date": "2030-07-01 10:00", **BERLIN}, "2030-07-01T10:00:00+02:00"),
        ({"date": "1. 2. 2030", "inputFormat": "%d. %m. %Y", "outputFormat": "%Y/%j"}, "2030/032"),
        # Skipped by the clocks: with the offset before it. There twice: the first.
        ({"date": "2026-03-29T02:30:00", **BERLIN}, "2026-03-29T03:30:00+02:00"),
        ({"date": "2026-10-25T02:30:00", **BERLIN}, "2026-10-25T02:30:00+02:00"),
    ],
)
def test_read_and_write(params: dict[str, Any], output: str) -> None:
    assert run("date.time", **params) == output


@pytest.mark.parametrize(
    ("date", "amount", "unit", "output"),
    [
        ("2026-03-28T02:30:00", 1, "days", "2026-03-29T03:30:00+02:00"),
        ("2026-03-28T12:00:00", 24, "hours", "2026-03-29T13:00:00+02:00"),
        ("2026-10-24T12:00:00", 1, "days", "2026-10-25T12:00:00+01:00"),
        ("2026-10-25T02:30:00", 1, "hours", "2026-10-25T02:30:00+01:00"),
        ("2026-10-25T02:30:00", 2, "hours", "2026-10-25T03:30:00+01:00"),
        ("2028-01-31T10:00:00", 1, "months", "2028-02-29T10:00:00+01:00"),
        ("2028-02-29T10:00:00", 1, "years", "2029-02-28T10:00:00+01:00"),
        ("2030-03-31T10:00:00", -1, "months", "2030-02-28T10:00:00+01:00"),
        ("2030-01-01T00:00:00", -1, "weeks", "2029-12-25T00:00:00+01:00"),
        ("2030-01-01T00:00:00", 1.5, "hours", "2030-01-01T01:30:00+01:00"),
        ("2030-01-15T00:00:00", 25, "months", "2032-02-15T00:00:00+01:00"),
    ],
)
def test_add(date: str, amount: float, unit: str, output: str) -> None:
    assert run("date.time", date=date, action="add", amount=amount, unit=unit, **BERLIN) == output


@pytest.mark.parametrize(
    ("unit", "start", "end"),
    [
        ("seconds", "2026-10-25T02:45:31+01:00", "2026-10-25T02:45:31.999+01:00"),
        ("hours", "2026-10-25T02:00:00+01:00", "2026-10-25T02:59:59.999+01:00"),
        ("days", "2026-10-25T00:00:00+02:00", "2026-10-25T23:59:59.999+01:00"),
        ("weeks", "2026-10-19T00:00:00+02:00", "2026-10-25T23:59:59.999+01:00"),
        ("months", "2026-10-01T00:00:00+02:00", "2026-10-31T23:59:59.999+01:00"),
        ("years", "2026-01-01T00:00:00+01:00", "2026-12-31T23:59:59.999+01:00"),
    ],
)
def test_round_in_the_night_when_clocks_are_put_back(unit: str, start: str, end: str) -> None:
    moment = {"date": "2026-10-25T02:45:31.5+01:00", "unit": unit, **BERLIN}
    assert run("date.time", action="startOf", **moment) == start
    assert run("date.time", action="endOf", **moment) == end


@pytest.mark.parametrize(
    ("date", "until", "unit", "output"),
    [
        ("2026-03-28T12:00:00", "2026-03-29T12:00:00", "hours", 23),
        ("2030-01-01", "2030-01-02T12:00:00", "days", 1.5),
        ("2030-01-31", "2030-02-28", "months", 1),
        ("2030-01-31", "2030-02-27", "months", 0),
        ("2030-03-15", "2030-01-16", "months", -1),
        ("2028-02-29", "2030-02-27", "years", 1),
        ("2030-01-02", "2030-01-01", "milliseconds", -86_400_000),
    ],
)
def test_difference(date: str, until: str, unit: str, output: float) -> None:
    assert run("date.time", date=date, action="difference", until=until, unit=unit, **BERLIN) == output


@pytest.mark.parametrize(
    "params",
    [
        {"date": "tomorrow"},
        {"date": "2030-02-30"},
        {"date": ""},
        {"date": 1e300},
        {"date": "31.01.2030", "inputFormat": "%Y-%m-%d"},
        {"date": "1 1", "inputFormat": "%d %d"},
        {"date": "1", "inputFormat": "%"},
        {"date": "1", "inputFormat": "%Q"},
        {"date": "9999-12-31", "action": "add", "amount": 1},
        {"date": "0001-01-01", "action": "add", "amount": -1, "unit": "months"},
        {"date": "9999-12-31T23:00:00", "action": "endOf", "unit": "years"},
        {"date": "0001-01-01T00:00:00+14:00"},
        {"date": "2030-01-01", "action": "add", "amount": 0.5, "unit": "days"},
        {"date": "2030-01-01", "action": "difference"},
        {"date": "2030-01-01", "action": "difference", "until": "x"},
        {"date": "2030-01-01", "action": "add", "amount": 1e12, "unit": "years"},
        {"date": "2030-01-01", "action": "add", "amount": 1e12, "unit": "weeks"},
    ],
)
def test_what_is_no_date(params: dict[str, Any]) -> None:
    assert error("date.time", **params).code == "INVALID_DATE"


@pytest.mark.parametrize("zone", ["Mars/Base", "../../etc/passwd", "", "+25:00", "CET+1"])
def test_a_zone_that_is_none_is_refused_before_a_run(zone: str) -> None:
    assert "time zone" in refused("date.time", date="2030-01-01", zone=zone)
