"""The time that an exchange has altogether."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.domain.errors import NodeError

TIMEOUT = "TIMEOUT"


@asynccontextmanager
async def within(seconds: float, host: str) -> AsyncIterator[None]:
    """Ends what takes longer. Raises NodeError TIMEOUT, worth another attempt."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        message = f"{host} gave no complete answer within {seconds * 1_000:,.0f} ms."
        raise NodeError(TIMEOUT, message, retryable=True) from None
