"""Times, step ids, patterns and cursors."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shared.queries.execution_list import _earlier
from shared.queries.logs import Cursor
from shared.queries.shapes import like_pattern, ms, positions, span_ms, step_id

AT = datetime(2026, 11, 23, 9, 30, 0, 123_999, tzinfo=UTC)


def test_moments_are_whole_milliseconds_since_the_epoch() -> None:
    assert ms(AT) == 1_795_426_200_123
    assert ms(None) is None


def test_a_span_is_the_difference_of_what_is_shown() -> None:
    end = AT + timedelta(microseconds=1)

    assert span_ms(AT, end) == 1 == (ms(end) or 0) - (ms(AT) or 0)
    assert span_ms(AT, None) is None
    assert span_ms(end, AT) == 0


@pytest.mark.parametrize(
    ("item", "public", "places"),
    [("", "step-fetch", []), ("000042", "step-fetch:42", [42]), ("000042/000007", "step-fetch:42.7", [42, 7])],
)
def test_step_ids(item: str, public: str, places: list[int]) -> None:
    assert step_id("fetch", item) == public
    assert positions(item) == places


def test_what_people_type_is_no_pattern() -> None:
    assert like_pattern(r"50%_\x") == r"%50\%\_\\x%"


def test_a_log_cursor_reads_as_transaction_and_line() -> None:
    assert str(Cursor(8812, 44)) == "8812-44"


def test_an_earlier_id_is_earlier_by_its_time() -> None:
    high = UUID("01939a0e-7c00-7abc-8def-0123456789ab")

    earlier = _earlier(high, timedelta(milliseconds=1))

    assert earlier.int >> 80 == (high.int >> 80) - 1
    assert _earlier(UUID(int=5), timedelta(days=8)) == UUID(int=0)
