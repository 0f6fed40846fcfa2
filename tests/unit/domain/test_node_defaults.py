"""What a step has from its type where its author wrote nothing: how long an attempt may take, how often it is tried."""

from typing import Any

import pytest

from shared.domain.compiler import compile_definition
from shared.domain.plan import PlanNode, RetryPolicy
from shared.nodes.catalogue import node_types

CREDENTIAL = "cred-00000000000000000000000001"
LONG = [
    ("http.request", {"url": "https://x.example"}),
    ("ai.chat", {"credential": CREDENTIAL, "model": "m", "prompt": "p"}),
    ("db.query", {"credential": CREDENTIAL, "query": "SELECT 1"}),
    ("email.send", {"credential": CREDENTIAL, "to": "a@example.com", "text": "t"}),
]


def compiled(type: str, params: dict[str, Any], **more: Any) -> PlanNode:
    nodes = [{"id": "a", "type": type, "params": params, **more}]
    return compile_definition({"schema": 1, "containers": [{"id": "c", "nodes": nodes}]}, node_types()).nodes["a"]


@pytest.mark.parametrize(("type", "params"), LONG, ids=[type for type, _ in LONG])
def test_a_step_has_as_long_as_its_parameters_say(type: str, params: dict[str, Any]) -> None:
    assert compiled(type, params | {"timeoutMs": 600_000}).timeout_ms == 605_000
    assert compiled(type, params | {"timeoutMs": "600000"}).timeout_ms == 605_000
    assert compiled(type, params | {"timeoutMs": 10}).timeout_ms == 300_000
    assert compiled(type, params).timeout_ms == 300_000


def test_the_step_s_own_limit_comes_before_that_of_its_parameters() -> None:
    params = {"url": "https://x.example", "timeoutMs": 600_000}
    assert compiled("http.request", params, timeoutMs=1_000).timeout_ms == 1_000


def test_an_expression_does_not_move_the_limit_of_the_step() -> None:
    params = {"url": "https://x.example", "timeoutMs": "{{ input.ms }}"}
    assert compiled("http.request", params).timeout_ms == 300_000


def test_a_wait_that_is_no_time_of_an_attempt_does_not_count() -> None:
    assert compiled("approval", {"message": "Go on?", "timeoutMs": 86_400_000 * 30}).timeout_ms == 300_000


@pytest.mark.parametrize(
    ("type", "params", "attempts"),
    [
        ("ai.chat", {"credential": CREDENTIAL, "model": "m", "prompt": "p"}, 3),
        ("webhook.call", {"url": "https://x.example"}, 5),
        ("http.request", {"url": "https://x.example"}, 1),
        ("email.send", {"credential": CREDENTIAL, "to": "a@example.com", "text": "t"}, 1),
    ],
)
def test_a_type_says_how_often_it_is_tried_without_a_retry(type: str, params: dict[str, Any], attempts: int) -> None:
    assert compiled(type, params).retry == RetryPolicy(max_attempts=attempts)
    assert compiled(type, params, retry=None).retry == RetryPolicy(max_attempts=attempts)


def test_a_retry_that_is_written_counts_whole() -> None:
    params = {"url": "https://x.example"}
    assert compiled("webhook.call", params, retry={"initialMs": 5}).retry == RetryPolicy(initial_ms=5)
