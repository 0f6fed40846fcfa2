"""`transform`, `branch`, `delay`, `simulate` and `fail`: what they return for which parameters."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.nodes.base import Done, NodeError, Wait
from shared.nodes.catalogue import node_types
from shared.nodes.testing import RecordingContext
from tests import aio


def run(kind: str, context: RecordingContext | None = None, **params: Any) -> Done | Wait:
    node = node_types()[kind]
    return aio.run(node.run(context or RecordingContext(), node.parse(params)))


def code_of(kind: str, **params: Any) -> str:
    with pytest.raises(NodeError) as caught:
        run(kind, **params)
    return caught.value.code


@pytest.mark.parametrize("kind", sorted(kind for kind, node_type in node_types().items() if node_type.pure))
def test_pure_nodes_never_await(kind: str) -> None:
    node = node_types()[kind]
    steps = node.run(RecordingContext(), node.parse({"output": 1} if kind == "transform" else node.example))
    with pytest.raises((StopIteration, NodeError)):
        steps.send(None)


@pytest.mark.parametrize("value", [None, 0, "text", [1, {"a": None}], {"deep": {"er": True}}])
def test_transform_returns_what_it_is_given(value: Any) -> None:
    assert run("transform", output=value) == Done(value)


@pytest.mark.parametrize(
    ("condition", "port"), [(True, "true"), (False, "false"), (None, "false"), ("true", "true"), (" False ", "false")]
)
def test_branch_as_an_if(condition: Any, port: str) -> None:
    assert run("branch", condition=condition) == Done(port, port)


@pytest.mark.parametrize("condition", ["5 > 3", 1, 0, [], {}, ""])
def test_a_condition_is_true_or_false_and_nothing_like_it(condition: Any) -> None:
    assert code_of("branch", condition=condition) == "CONDITION_NOT_BOOLEAN"


@pytest.mark.parametrize(
    ("value", "port"),
    [(1, "one"), (1.0, "one"), (True, "other"), ("1", "other"), (None, "null"), ([1, {"a": 2}], "list"), ({}, "other")],
)
def test_branch_as_a_switch(value: Any, port: str) -> None:
    cases = [
        {"port": "one", "equals": 1},
        {"port": "null", "equals": None},
        {"port": "list", "equals": [1, {"a": 2}]},
        {"port": "never", "when": False},
    ]
    assert run("branch", value=value, cases=cases, default="other") == Done(port, port)


def test_the_first_case_that_fits_wins_and_none_is_an_error() -> None:
    cases = [{"port": "a", "when": False}, {"port": "b", "when": "true"}, {"port": "c", "when": True}]
    assert run("branch", cases=cases) == Done("b", "b")
    assert code_of("branch", cases=cases[:1]) == "NO_CASE_MATCHED"
    assert node_types()["branch"].ports({"cases": cases, "default": "b"}) == ("a", "b", "c")


def test_delay_waits_first_and_ends_when_resumed() -> None:
    assert run("delay", durationMs=5_000) == Wait(for_ms=5_000)
    assert run("delay", RecordingContext(resumed=True), durationMs=5_000) == Done({})
    assert run("delay", durationMs=365 * 86_400_000) == Wait(for_ms=365 * 86_400_000)


@pytest.mark.parametrize(
    ("until", "at"),
    [
        ("2024-01-31T09:00:00+01:00", datetime(2024, 1, 31, 8, tzinfo=UTC)),
        ("2024-01-31T09:00:00Z", datetime(2024, 1, 31, 9, tzinfo=UTC)),
        ("2024-01-31T09:00:00", datetime(2024, 1, 31, 9, tzinfo=UTC)),
        (1_706_691_600_000, datetime(2024, 1, 31, 9, tzinfo=UTC)),
        ("1706691600000", datetime(2024, 1, 31, 9, tzinfo=UTC)),
    ],
)
def test_delay_until_a_time(until: Any, at: datetime) -> None:
    assert run("delay", until=until) == Wait(until=at)


@pytest.mark.parametrize("until", ["soon", True, [], 10**30, float("inf"), "9" * 5_000])
def test_delay_until_something_that_is_no_time(until: Any) -> None:
    assert code_of("delay", until=until) == "INVALID_PARAMS"


def test_delay_has_a_longest_time() -> None:
    far = (datetime.now(UTC) + timedelta(days=366)).isoformat()
    assert code_of("delay", until=far) == "DELAY_TOO_LONG"
    assert code_of("delay", durationMs=None) == "INVALID_PARAMS"


def test_simulate_counts_tokens_within_its_range() -> None:
    context = RecordingContext()
    done = run("simulate", context, durationMs=0, failureRate=0, tokensMin=5, tokensMax=7)
    assert isinstance(done, Done)
    assert done.output == {"tokens": context.tokens}
    assert 5 <= context.tokens <= 7


def test_simulate_with_a_seed_depends_on_node_and_attempt_only() -> None:
    def outcome(attempt: int) -> str:
        try:
            return str(run("simulate", RecordingContext(attempt=attempt), durationMs=0, failureRate=0.5, seed="s"))
        except NodeError as error:
            return f"{error.code} {error.retryable}"

    first = [outcome(attempt) for attempt in range(1, 40)]
    assert first == [outcome(attempt) for attempt in range(1, 40)]
    assert 5 < first.count("SIMULATED_FAILURE True") < 34
    assert len(set(first)) > 5


def test_simulate_ends_at_once_when_it_is_canceled() -> None:
    async def scenario() -> None:
        node = node_types()["simulate"]
        context = RecordingContext()
        task = asyncio.create_task(node.run(context, node.parse({"durationMs": 3_600_000, "failureRate": 0})))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 1)
        assert context.tokens == 0

    aio.run(scenario())


def test_fail_raises_what_it_is_told() -> None:
    assert code_of("fail") == "FAILED"
    assert code_of("fail", code="NO_STOCK", message="Nothing left.") == "NO_STOCK"


def test_parameters_are_checked_after_evaluation_without_being_echoed() -> None:
    with pytest.raises(NodeError) as caught:
        run("simulate", durationMs="a secret", failureRate=7)
    assert caught.value.code == "INVALID_PARAMS"
    assert "durationMs" in caught.value.message
    assert "failureRate" in caught.value.message
    assert "secret" not in caught.value.message
