"""What a running step sees of the world: see shared/nodes/base.py, Context."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, TypeVar

from services.worker.credentials import not_found
from services.worker.logs import LogWriter, StepLog
from services.worker.step_ai import StepAi
from shared import ids
from shared.callbacks import mask_tokens
from shared.credentials.base import Credential
from shared.domain.ai_call import AiCall
from shared.engine.requests import Claimed
from shared.net.network import Network
from shared.net.pooled import HttpClient
from shared.redactor import KNOWN, Redactor

T = TypeVar("T")
LEVELS = ("debug", "info", "warning", "error")


def none_to_open(_claimed: Claimed, id: str) -> Credential:
    """For a context that has no vault."""
    raise not_found(id)


class StepContext:
    """One attempt's context; counts what it used."""

    def __init__(
        self,
        claimed: Claimed,
        logs: LogWriter,
        network: Network,
        threads: ThreadPoolExecutor,
        *,
        open_credential: Callable[[Claimed, str], Credential] = none_to_open,
        ai: StepAi,
        answer: Any = None,
        callback_urls: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.node_id = claimed.node.id
        self.node_name = claimed.node.name
        self.attempt = claimed.attempt
        self.resumed = claimed.resumed
        self.answer = answer
        self.callback_urls = callback_urls
        self.ai = ai
        ai.masked = self.masked
        self._network = network
        self.tokens = 0
        self.api_calls = 0
        self._claimed = claimed
        self._logs = logs
        self._threads = threads
        self._open_credential = open_credential
        self.redactor: Redactor | None = None
        """Of the credentials that the attempt has opened, and what it asked to mask; None while there is nothing."""

    @cached_property
    def execution_id(self) -> str:
        """`exec-…`"""
        return ids.encode(ids.EXECUTION, self._claimed.key[0])

    @cached_property
    def workflow_id(self) -> str:
        """`wf-…`"""
        return ids.encode(ids.WORKFLOW, self._claimed.workflow_id)

    @cached_property
    def idempotency_key(self) -> str:
        """`execution:node:item`"""
        return f"{self.execution_id}:{self._claimed.key[1]}:{self._claimed.key[2]}"

    @cached_property
    def random(self) -> Random:
        """A generator seeded by this attempt."""
        return Random(f"{self.idempotency_key}:{self.attempt}")  # noqa: S311 - for simulation, not for secrets

    @property
    def http(self) -> HttpClient:
        """The pooled client."""
        return self._network.http

    async def addresses(self, host: str, port: int) -> list[str]:
        """Checked addresses of a name."""
        return await self._network.addresses(host, port)

    @property
    def sqlite_dir(self) -> Path | None:
        """The folder of the SQLite files that steps may use."""
        return self._network.sqlite_dir

    async def credential(self, id: str) -> Credential:
        """A credential in clear. From now on its secrets are masked in what the attempt leaves."""
        asked = asyncio.get_running_loop().run_in_executor(self._threads, self._open_credential, self._claimed, id)
        found = await asked
        self._masks().add(found.fields)
        return found

    def mask(self, text: str) -> None:
        """A secret that is no field of a credential. The process's logs know it too from now on."""
        self._masks().add_text(text)
        KNOWN.add_text(text)

    def _masks(self) -> Redactor:
        if self.redactor is None:
            self.redactor = Redactor()
        return self.redactor

    def log(self, level: str, message: str, **fields: Any) -> None:
        """Add a line to the execution's log; an unknown level becomes info."""
        level = level if level in LEVELS else "info"
        if self.redactor is not None:
            fields = self.redactor.value(fields)
        self._log.add(level, self.masked(message), fields)

    def masked(self, text: str) -> str:
        """The text as it may be seen: without the tokens of callbacks, and the secrets of credentials."""
        if self.redactor is not None:
            text = self.redactor.text(text)
        return mask_tokens(text)

    @cached_property
    def _log(self) -> StepLog:
        return self._logs.of(self._claimed.key, self.attempt)

    def count_tokens(self, tokens: int) -> None:
        """Add AI tokens."""
        self.tokens += tokens

    def count_ai_call(self, call: AiCall) -> None:
        """Record one call of a model."""
        self.ai.calls.append(call)
        self.tokens += call.tokens

    async def check_budget(self) -> None:
        """Ask the budgets."""
        await self.ai.check_budget()

    async def delta(self, text: str) -> None:
        """Show a piece of a growing text."""
        await self.ai.delta(text)

    def count_api_call(self) -> None:
        """Count one request to another system."""
        self.api_calls += 1

    async def in_thread(self, fn: Callable[[], T], on_cancel: Callable[[], None]) -> T:
        """Run a blocking function in a thread; a cancel calls `on_cancel` at once and does not wait for the thread."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, fn)
        except asyncio.CancelledError:
            on_cancel()
            raise
