"""Retry-After: seconds or a date; what makes no sense is no answer, and no error."""

from datetime import UTC, datetime

import pytest

from shared.net.failures import MAX_RETRY_AFTER_S, retry_after_s

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("9" * 400, MAX_RETRY_AFTER_S),
        ("Tue, 01 Jan 2030 00:00:09 GMT", 9.0),
        ("Mon, 31 Dec 2029 00:00:00 GMT", 0.0),
        ("Tue, 01 Jan 2030 01:00:05 +0100", 5.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", None),
    ],
)
def test_it_is_read(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds
