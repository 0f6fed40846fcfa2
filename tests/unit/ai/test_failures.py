"""How long a provider asks to wait, and what of its messages is passed on."""

from datetime import UTC, datetime

import pytest

from shared.ai.failures import masked, wait_s

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Fri, 27 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "soon"}, None),
        ({"x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-tokens": "120ms", "x-ratelimit-remaining-tokens": "0"}, 0.12),
        ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "5"}, None),
        ({"x-ratelimit-reset-requests": "2s", "x-ratelimit-reset-tokens": "1h"}, 3_600.0),
        ({"x-ratelimit-reset-tokens": "9999999d"}, 3_600.0),
        ({"x-ratelimit-reset-tokens": "in a while"}, None),
        ({"anthropic-ratelimit-tokens-reset": "2026-11-27T12:01:00Z"}, 60.0),
        ({"anthropic-ratelimit-tokens-reset": "2026-11-27T11:00:00+00:00"}, 0.0),
        ({"anthropic-ratelimit-tokens-reset": "later"}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_s(headers, NOW) == seconds


def test_messages_are_short_and_without_the_key() -> None:
    assert masked("Incorrect key:\n sk-1234 !", "sk-1234") == "Incorrect key: ••• !"
    assert len(masked("x" * 1_000, "")) == 301
    assert masked({"odd": 1}, "") == ""
