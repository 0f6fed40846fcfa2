"""JSON in and out of storage: kept exactly or refused with a path."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.errors import InvalidValue
from shared.domain.values import from_json, to_json

LIMIT = 1_000_000


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def refused(value: Any, **limits: int) -> InvalidValue:
    with pytest.raises(InvalidValue) as caught:
        to_json(value, max_bytes=limits.pop("max_bytes", LIMIT), **limits)
    return caught.value


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ({"a": [1, 2.5, True, None, "x"]}, b'{"a":[1,2.5,true,null,"x"]}'),
        ("Zürich 😀", '"Zürich 😀"'.encode()),
        ((1, 2), b"[1,2]"),
        ("null", b'"null"'),
        ("\\u0000", b'"\\\\u0000"'),
        ({"null": {"\\u0000": [None]}}, b'{"null":{"\\\\u0000":[null]}}'),
        (2**64 - 1, b"18446744073709551615"),
        ({"n": None, "big": -(2**63) - 1}, b'{"n":null,"big":-9223372036854775809}'),
    ],
)
def test_compact_json(value: Any, raw: bytes) -> None:
    assert to_json(value, max_bytes=LIMIT) == raw


@pytest.mark.parametrize("digits", [18, 19, 20, 21, 100, 1_000])
def test_long_integers_survive_a_round_trip(digits: int) -> None:
    for number in (10**digits - 1, -(10**digits) + 1, 10 ** (digits - 1)):
        assert from_json(to_json({"n": [number, 1.5, "ü"]}, max_bytes=LIMIT)) == {"n": [number, 1.5, "ü"]}


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        ({"a": ["ok", "x\x00y"]}, "a[1]", "NUL"),
        ({"a": {"b\x00": 1}}, "a", "NUL"),
        ({"a": "\\u0000 \x00"}, "a", "NUL"),
        (["\ud800"], "[0]", "surrogate"),
        ({"\udfff": 1}, "", "surrogate"),
        ({"a": {"b": float("nan")}}, "a.b", "NaN"),
        ([None, float("inf")], "[1]", "NaN"),
        (float("-inf"), "", "NaN"),
        ({"big": 10**30, "x": float("nan")}, "x", "NaN"),
        ({1: 2}, "", "not text"),
        ({"a": [{None: 2}]}, "a[0]", "not text"),
        ({"a": {1, 2}}, "a", "A set is not"),
        (b"x", "", "A bytes is not"),
        ([datetime(2030, 1, 1, tzinfo=UTC)], "[0]", "A datetime is not"),
        ({"a": object()}, "a", "A object is not"),
        ({"n": 10**1_000}, "n", "1000 digits"),
        ({"n": [10**30, {5}]}, "n[1]", "A set is not"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_path(value: Any, path: str, words: str) -> None:
    error = refused(value)
    assert error.path == path
    assert words in str(error)


def test_dataclasses_are_refused() -> None:
    @dataclass
    class Point:
        x: int

    assert "A Point is not" in str(refused({"p": Point(1)}))


def test_size() -> None:
    error = refused({"a": "x" * 100}, max_bytes=50)
    assert "108 bytes" in str(error)
    assert "limit is 50" in str(error)
    assert to_json("x" * 48, max_bytes=50)
    assert "limit is 50" in str(refused(["ü" * 24], max_bytes=50))


def test_depth() -> None:
    assert to_json(nested(100), max_bytes=LIMIT)
    assert to_json([{} for _ in range(1_000)], max_bytes=LIMIT)
    for levels in (101, 200, 254, 255, 2_000, 100_000):
        assert "flatter" in str(refused(nested(levels)))
    assert to_json(nested(3), max_bytes=LIMIT, max_depth=3)
    assert "flatter" in str(refused(nested(4), max_depth=3))
    assert "flatter" in str(refused([10**30, nested(101)]))


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert "contains itself" in str(refused(loop))


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[NaN]", b"[Infinity]", b"[1e400]", b"\xff", '"\ud800"', b"[NaN, 12345678901234567890]"]
    + ["[1e400, 12345678901234567890]", b"[" * 100_000, b"[12345678901234567890" + b"[" * 100_000, b"9" * 5_000],
)
def test_what_is_not_json_is_refused(raw: bytes | str) -> None:
    with pytest.raises(InvalidValue, match="Not valid JSON"):
        from_json(raw)


def test_reads_text_and_bytes() -> None:
    assert from_json('{"a": "ü"}') == from_json('{"a": "ü"}'.encode()) == {"a": "ü"}
    assert from_json('["1234567890123456789012345", 0.12345678901234567890]') == [
        "1234567890123456789012345",
        0.12345678901234567890,
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(10**90), 10**90) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


def storable(value: Any) -> bool:
    """Told the slow way: whether the standard library writes it strictly, and nothing in it is NUL."""
    try:
        text = json.dumps(value, allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return False
    return "\\u0000" not in text.replace("\\\\", "")


@settings(deadline=None, max_examples=300)
@given(VALUES)
def test_round_trip_or_refusal(value: Any) -> None:
    if not storable(value):
        refused(value)
        return
    raw = to_json(value, max_bytes=LIMIT)
    assert from_json(raw) == value
    assert json.loads(raw) == value
