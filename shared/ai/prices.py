"""What a call cost, by the price table that came with this installation (genai-prices); nothing is fetched."""

from dataclasses import dataclass
from decimal import Decimal

from shared.ai.chat import Usage
from shared.domain.ai_call import to_nano

SDK = ("genai_prices",)
"""To be loaded before the first price: see shared/ai/sdk.py."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class OwnPrices:
    """Prices of a credential in USD for a million tokens; what is read from a cache costs as much as other input unless set."""

    input: Decimal
    output: Decimal
    cached: Decimal | None = None


def cost_nano(provider: str, model: str, usage: Usage | None, own: OwnPrices | None = None) -> int | None:
    """Nano-dollars of a call; None where the tokens or the price are unknown. A credential's own prices come first."""
    if usage is None:
        return None
    return to_nano(_by(own, usage)) if own is not None else _by_table(provider, model, usage)


def _by(own: OwnPrices, usage: Usage) -> Decimal:
    cached = min(usage.cached_tokens, usage.input_tokens)
    cached_price = own.input if own.cached is None else own.cached
    total = own.input * (usage.input_tokens - cached) + cached_price * cached + own.output * usage.output_tokens
    return total / _MILLION


def _by_table(provider: str, model: str, usage: Usage) -> int | None:
    # Loaded with the SDK: it is large.
    import genai_prices  # noqa: PLC0415

    spent = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=min(usage.cached_tokens, usage.input_tokens),
        cache_write_tokens=min(
            usage.cache_written_tokens, usage.input_tokens - min(usage.cached_tokens, usage.input_tokens)
        ),
    )
    try:
        return to_nano(genai_prices.calc_price(spent, model, provider_id=provider).total_price)
    except (LookupError, ValueError):
        # Not in the table, or counted in a way that it does not know.
        return None
