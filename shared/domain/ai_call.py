"""One call of a language model, as the ledger keeps it. Money is in nano-dollars (1 USD = 1,000,000,000), always whole."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

NANO: Final = 1_000_000_000
MOST_TOKENS: Final = 10**12
"""No call uses more; a server that says so is not believed."""
_MOST_COST: Final = 10**15
_ODD = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class AiCall:
    """A call that was answered, whatever came of the answer.

    Tokens are None where the provider did not say (a stream that broke before its end, for example); `input_tokens`
    includes the `cached_tokens`. `cost_nano` is None where no price is known.
    """

    attempt: int
    provider: str
    model: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost_nano: int | None = None

    @property
    def tokens(self) -> int:
        """Input and output together; what is unknown counts as none."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)


def clean_name(text: object) -> str:
    """The name of a model as it can be stored, shown and used as a label, whatever a server made of it."""
    return _ODD.sub("?", text)[:200] if isinstance(text, str) else ""


def to_nano(usd: Decimal) -> int | None:
    """Nano-dollars of an amount; None for one that makes no sense."""
    if not usd.is_finite() or usd < 0:
        return None
    nano = int((usd * NANO).to_integral_value(ROUND_HALF_EVEN))
    return nano if nano <= _MOST_COST else None


def to_usd(nano: int) -> float:
    """Dollars to show, never to add up."""
    return nano / NANO
