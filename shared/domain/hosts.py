"""The hosts of a credential: names in lower case, `*.example.com` for every host below; an empty list is any host. Pure."""

from collections.abc import Sequence


def covers(patterns: Sequence[str], host: str) -> bool:
    """Whether a host, or all that another pattern means, is among those of the patterns."""
    return not patterns or any(_matches(host, pattern) for pattern in patterns)


def widens(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether `after` has hosts that `before` does not have."""
    return bool(before) and (not after or not all(covers(before, each) for each in after))


def _matches(host: str, pattern: str) -> bool:
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]))
