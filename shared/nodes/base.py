"""What a node type is: one file in this folder, one subclass of `NodeType`, found by scanning.

A node never sees the database, the broker or another node: it gets a `Context` and its parameters (already
evaluated and validated) and returns a `Done`, a `Wait`, a `Call` or a `Respond`, or raises `NodeError`.
"""

import builtins
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Literal, Protocol, TypeVar
from uuid import UUID

from shared.credentials.base import Credential
from shared.domain.ai_call import AiCall
from shared.domain.errors import NodeError
from shared.domain.outcome import Ask
from shared.domain.plan import RetryPolicy
from shared.domain.written import Written
from shared.net.pooled import HttpClient
from shared.nodes import parameters
from shared.nodes.credential_field import CredentialOf, dynamic_credentials
from shared.nodes.time_limits import step_limit_ms

__all__ = [
    "Ask",
    "Call",
    "Context",
    "Credential",
    "CredentialOf",
    "Done",
    "NodeError",
    "NodeType",
    "Params",
    "Respond",
    "RetryPolicy",
    "Wait",
]

T = TypeVar("T")


class Params(Written):
    """Base of every node's parameters, as in the definition."""


@dataclass(frozen=True, slots=True)
class Done:
    """The step succeeded. `output` is any JSON value; `port` names the way out that was chosen, None for the plain one."""

    output: Any = None
    port: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The step sleeps in Postgres, holding no worker and no message, until a time, for a while (milliseconds), or with
    neither until somebody outside ends its wait.

    It is then run again from the start with `ctx.resumed` true. `ask` is what somebody outside is to answer; only node
    types that say so in `resumed_by` may ask.
    """

    until: datetime | None = None
    for_ms: int | None = None
    ask: Ask | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """The step runs another workflow, in the name of who runs this one; `version` None is the published one.

    With `wait` the step then waits for its end, and is run again with what became of it in `ctx.answer` (`resumed_by`
    "child"); without, it ends at once with `{"executionId"}`.
    """

    workflow_id: UUID
    input: Any
    wait: bool = True
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Respond:
    """The step answers whoever called the webhook that started this run, if they wait; the run goes on.

    Its output is `{"answered", "reason"}`: whether this was the answer, and if not, why.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class Context(Protocol):
    """What a running step may know and do."""

    node_id: str
    node_name: str
    attempt: int
    """1 for the first attempt."""
    resumed: bool
    """True when this run follows a `Wait` of the same attempt."""
    answer: Any
    """What ended the wait: None for a timer, else the JSON value that somebody outside brought (see `resumed_by`)."""

    @property
    def execution_id(self) -> str:
        """`exec-…`"""

    @property
    def workflow_id(self) -> str:
        """`wf-…`"""

    @property
    def idempotency_key(self) -> str:
        """Stable over all attempts of this step: `execution:node:item`. Pass it on to other systems."""

    @property
    def random(self) -> Random:
        """The step's own source of randomness (differs per attempt)."""

    @property
    def http(self) -> HttpClient:
        """The process's pooled client. It refuses private addresses unless a setting allows them."""

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where to connect for other protocols than HTTP: to one of these addresses, never to the name.

        Raises NodeError DNS_FAILED, ADDRESS_NOT_ALLOWED.
        """

    @property
    def sqlite_dir(self) -> Path | None:
        """The folder below which steps may use SQLite files; None if the operator allows none."""

    async def credential(self, id: str) -> Credential:
        """The credential with this id, `cred-…`, as a parameter marked with `CredentialOf` names it.

        Raises NodeError CREDENTIAL_NOT_FOUND.
        """

    def mask(self, text: str) -> None:
        """Take this text for a secret from now on: it is masked in what the attempt leaves and in the logs, as those of credentials are.

        For what a node was given in exchange for a credential, such as an access token. Fewer than 4 characters are not.
        """

    def log(self, level: str, message: str, **fields: Any) -> None:
        """Add a line to the execution's log; `level` is debug, info, warning or error."""

    def count_tokens(self, tokens: int) -> None:
        """Add AI tokens used by this attempt."""

    def count_ai_call(self, call: AiCall) -> None:
        """Record a call of a model that was answered, and add its tokens; in the ledger once the attempt's outcome is there."""

    async def check_budget(self) -> None:
        """To be asked before each call of a model. Raises NodeError BUDGET_EXCEEDED if a budget is used up."""

    async def delta(self, text: str) -> None:
        """Show the next piece of a growing text to whoever watches the step. A hint: pieces may get lost."""

    def count_api_call(self) -> None:
        """Count one request sent to another system."""

    async def in_thread(self, fn: Callable[[], T], on_cancel: Callable[[], None]) -> T:
        """Run a blocking `fn` in a thread; on a cancel or a timeout `on_cancel` (e.g. close the socket) is called at once."""


class NodeType:
    """One node type. Subclasses set the class variables and implement `run`.

    `pure` marks a node that touches nothing but its context: it never awaits, takes well under a millisecond, and nobody
    notices if it runs twice. It runs without the event loop, and its start need not be on disk before it runs.
    """

    type: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    icon: ClassVar[str] = "box"
    category: ClassVar[str] = "action"  # trigger | action | logic | ai | data
    pool: ClassVar[str] = "default"
    pure: ClassVar[bool] = False
    params: ClassVar[builtins.type[Params]]
    example: ClassVar[dict[str, Any]]
    """Parameters that run as they stand."""
    examples: ClassVar[list[dict[str, Any]]] = []
    """More of them for the help, each `{"title", "params"}` and, where it is always the same, `"output"`."""
    literal: ClassVar[frozenset[str]] = frozenset()
    """Parameters that are taken as they are written: `{{` in them is text."""
    error_codes: ClassVar[dict[str, str]] = {}
    """Every code this node may raise, with a sentence."""
    default_timeout_ms: ClassVar[int] = 300_000
    time_parameter: ClassVar[str | None] = None
    """The parameter that limits an attempt too, in milliseconds: where it is a plain number, the step has that long."""
    default_retry: ClassVar[RetryPolicy] = RetryPolicy()
    """How often it is tried where the definition has no `retry`: once, unless another attempt can do no harm."""
    resumed_by: ClassVar[Literal["timer", "answer", "child"]] = "timer"
    """What may end its waits: a timer alone, or also an answer from outside, or the end of the workflow that it called;
    `ctx.answer` then has it."""

    def ports(self, params: dict[str, Any]) -> tuple[str, ...]:  # noqa: ARG002
        """The named ways out, given the raw parameters of a definition; () for the one plain way."""
        return ()

    def check(self, params: dict[str, Any]) -> Iterable[tuple[str, str]]:  # noqa: ARG002
        """What is wrong with the raw parameters whatever their expressions give: (path below params, message)."""
        return ()

    def step_timeout_ms(self, params: dict[str, Any]) -> int:
        """Most milliseconds of one attempt, given raw parameters, where the definition has no `timeoutMs` beside them."""
        given = params.get(self.time_parameter) if self.time_parameter else None
        return step_limit_ms(given, self.default_timeout_ms)

    def param_problems(self, params: dict[str, Any], dynamic: AbstractSet[str]) -> list[tuple[str, str]]:
        """Every problem of raw parameters; fields named in `dynamic` hold expressions and are checked by `parse`."""
        known = [*self.check(params), *dynamic_credentials(self.params, dynamic)]
        return parameters.problems_of(self.params, params, dynamic, known)

    def parse(self, values: Any) -> Any:
        """`params` from evaluated values. Raises NodeError INVALID_PARAMS, naming each field; values are not echoed."""
        return parameters.parsed(self.params, values)

    def memory_bytes(self, params: Any) -> int:  # noqa: ARG002
        """Bytes of values that an attempt with these parameters may hold, where that is unusual: such ones take turns."""
        return 0

    async def run(self, ctx: Context, params: Any) -> Done | Wait | Call | Respond:
        """Do the work. A cancel or timeout arrives as `asyncio.CancelledError`: let it pass."""
        raise NotImplementedError
