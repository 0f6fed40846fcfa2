"""Keys of items: where in its loops a step is. `''` outside loops, `000042`, nested `000042/000007`."""

WIDTH = 6
MAX_ITEMS = 10**WIDTH
"""More items in one loop have no key."""


def key(outer: str, index: int) -> str:
    """The key of an item of a loop that itself runs at `outer`."""
    return f"{outer}/{index:0{WIDTH}}" if outer else f"{index:0{WIDTH}}"


def cut(item: str, depth: int) -> str:
    """The key of the item around, `depth` loops deep (no deeper than it is)."""
    return item[: max(0, depth * (WIDTH + 1) - 1)]


def index(item: str) -> int:
    """The position in the innermost loop. Raises ValueError outside loops."""
    return int(item[-WIDTH:])


def bounds(item: str) -> tuple[str, str]:
    """Both ends, in byte order, of the keys of all items of a loop that runs at `item`, at any depth."""
    return (f"{item}/", f"{item}0") if item else ("0", ":")
