"""`ai.chat` in a worker: the ledger, budgets, and a growing text, from the message to the rows."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from shared import ids
from shared.db import budgets
from shared.db.budgets import BudgetKey
from shared.domain.budget import Limit
from shared.queries import ai_usage, executions
from shared.queries.shapes import Viewer
from shared.queries.stats import counted, recount
from tests.factories import definition, node
from tests.integration.clockwork.scene import Scene
from tests.integration.nodes.asking_ai import CREDENTIAL, KEY
from tests.integration.nodes.providers import chunks, failing, stream
from tests.integration.nodes.web import Web
from tests.integration.worker import vault
from tests.integration.worker.calling import Calling
from tests.integration.worker.conftest import Pipeline
from tests.integration.worker.vault import stored

PARAMS = {"credential": CREDENTIAL, "model": "gpt-4o-mini", "prompt": "Hi."}
COST = 18_000


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the vault of the worker."""
    monkeypatch.setenv("FLOWVERSAL_VAULT_KEY", vault.KEY.hex())


@pytest.fixture
def provider(key: None, scene: Scene, pipeline: Pipeline) -> Iterator[Web]:
    """A stub that the credential leads to; its answer may be replaced."""
    loop = pipeline.loop
    site = Web({"/v1/chat/completions": stream(chunks("Hel", "lo"))})

    open_ones: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones[writer] = asyncio.current_task()
        await site.handle(reader, writer)

    async def serve() -> asyncio.Server:
        return await asyncio.start_server(handle, "127.0.0.1", 0)

    async def close() -> None:
        server.close()
        for writer in open_ones:
            writer.transport.abort()
        await asyncio.wait([task for task in open_ones.values() if task is not None])

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result()
    site.port = server.sockets[0].getsockname()[1]
    fields = {"apiKey": KEY, "baseUrl": site.url("/v1")}
    stored(scene.connection, scene.user_id, fields, type="ai.openai", id=ids.decode(ids.CREDENTIAL, CREDENTIAL))
    yield site
    asyncio.run_coroutine_threadsafe(close(), loop).result()


def ask(scene: Scene, pipeline: Pipeline, *, settings: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Run a workflow that asks once; its execution."""
    made = definition(node("a", "ai.chat", PARAMS, **more))
    scene.use(made | ({"settings": settings} if settings else {}))
    started = scene.start()
    pipeline.drain(started)
    return scene.execution(started.id)


def error_of(scene: Scene, run: dict[str, Any]) -> dict[str, Any]:
    row = scene.one("SELECT error FROM execution_data WHERE execution_id = %s AND node = 'a'", run["id"])
    found: dict[str, Any] = row["error"]
    return found


def test_a_call_is_in_the_ledger_the_run_and_the_statistics(scene: Scene, pipeline: Pipeline, provider: Web) -> None:
    run = ask(scene, pipeline)
    assert (run["state"], run["ai_tokens"], run["ai_cost_nano"], run["api_calls"]) == ("success", 110, COST, 1)
    totals = ai_usage.totals(scene.connection, run["id"])
    assert (totals["inputTokens"], totals["outputTokens"], totals["cachedTokens"]) == (100, 10, 40)
    step = ai_usage.of_step(scene.connection, run["id"], "a", "")
    assert step["aiCalls"][0]["provider"] == "openai"
    assert counted(scene.connection) == recount(scene.connection)


def test_a_run_that_has_used_its_budget_up_sends_nothing_more(scene: Scene, pipeline: Pipeline, provider: Web) -> None:
    scene.use(
        definition(node("first", "ai.chat", PARAMS), node("a", "ai.chat", PARAMS))
        | {"settings": {"budget": {"maxTokens": 110}}}
    )
    started = scene.start()
    pipeline.drain(started)
    run = scene.execution(started.id)
    assert (run["state"], run["ai_tokens"], len(provider.seen)) == ("failed", 110, 1)
    error = error_of(scene, run)
    assert (error["code"], error["retryable"]) == ("BUDGET_EXCEEDED", False)
    assert "110 of 110 tokens" in error["message"]


@pytest.mark.parametrize("scope", ["workflow", "user"])
def test_budgets_of_workflow_and_user_stop_runs(scene: Scene, pipeline: Pipeline, provider: Web, scope: str) -> None:
    target = scene.workflow_id if scope == "workflow" else scene.user_id
    budgets.put(scene.connection, BudgetKey(scope, target, "month"), Limit(max_cost_nano=COST), scene.user_id)
    assert ask(scene, pipeline)["state"] == "success"
    run = ask(scene, pipeline, retry={"maxAttempts": 3, "initialMs": 1})
    assert (run["state"], len(provider.seen)) == ("failed", 1)
    assert "It starts anew at" in error_of(scene, run)["message"]
    budgets.put(scene.connection, BudgetKey(scope, target, "month"), Limit(max_cost_nano=COST + 1), scene.user_id)
    assert ask(scene, pipeline)["state"] == "success"


def test_what_a_child_cost_is_its_parents_too_and_counts_once(scene: Scene, calling: Calling, provider: Web) -> None:
    ref = calling.begin(workflow=calling.add([node("work", "ai.chat", PARAMS)]))
    child = calling.call(ref)
    calling.run_child(child)
    assert calling.report() == [ref]
    assert calling.report() == []
    parent, row = scene.execution(ref.execution_id), scene.execution(child)
    assert (parent["ai_cost_nano"], parent["child_ai_cost_nano"], row["ai_cost_nano"]) == (0, COST, COST)
    found = executions.row(scene.connection, ref.execution_id, Viewer(scene.user_id, everything=True))
    assert found is not None
    shape = executions.record(scene.connection, found)
    assert shape["aiCostUsd"] == shape["childAiCostUsd"] == COST / 1e9
    (standing,) = budgets.standings(scene.connection, ref.execution_id, Limit(110))
    assert standing.why_not() is not None
    calling.pipeline.follow(ref)
    calling.pipeline.follow(ref._replace(node="last"))
    assert counted(scene.connection) == recount(scene.connection)


def test_a_rate_limit_is_tried_again_as_told(scene: Scene, pipeline: Pipeline, provider: Web) -> None:
    provider.answers["/v1/chat/completions"] = failing("429 Too Many", {"type": "rate_limit_error"}, retry_after="30")
    run = ask(scene, pipeline)
    row = scene.one(
        "SELECT state, error_code, extract(epoch FROM due_at - now())::float8 AS due_s FROM steps WHERE execution_id = %s",
        run["id"],
    )
    assert (row["state"], row["error_code"]) == ("retrying", "AI_RATE_LIMITED")
    assert 25 < row["due_s"] <= 30


def test_a_reply_that_breaks_off_is_in_the_ledger_too(scene: Scene, pipeline: Pipeline, provider: Web) -> None:
    provider.answers["/v1/chat/completions"] = stream(chunks("Hel", finish=None), breaks=True)
    run = ask(scene, pipeline, retry={"maxAttempts": 1})
    assert (run["state"], run["ai_tokens"], run["ai_cost_nano"]) == ("failed", 110, COST)
    assert error_of(scene, run)["code"] == "AI_UNAVAILABLE"
