"""Credentials of providers: what their fields take, and the prices of one's own."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from shared.ai.chat import Usage
from shared.ai.prices import OwnPrices, cost_nano
from shared.credentials.ai_anthropic import AnthropicFields
from shared.credentials.ai_openai import OpenAiFields


def test_a_server_of_ones_own_needs_no_key() -> None:
    fields = OpenAiFields.model_validate({"baseUrl": "http://localhost:8000/v1"})
    assert fields.headers() == {}
    assert fields.own_prices() is None
    with pytest.raises(ValidationError):
        AnthropicFields.model_validate({})


@pytest.mark.parametrize(
    "fields",
    [
        {"apiKey": "sk 1"},
        {"apiKey": "sk\n1"},
        {"baseUrl": "localhost"},
        {"baseUrl": "http://user:pass@host/v1"},
        {"baseUrl": "http://host/v1?key=1"},
        {"inputPrice": 1},
        {"cachedPrice": 1},
        {"inputPrice": -1, "outputPrice": 1},
        {"organisation": "org\n1"},
        {"odd": 1},
    ],
)
def test_fields_that_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OpenAiFields.model_validate(fields)


def test_prices_of_ones_own_come_first() -> None:
    usage = Usage(1_000, 100, 400)
    assert cost_nano("openai", "gpt-4o-mini", usage) == 180_000
    assert cost_nano("openai", "gpt-4o-mini", usage, OwnPrices(Decimal(0), Decimal(0))) == 0
    own = OwnPrices(Decimal("0.5"), Decimal(2), Decimal("0.05"))
    assert cost_nano("openai", "mystery", usage, own) == 600 * 500 + 400 * 50 + 100 * 2_000
    assert cost_nano("openai", "mystery", usage) is None
    assert cost_nano("openai", "gpt-4o-mini", None, own) is None


@pytest.mark.parametrize("usage", [Usage(0, 0, 50, 50), Usage(10, 0, 50, 50), Usage(10**12, 10**12, 10**12, 10**12)])
def test_counts_that_contradict_each_other_break_nothing(usage: Usage) -> None:
    for provider, model in (("openai", "gpt-4o-mini"), ("anthropic", "claude-sonnet-4-5")):
        cost = cost_nano(provider, model, usage)
        assert cost is None or cost >= 0
