"""A limit for everything that a request waits for in between: a client that sends a byte now and then would have no end."""

import sys
from contextlib import AbstractContextManager, nullcontext


def deadline(seconds: float) -> AbstractContextManager[object]:
    """Raises TimeoutError inside, in whatever waits at that moment; only where gevent runs, as in the web server."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("socket"):
        return nullcontext()
    import gevent  # noqa: PLC0415 - only where gevent already runs

    found: AbstractContextManager[object] = gevent.Timeout(seconds, TimeoutError)
    return found
