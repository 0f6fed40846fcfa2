"""`simulate`: pretends to work, for demonstrations and load tests."""

import asyncio
from random import Random
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from shared.nodes.base import Context, Done, NodeError, NodeType, Params

_MOST_TOKENS = 10_000_000


class SimulateParams(Params):
    """How long, how often it fails, how many tokens it uses."""

    duration_ms: int = Field(500, description="Time it takes, in milliseconds.", ge=0, le=3_600_000)
    failure_rate: float = Field(0.1, description="Share of attempts that fail, 0 to 1.", ge=0, le=1)
    tokens_min: int = Field(0, description="Fewest AI tokens of an attempt.", ge=0, le=_MOST_TOKENS)
    tokens_max: int | None = Field(
        None, description="Most AI tokens of an attempt; 100 more than `tokensMin` unless set.", ge=0, le=_MOST_TOKENS
    )
    seed: int | str | None = Field(None, description="Makes failures and tokens the same in every execution.")

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if self.tokens_max is not None and self.tokens_max < self.tokens_min:
            raise ValueError("`tokensMax` must be at least `tokensMin`")
        return self


class Simulate(NodeType):
    """Sleeps, then fails by chance or returns `{tokens}`. With a seed, node and attempt decide instead of chance."""

    type = "simulate"
    label = "Simulate"
    help = "Pretend to work for a while, use AI tokens and sometimes fail; useful for demos and load tests."
    icon = "flask"
    params = SimulateParams
    example: ClassVar[dict[str, Any]] = {"durationMs": 20, "failureRate": 0, "tokensMin": 50, "tokensMax": 150}
    error_codes: ClassVar[dict[str, str]] = {
        "SIMULATED_FAILURE": "It failed by chance, as `failureRate` says; another attempt may succeed."
    }

    async def run(self, ctx: Context, params: SimulateParams) -> Done:
        """`{"tokens": n}` after `durationMs`."""
        random = ctx.random if params.seed is None else Random(f"{params.seed}:{ctx.node_id}:{ctx.attempt}")  # noqa: S311
        fails = random.random() < params.failure_rate
        most = params.tokens_min + 100 if params.tokens_max is None else params.tokens_max
        tokens = random.randint(params.tokens_min, most)
        await asyncio.sleep(params.duration_ms / 1_000)
        if fails:
            raise NodeError("SIMULATED_FAILURE", "The simulated step failed by chance.", retryable=True)
        ctx.count_tokens(tokens)
        return Done({"tokens": tokens})
