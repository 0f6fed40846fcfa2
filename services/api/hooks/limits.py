"""How much of all calls one process takes on at a time, and how many of one webhook. Kept in process memory."""

from collections import OrderedDict
from threading import Lock
from typing import Any
from uuid import UUID

from flask import current_app

from services.api.hooks.refused import too_many
from services.api.hooks.room import Room
from shared.auth.limiter import FailureLimiter, TooManyAttempts

MOST_BYTES = 128_000_000
"""Of bodies that are being read and parsed."""
MOST_WAITING = 500
"""Callers that wait for the answer of a run."""
MOST_RATES = 1_000
"""Different rates that are counted; of more, the one that was used last the longest ago begins anew."""
_EXTENSION = "flowversal-webhook-limits"
_UNKNOWN = "Too many calls of addresses that do not exist. Wait a little, then use an address exactly as it was given."
_RATE = "This webhook takes at most {max:,} calls in {seconds:g} s. Send it again later."


class WebhookLimits:
    """One for each application."""

    def __init__(self) -> None:
        self.bodies = Room(MOST_BYTES)
        self.waiting = Room(MOST_WAITING)
        self._lock = Lock()
        self._unknown = FailureLimiter(100, 300)
        self._refused = FailureLimiter(20, 60)
        self._rates: OrderedDict[tuple[int, int], FailureLimiter] = OrderedDict()

    def check_rate(self, trigger_id: UUID, rate: dict[str, Any] | None) -> None:
        """Count a call of a webhook. Raises Refused 429 once there were `max` in the last `perMs`, in this process."""
        if rate is None:
            return
        chosen = (rate["max"], rate["perMs"])
        limiter = self._limiter(*chosen)
        # No other greenlet comes between the two: neither of them waits for anything.
        wait_s = limiter.wait_s(trigger_id)
        if wait_s > 0:
            raise too_many("rate", _RATE.format(max=chosen[0], seconds=chosen[1] / 1000), wait_s)
        limiter.failed(trigger_id)

    def _limiter(self, most: int, per_ms: int) -> FailureLimiter:
        """That of all webhooks with this rate."""
        with self._lock:
            found = self._rates.setdefault((most, per_ms), FailureLimiter(most, per_ms / 1000))
            self._rates.move_to_end((most, per_ms))
            while len(self._rates) > MOST_RATES:
                self._rates.popitem(last=False)
        return found

    def check_unknown(self, caller: str) -> None:
        """Raises TooManyAttempts for a caller of a hundred addresses that do not exist within 5 minutes."""
        wait_s = self._unknown.wait_s(caller)
        if wait_s > 0:
            raise TooManyAttempts(wait_s, _UNKNOWN)
        self._unknown.failed(caller)

    def may_log(self, trigger_id: UUID) -> bool:
        """Whether a refused call is written down: the first 20 in a minute are, so that nobody can fill the disk."""
        if self._refused.wait_s(trigger_id) > 0:
            return False
        self._refused.failed(trigger_id)
        return True


def webhook_limits() -> WebhookLimits:
    """The current application's."""
    found = current_app.extensions.setdefault(_EXTENSION, WebhookLimits())
    assert isinstance(found, WebhookLimits)  # noqa: S101 - nobody else uses that name
    return found
