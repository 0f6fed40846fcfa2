"""How long one attempt may take where a node's parameters say it. Pure."""

from typing import Any

MOST_MS = 86_400_000
_SLACK_MS = 5_000
"""The node's own limit comes first: its error says more than that of the step."""


def step_limit_ms(given: Any, default_ms: int) -> int:
    """Milliseconds for an attempt whose own limit is written as `given`; never less than the default.

    The default where it is none: missing, or an expression.
    """
    try:
        own_ms = int(given) if isinstance(given, int | float | str) else 0
    except (ValueError, OverflowError):
        return default_ms
    return max(default_ms, min(own_ms, MOST_MS) + _SLACK_MS)
