"""What is asked of a model and what comes back, in no protocol's words."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import httpx2

from shared.domain.ai_call import MOST_TOKENS, clean_name

OnText = Callable[[str], Awaitable[None]]
"""Hears of each piece of the reply as it comes."""

CONTENT_FILTER = "content_filter"
LENGTH = "length"
STOP = "stop"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation; `role` is `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What to ask. `schema` is the JSON Schema that the reply has to follow."""

    model: str
    messages: tuple[Message, ...]
    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
    stream: bool = True


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; `input_tokens` includes those read from a cache and those written to it."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cache_written_tokens: int = 0


@dataclass(slots=True)
class Meter:
    """What a call has used so far; it says so also when the call breaks off. `answered`: the provider took the call."""

    model: str
    answered: bool = False
    usage: Usage | None = None

    def see_model(self, name: object) -> None:
        """Note the model that the provider says has answered."""
        self.model = clean_name(name) or self.model


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said. `finish` is `stop`, `length`, `content_filter`, or the provider's own word."""

    text: str
    finish: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a protocol is spoken: `http` is a client that is bounded, guarded, and adds the credential by itself."""

    http: httpx2.AsyncClient
    base_url: str
    official: bool
    """Whether it is the provider's own, not somebody's compatible server."""


class Provider(Protocol):
    """One protocol."""

    name: ClassVar[str]
    """As the ledger and the price table call it."""
    sdk: ClassVar[tuple[str, ...]]
    """What to load before the first call: see shared/ai/sdk.py."""
    base_url: ClassVar[str]
    """The provider's own."""

    async def chat(self, endpoint: Endpoint, request: ChatRequest, meter: Meter, on_text: OnText) -> Reply:
        """Ask once. Whatever the SDK raises passes; see shared/ai/failures.py."""

    def check(self, request: ChatRequest) -> None:
        """Raises NodeError INVALID_PARAMS for what this protocol does not have."""


@dataclass(slots=True)
class Text:
    """A reply as it grows; raises OverflowError past `most` characters."""

    on_text: OnText
    most: int = 8_000_000
    parts: list[str] = field(default_factory=list)
    size: int = 0

    async def add(self, piece: object) -> None:
        """Take the next piece, if it is one."""
        if isinstance(piece, str) and piece:
            self.size += len(piece)
            if self.size > self.most:
                raise OverflowError
            self.parts.append(piece)
            await self.on_text(piece)

    def __str__(self) -> str:
        """All of it."""
        return "".join(self.parts)


def tokens(value: object) -> int:
    """A count of tokens from a server; 0 for anything that is none. Never more than anybody could use."""
    return min(max(value, 0), MOST_TOKENS) if type(value) is int else 0
