"""Values of Postgres in its own text format, there and back."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.databases.postgres_values import parameter, reader
from shared.databases.rows import json_iso

TEXT_ARRAY = 1009
ITEMS = st.none() | st.text(alphabet="ab,{}\"\\ N'é", max_size=6)


@given(st.lists(ITEMS, max_size=4) | st.lists(st.lists(ITEMS, min_size=2, max_size=2), min_size=1, max_size=3))
def test_an_array_is_what_it_was(values: list[Any]) -> None:
    text = parameter(values)
    assert text is not None
    assert reader(TEXT_ARRAY)[1](text.decode()) == values


def test_times_become_iso() -> None:
    assert json_iso("2026-11-27 10:00:00+05:30") == "2026-11-27T10:00:00+05:30"
    assert json_iso("2026-11-27 10:00:00-07") == "2026-11-27T10:00:00-07:00"
    assert json_iso("0044-03-15 10:00:00 BC") == "0044-03-15 10:00:00 BC"
    assert json_iso("-infinity") == "-infinity"
