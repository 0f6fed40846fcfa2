"""Where work on values happens: small ones at once, large ones in a thread, so that other steps go on."""

from collections.abc import Callable
from typing import TypeVar

from shared.nodes.base import Context

T = TypeVar("T")
SMALL_CHARACTERS = 20_000


async def computed(ctx: Context, size: int, fn: Callable[[], T]) -> T:
    """The result of `fn`, which works on `size` characters. A cancel is obeyed at once; the thread comes to its end."""
    return fn() if size <= SMALL_CHARACTERS else await ctx.in_thread(fn, on_cancel=_nothing)


def _nothing() -> None:
    """A thread that computes cannot be stopped."""
