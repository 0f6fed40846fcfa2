"""Two lists become one: item by item, or by fields that are the same in both."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any, Literal

from shared.domain.comparing import identity
from shared.domain.errors import NodeError
from shared.domain.field_paths import MISSING, Path, get_at
from shared.expr.kinds import kind
from shared.nodes.data.limits import Output, size_of

How = Literal["inner", "left", "full"]


def joined(
    left: list[Any], right: list[Any], keys: Sequence[tuple[Path, Path]], how: How, right_as: str | None
) -> list[Any]:
    """For every item of `left` one object for each of `right` with the same keys, in order.

    `left` keeps items without a partner, `full` those of both sides. An item whose keys are all missing or null has none.
    Raises NodeError NOT_AN_OBJECT, PAYLOAD_TOO_LARGE.
    """
    partners: dict[Hashable, list[int]] = defaultdict(list)
    for index, item in enumerate(right):
        key = _key(item, [path for _, path in keys])
        if key is not None:
            partners[key].append(index)
    sizes, used, output, room = [size_of(item) for item in right], set(), [], Output()
    for item in left:
        key, size = _key(item, [path for path, _ in keys]), size_of(item)
        found = partners.get(key, []) if key is not None else []
        for index in found:
            room.add(size + sizes[index])
            output.append(pair(item, right[index], right_as))
        used.update(found)
        if not found and how != "inner":
            output.append(pair(item, None, right_as))
    if how == "full":
        output += [pair(None, item, right_as) for index, item in enumerate(right) if index not in used]
    return output


def zipped(left: list[Any], right: list[Any], how: How, right_as: str | None) -> list[Any]:
    """The first of both, the second of both, …: as many as the shorter (`inner`), the left or the longer list (`full`)."""
    lengths = (len(left), len(right))
    length = {"inner": min(lengths), "left": len(left), "full": max(lengths)}[how]
    return [
        pair(left[place] if place < len(left) else None, right[place] if place < len(right) else None, right_as)
        for place in range(length)
    ]


def pair(left: Any, right: Any, right_as: str | None) -> dict[str, Any]:
    """One object of two; of a field that both have, the right one counts. Raises NodeError NOT_AN_OBJECT."""
    for item in (left, right):
        if item is not None and not isinstance(item, dict) and (item is left or right_as is None):
            raise NodeError("NOT_AN_OBJECT", f"An item of the lists is {kind(item)}, not an object: it has no fields.")
    if right_as is not None:
        return (left or {}) | {right_as: right}
    return (left or {}) | (right or {})


def merged(left: Any, right: Any, *, deep: bool) -> Any:
    """Two objects; of a field that both have, the right one counts. `deep`: objects in both are merged in turn."""
    if not deep or not isinstance(left, dict) or not isinstance(right, dict):
        return left | right if isinstance(left, dict) and isinstance(right, dict) else right
    both = left.keys() & right.keys()
    return left | right | {key: merged(left[key], right[key], deep=True) for key in left if key in both}


def _key(item: Any, paths: list[Path]) -> Hashable:
    values = [None if (value := get_at(item, path)) is MISSING else value for path in paths]
    return None if all(value is None for value in values) else identity(values)
