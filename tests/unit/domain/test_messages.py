"""What is taken as a message, and how the others are shown."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.broker import JsonEncoder, StepRef, message_of, queue_name
from shared.domain.messages import SHOWN_BYTES, problem_of, shown
from shared.rejected import reason_of

QUEUE = queue_name("default", 1)
GOOD = json.loads(message_of(StepRef(UUID(int=7), "fetch", "000042/000007", "default")).encode())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "eta"]), inner, max_size=7),
    max_leaves=10,
)


def test_our_own_message_is_taken() -> None:
    assert problem_of(GOOD) is None
    assert problem_of(GOOD | {"options": {"redis_message_id": "1"}}) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"options": None}, "options is of the wrong type"),
        ({"options": {"eta": "soon"}}, "delayed"),
        ({"message_id": ["x"]}, "message_id"),
        ({"actor_name": "run_stepp"}, "unknown actor 'run_stepp'"),
        ({"args": []}, "not a step"),
        ({"args": ["nonsense", "a", ""]}, "not a step"),
        ({"args": [GOOD["args"][0], "a\x00", ""]}, "not a step"),
        ({"args": [GOOD["args"][0], 7, ""]}, "not a step"),
        ({"args": [GOOD["args"][0] + "\na", "b", ""]}, "not a step"),
        ({"args": [GOOD["args"][0], "a\n", "0"]}, "not a step"),
        ({"kwargs": {"a": 1}}, "not a step"),
        ({"more": 1}, "it lacks fields or has others: more"),
        ({"queue_name": "elsewhere"}, "meant for another queue, 'elsewhere'"),
        ({}, "a worker rejected it"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], reason: str) -> None:
    assert reason in reason_of(json.dumps(GOOD | change).encode(), QUEUE)


@given(JSON)
def test_any_json_is_judged_and_what_passes_can_be_processed(value: Any) -> None:
    mixed = GOOD | value if isinstance(value, dict) else value
    if problem_of(mixed) is None:
        assert isinstance(UUID(hex=mixed["args"][0]), UUID)
    else:
        with pytest.raises(ValueError, match=r"not a|unknown actor|delayed"):
            JsonEncoder().decode(json.dumps(mixed).encode())


@given(st.binary(max_size=2 * SHOWN_BYTES))
def test_any_body_has_a_reason_and_is_shown_in_plain_text(body: bytes) -> None:
    assert reason_of(body, QUEUE)
    text = shown(body)
    assert text.isprintable()
    assert len(text) <= 10 * SHOWN_BYTES


def test_text_stays_readable_and_the_rest_is_escaped() -> None:
    assert shown('{"ü": "\x00\n"}'.encode() + b"\xff") == '{"ü": "\\x00\\n"}\\xff'
