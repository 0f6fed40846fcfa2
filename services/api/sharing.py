"""Sharing a credential whose destination workflows choose: only with the hosts that it may be sent to."""

from collections.abc import Sequence

from services.api.reading import invalid
from shared.credentials.catalogue import credential_types
from shared.domain.errors import Problem


def refuse_boundless(type: str, hosts: Sequence[str], *, shared: bool) -> None:
    """Raises a 422 problem where every editor could send it to a server of their own."""
    kind = credential_types().get(type)
    if shared and not hosts and kind is not None and kind.goes_anywhere:
        text = (
            "A shared credential of this type needs the hosts that it may be sent to: without them every editor could "
            "send it to a server of their own. Name them, or do not share it."
        )
        raise invalid([Problem("hosts", text)])
