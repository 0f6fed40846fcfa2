"""What a running step may do about models beside asking them: ask its budgets, record calls, show a growing text."""

import asyncio
from collections.abc import Callable
from time import monotonic

from shared.callbacks import mask_tokens
from shared.domain.ai_call import AiCall
from shared.engine.requests import Claimed
from shared.live import MOST_TEXT, HintWriter

DELTA_S = 0.1
"""How often a growing text is shown, at most."""


class StepAi:
    """Of one attempt. `check` raises NodeError if a budget is used up; it asks the database, so it runs in a thread."""

    def __init__(self, claimed: Claimed, check: Callable[[Claimed], None], hints: HintWriter) -> None:
        self.calls: list[AiCall] = []
        self.masked: Callable[[str], str] = mask_tokens
        """What may be seen of a text; the context, which knows the secrets that were opened, puts its own here."""
        self._claimed = claimed
        self._check = check
        self._hints = hints
        self._text = ""
        self._shown_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def check_budget(self) -> None:
        """Raises NodeError BUDGET_EXCEEDED."""
        await asyncio.to_thread(self._check, self._claimed)

    async def delta(self, text: str) -> None:
        """Add to the text; it is shown ten times a second at most, as far as anybody can read along."""
        if len(self._text) >= MOST_TEXT:
            return
        self._text += text
        if self._timer is None:
            wait_s = max(0.0, self._shown_at + DELTA_S - monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._show)

    def close(self) -> None:
        """The attempt is over: what it has returned is shown from now on. From any thread; late timers show nothing."""
        if self._text:
            self._text = ""
            self._hints.forget_text(self._claimed.key)

    def _show(self) -> None:
        text, self._timer, self._shown_at = self._text, None, monotonic()
        if text:
            # All of it at once, so that nothing can hide by being cut in two.
            self._hints.show_text(self._claimed.key, self._claimed.attempt, self.masked(text[:MOST_TEXT]))
