"""The official SDKs, loaded at the first call that needs one: off the event loop, as it takes a second or two."""

import asyncio
import logging
from collections.abc import Iterable
from importlib import import_module

_loaded: set[str] = set()


async def load(names: Iterable[str]) -> None:
    """Import these modules, once per process."""
    missing = [name for name in names if name not in _loaded]
    if missing:
        await asyncio.to_thread(_load, missing)


def _load(names: list[str]) -> None:
    for name in names:
        import_module(name)
        # OPENAI_LOG and ANTHROPIC_LOG would make them log whole requests.
        logging.getLogger(name.partition(".")[0]).setLevel(logging.WARNING)
        _loaded.add(name)
