"""How often calls may be refused before they are answered 429. Kept in process memory, like the limits of sign-in."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app
from werkzeug.exceptions import HTTPException

from shared.auth.limiter import FailureLimiter, TooManyAttempts
from shared.domain.errors import RequestError
from shared.domain.outcome import Key

_EXTENSION = "flowversal-callback-limits"
_OF_STEP = "This address was called in vain too often. Wait a little before you call it again; it takes one call."
_OF_CALLER = (
    "Too many calls of addresses that do not exist. Wait a little, then use an address exactly as it was given."
)


class CallbackLimits:
    """In 5 minutes 10 refused calls of one address, and 100 calls of unknown addresses by one caller.

    A signed address is never held up by what is done to others, also where all callers come through one proxy.
    """

    def __init__(self) -> None:
        self._per_step = FailureLimiter(10, 300)
        self._per_caller = FailureLimiter(100, 300)

    @contextmanager
    def watch(self, step: Key | None, caller: str) -> Iterator[None]:
        """Around the handling of a call; `step` is None for an address that is not signed. Raises TooManyAttempts."""
        limiter, who, text = (
            (self._per_caller, caller, _OF_CALLER) if step is None else (self._per_step, step, _OF_STEP)
        )
        wait_s = limiter.wait_s(who)
        if wait_s > 0:
            raise TooManyAttempts(wait_s, text)
        try:
            yield
        except (RequestError, HTTPException):
            limiter.failed(who)
            raise


def callback_limits() -> CallbackLimits:
    """The current application's."""
    found = current_app.extensions.setdefault(_EXTENSION, CallbackLimits())
    assert isinstance(found, CallbackLimits)  # noqa: S101 - nobody else uses that name
    return found
