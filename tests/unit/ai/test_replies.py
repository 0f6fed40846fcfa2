"""Replies with fences, and texts that were made to take long: they take no time."""

import time

import pytest

from shared.ai.structured import ReplyError, SchemaError, check_schema, value_of

NUMBER = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@pytest.mark.parametrize(
    "text",
    ['{"a": 1}', '```json\n{"a": 1}\n```', '  ```\n{"a": 1}\n```  ', '```\n\n{"a": 1}\n\n```', '```json\n{"a": 1}```'],
)
def test_fences_are_taken_off(text: str) -> None:
    assert value_of(text, NUMBER) == {"a": 1}


@pytest.mark.parametrize("text", ["```", "``````", "```\n", '```python\n{"a": 1}\n```', '```{"a": 1}```', "```\n" * 3])
def test_what_is_no_fence_is_no_json(text: str) -> None:
    with pytest.raises(ReplyError):
        value_of(text, NUMBER)


@pytest.mark.parametrize("text", ["```" + "\n" * 100_000 + "x", "```" + " \n" * 50_000 + "```x", "`" * 200_000])
def test_a_reply_that_was_made_to_take_long_takes_no_time(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ReplyError):
        value_of(text, NUMBER)
    assert time.process_time() - began < 0.5


def test_references_that_follow_each_other_too_far_are_refused() -> None:
    parts = {f"p{place}": {"$ref": f"#/$defs/p{place + 1}"} for place in range(3_000)}
    with pytest.raises(SchemaError):
        check_schema({"$ref": "#/$defs/p0", "$defs": parts})
