"""The test kit for node types: what every one keeps to, and a context to run one without engine, database or broker.

    from shared.nodes.testing import RecordingContext, check_node_type, run_node

    def test_contract():
        check_node_type(Shout)

    def test_it_shouts():
        ctx = RecordingContext()
        assert run_node(Shout, {"text": "hi"}, ctx).output == "HI"

It needs no test framework.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, TypeVar

from shared.credentials.base import CREDENTIAL_NOT_FOUND, Credential
from shared.domain.ai_call import AiCall
from shared.domain.compiler import compile_definition
from shared.domain.reads import dynamic_keys
from shared.net.addresses import SETTING as ALLOW
from shared.net.addresses import AllowedNetworks
from shared.net.client import make_client
from shared.net.pooled import HttpClient
from shared.net.resolve import checked_addresses
from shared.nodes.base import NodeError, NodeType
from shared.nodes.contract import problems_of
from shared.settings import Settings

__all__ = ["RecordingContext", "check_node_type", "evaluated", "run_node"]

T = TypeVar("T")


class RecordingContext:
    """Everything a node may ask for. `lines`, `tokens`, `api_calls`, `ai_calls`, `deltas` and `secrets` are what it did.

    `allowed` lists private addresses that it may reach, as FLOWVERSAL_ALLOW_PRIVATE_NETWORKS does: "127.0.0.1/32" for a
    server of the test. `hosts` maps names to addresses, `credentials` ids to what `credential` gives; `resumed` and `answer` are
    those after a wait. What is set as `budget` is raised by `check_budget`.
    """

    def __init__(
        self,
        http: HttpClient | None = None,
        *,
        allowed: str = "",
        attempt: int = 1,
        resumed: bool = False,
        answer: Any = None,
        hosts: Mapping[str, list[str]] = MappingProxyType({}),
        credentials: Mapping[str, Credential] = MappingProxyType({}),
        sqlite_dir: Path | None = None,
    ) -> None:
        self.execution_id = "exec-00000000000000000000000001"
        self.workflow_id = "wf-00000000000000000000000001"
        self.node_id = "node"
        self.node_name = "Node"
        self.attempt = attempt
        self.resumed = resumed
        self.answer = answer
        self.idempotency_key = f"{self.execution_id}:node:"
        self.random = Random(7)  # noqa: S311 - the same in every test
        self.sqlite_dir = sqlite_dir
        self.secrets: list[str] = []
        self.lines: list[tuple[str, str, dict[str, Any]]] = []
        self.tokens = 0
        self.api_calls = 0
        self.ai_calls: list[AiCall] = []
        self.deltas: list[str] = []
        self.budget: NodeError | None = None
        self._http = http
        self._allowed = allowed
        self._hosts = hosts
        self._credentials = credentials

    @property
    def http(self) -> HttpClient:
        """The client that the test gave, else one that reaches what is allowed; it belongs to the event loop of its first use."""
        if self._http is None:
            self._http = make_client(Settings.model_validate({ALLOW: self._allowed}))
        return self._http

    async def addresses(self, host: str, port: int) -> list[str]:
        """Those that the test gave, else those of the name, checked."""
        if host in self._hosts:
            return self._hosts[host]
        return await checked_addresses(AllowedNetworks.parse(self._allowed), host, port)

    async def credential(self, id: str) -> Credential:
        """The one that the test gave."""
        if id not in self._credentials:
            raise NodeError(CREDENTIAL_NOT_FOUND, f"The test has no credential {id}.")
        return self._credentials[id]

    def mask(self, text: str) -> None:
        """Keep what is a secret from now on."""
        self.secrets.append(text)

    def log(self, level: str, message: str, **fields: Any) -> None:
        """Keep a line."""
        self.lines.append((level, message, fields))

    def count_tokens(self, tokens: int) -> None:
        """Add tokens."""
        self.tokens += tokens

    def count_ai_call(self, call: AiCall) -> None:
        """Keep a call of a model."""
        self.ai_calls.append(call)
        self.tokens += call.tokens

    async def check_budget(self) -> None:
        """Raises what the test says."""
        if self.budget is not None:
            raise self.budget

    async def delta(self, text: str) -> None:
        """Keep a piece of a growing text."""
        self.deltas.append(text)

    def count_api_call(self) -> None:
        """Add a call."""
        self.api_calls += 1

    async def in_thread(self, fn: Callable[[], T], on_cancel: Callable[[], None]) -> T:
        """Run it in a thread; a cancel calls `on_cancel`."""
        try:
            return await asyncio.get_running_loop().run_in_executor(None, fn)
        except asyncio.CancelledError:
            on_cancel()
            raise


def check_node_type(node_type: type[NodeType] | NodeType) -> None:
    """Raises AssertionError with everything that the contract of node types asks for and this one does not have.

    The examples of a type of the category `data` are run, and must give their `output`.
    """
    found = node_type() if isinstance(node_type, type) else node_type
    problems = problems_of(found)
    if not problems and found.category == "data":
        problems = _example_problems(found)
    if problems:
        raise AssertionError(f"{type(found).__name__}: {'; '.join(problems)}")


def evaluated(node_type: NodeType, params: dict[str, Any], scope: Mapping[str, Any] | None = None) -> Any:
    """The parameters of a definition with their expressions replaced; `scope` has `input` and the like."""
    nodes = [{"id": "node", "type": node_type.type, "params": params}]
    definition = {"schema": 1, "containers": [{"id": "main", "name": "Main", "nodes": nodes}]}
    plan = compile_definition(definition, {node_type.type: node_type})
    return plan.nodes["node"].params.evaluate({"input": {}, **(scope or {})})


def run_node(
    node_type: type[NodeType] | NodeType,
    params: dict[str, Any],
    ctx: RecordingContext | None = None,
    *,
    scope: Mapping[str, Any] | None = None,
) -> Any:
    """What `run` returns for parameters as in a definition, mostly a `Done`. Raises what it raises."""
    found = node_type() if isinstance(node_type, type) else node_type
    # Values of a run may be far larger than what a definition may hold.
    parsed = found.parse(evaluated(found, params, scope) if dynamic_keys(params) - found.literal else params)
    coroutine = found.run(ctx or RecordingContext(), parsed)
    if not found.pure:
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(asyncio.run, coroutine).result()
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise AssertionError(f"{found.type} says it is pure, but it awaits something")


def _example_problems(node_type: NodeType) -> list[str]:
    problems = []
    for number, example in enumerate([{"params": node_type.example}, *node_type.examples]):
        output = run_node(node_type, example["params"]).output
        if "output" in example and output != example["output"]:
            problems.append(f"example {number} gives {output!r}, not {example['output']!r}")
    return problems
