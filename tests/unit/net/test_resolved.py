"""Names are resolved within a time of the caller's."""

import asyncio

import pytest

from shared.domain.errors import NodeError
from shared.net.sockets import resolved
from tests import aio


def test_a_name_that_takes_too_long_is_an_error_that_says_so() -> None:
    async def never() -> list[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(NodeError, match=r"db\.example\.com was not resolved") as caught:
        aio.run(resolved(never(), "db.example.com", 0.01))
    assert (caught.value.code, caught.value.retryable) == ("DNS_FAILED", True)
