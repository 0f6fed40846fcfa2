"""A `Context` for running one node outside of the engine; it records what the node does."""

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, TypeVar

from shared.credentials.base import Credential
from shared.net.addresses import AllowedNetworks
from shared.net.client import make_client
from shared.net.pooled import HttpClient
from shared.net.resolve import checked_addresses
from shared.settings import Settings

T = TypeVar("T")


@lru_cache(maxsize=1)
def _client() -> HttpClient:
    """For nodes that send nothing."""
    return make_client(Settings())


class RecordingContext:
    """Everything a node may ask for. `lines`, `tokens` and `api_calls` are what it did."""

    def __init__(
        self,
        http: HttpClient | None = None,
        *,
        allowed: str = "",
        attempt: int = 1,
        resumed: bool = False,
        answer: Any = None,
        credentials: Mapping[str, Credential] = MappingProxyType({}),
        sqlite_dir: Path | None = None,
    ) -> None:
        self.execution_id = "exec-00000000000000000000000001"
        self.workflow_id = "wf-00000000000000000000000001"
        self.node_id = "node"
        self.node_name = "Node"
        self.attempt = attempt
        self.idempotency_key = "exec-00000000000000000000000001:node:"
        self.resumed = resumed
        self.answer = answer
        self.random = Random(7)
        self.http = http or _client()
        self.allowed = AllowedNetworks.parse(allowed)
        self.credentials = credentials
        self.sqlite_dir = sqlite_dir
        self.lines: list[tuple[str, str, dict[str, Any]]] = []
        self.tokens = 0
        self.api_calls = 0

    def log(self, level: str, message: str, **fields: Any) -> None:
        self.lines.append((level, message, fields))

    def count_tokens(self, tokens: int) -> None:
        self.tokens += tokens

    def count_api_call(self) -> None:
        self.api_calls += 1

    async def addresses(self, host: str, port: int) -> list[str]:
        return await checked_addresses(self.allowed, host, port)

    async def credential(self, id: str) -> Credential:
        return self.credentials[id]

    async def in_thread(self, fn: Callable[[], T], on_cancel: Callable[[], None]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(None, fn)
        except asyncio.CancelledError:
            on_cancel()
            raise
