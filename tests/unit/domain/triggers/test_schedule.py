"""A schedule as its author writes it: defaults filled in, every problem with its place."""

from typing import Any

import pytest

from shared.domain.errors import Problem
from shared.domain.fields import Fields
from shared.domain.triggers import schedule


def read(**value: Any) -> tuple[dict[str, Any], list[Problem]]:
    fields = Fields({"id": "t", **value}, "triggers[0]", [])
    config = schedule.read(fields)
    return config, fields.problems


def test_defaults() -> None:
    config, problems = read(cron="0  9 * * MON-FRI")
    assert problems == []
    assert config == {
        "cron": "0 9 * * MON-FRI",
        "timezone": "UTC",
        "misfire": "once",
        "maxCatchUp": 100,
        "graceMs": 60_000,
        "overlap": "allow",
        "input": {},
    }


def test_everything() -> None:
    config, problems = read(
        everyMs=60_000,
        timezone="Europe/Berlin",
        misfire="all",
        maxCatchUp=5,
        graceMs=0,
        overlap="skip",
        input={"list": [1]},
        startAt="2026-12-01T09:00:00+01:00",
        endAt=1_800_000_000_000,
    )
    assert problems == []
    assert (config["startAt"], config["endAt"], config["input"]) == (
        1_796_112_000_000,
        1_800_000_000_000,
        {"list": [1]},
    )


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({}, "triggers[0]", "one of `cron`"),
        ({"cron": "@daily", "everyMs": 5_000}, "triggers[0]", "one of `cron`"),
        ({"cron": "0 0 30 2 *"}, "triggers[0].cron", "never due"),
        ({"cron": "* * *"}, "triggers[0].cron", "3 fields"),
        ({"cron": 5}, "triggers[0].cron", "must be text"),
        ({"cron": "1," * 200}, "triggers[0].cron", "characters"),
        ({"everyMs": 999}, "triggers[0].everyMs", "from 1,000"),
        ({"everyMs": "5m"}, "triggers[0].everyMs", "whole number"),
        ({"cron": "@daily", "timezone": "Europe/Berln"}, "triggers[0].timezone", "Europe/Berlin"),
        ({"cron": "@daily", "timezone": "../../etc/passwd"}, "triggers[0].timezone", "time zone"),
        ({"cron": "@daily", "timezone": "America"}, "triggers[0].timezone", "time zone"),
        ({"cron": "@daily", "timezone": "localtime"}, "triggers[0].timezone", "time zone"),
        ({"cron": "@daily", "misfire": "never"}, "triggers[0].misfire", "`once`"),
        ({"cron": "@daily", "maxCatchUp": 5}, "triggers[0].maxCatchUp", "misfire: all"),
        ({"cron": "@daily", "misfire": "all", "maxCatchUp": 0}, "triggers[0].maxCatchUp", "from 1"),
        ({"cron": "@daily", "graceMs": -1}, "triggers[0].graceMs", "from 0"),
        ({"cron": "@daily", "overlap": "queue"}, "triggers[0].overlap", "`allow`"),
        ({"cron": "@daily", "input": [1]}, "triggers[0].input", "an object"),
        ({"cron": "@daily", "input": {"trigger": 1}}, "triggers[0].input.trigger", "another name"),
        ({"cron": "@daily", "startAt": "2026-12-01"}, "triggers[0].startAt", "offset"),
        ({"cron": "@daily", "startAt": "soon"}, "triggers[0].startAt", "offset"),
        ({"cron": "@daily", "startAt": True}, "triggers[0].startAt", "offset"),
        ({"cron": "@daily", "startAt": 10, "endAt": 5}, "triggers[0].endAt", "before `startAt`"),
    ],
)
def test_every_problem_has_its_place_and_its_fix(value: dict[str, Any], path: str, message: str) -> None:
    _, problems = read(**value)
    assert [each.path for each in problems] == [path]
    assert message in problems[0].message
