"""The pools: classes of steps with queues of their own, so that the slow ones do not keep the others waiting."""

POOLS = ("default", "ai", "code")


def pools_of(text: str) -> tuple[str, ...]:
    """The pools that a setting lists, `ai,code`, each once. Raises ValueError for none, or for one that does not exist."""
    found = tuple(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))
    unknown = [pool for pool in found if pool not in POOLS]
    if unknown or not found:
        named = f"there is no pool {unknown[0]!r}" if unknown else "name at least one pool"
        raise ValueError(f"{named}: list some of {', '.join(POOLS)}, with commas between them")
    return found
