"""Who is told where a webhook is called."""

from shared.auth.access import Action, may
from shared.web.guard import identity


def told_base_url(base_url: str) -> str | None:
    """The start of a webhook's address, for who may start runs: it does nothing else. None for others."""
    return base_url if may(identity(), Action.EXECUTION_START) else None
