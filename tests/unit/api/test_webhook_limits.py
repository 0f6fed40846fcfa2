"""How many calls of one webhook a process takes."""

from uuid import UUID

import pytest

from services.api.hooks.limits import MOST_RATES, WebhookLimits
from services.api.hooks.refused import Refused

TRIGGER = UUID(int=1)


def test_each_webhook_has_its_own_rate() -> None:
    limits, rate = WebhookLimits(), {"max": 2, "perMs": 60_000}
    for _ in range(2):
        limits.check_rate(TRIGGER, rate)
    with pytest.raises(Refused) as caught:
        limits.check_rate(TRIGGER, rate)
    assert (caught.value.status, 1 <= int(caught.value.headers["Retry-After"]) <= 60) == (429, True)
    limits.check_rate(UUID(int=2), rate)
    limits.check_rate(TRIGGER, None)


def test_rates_that_nobody_uses_any_more_are_forgotten() -> None:
    limits, in_use = WebhookLimits(), {"max": 1, "perMs": 999}
    limits.check_rate(TRIGGER, {"max": 1, "perMs": 3_600_000})
    for number in range(MOST_RATES + 5):
        limits.check_rate(TRIGGER, {"max": 1, "perMs": 3_600_001 + number})
        limits.check_rate(UUID(int=number + 2), in_use)
    assert len(limits._rates) == MOST_RATES
    assert {(1, 999), (1, 3_600_001 + MOST_RATES)} <= limits._rates.keys()
    assert (1, 3_600_000) not in limits._rates
