"""Of a value that fits none of several types pydantic says for each how it does not: here they become one. Pure."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

NONE_FITS = "none_fits"
"""The type of an error that was made of several; its context has their `types`."""

# What pydantic puts into a place for the member of a union that it tried: `str`, `list[any]`, `constrained-int`.
_MEMBER = re.compile(r"str|int|float|bool|none|decimal|constrained-\w+|[\w-]+\[.*\]")
# A model, by its name. Keys of an object look like that too, so it counts beside one of those only.
_MODEL = re.compile(r"_?[A-Z]\w*")

_Error = Mapping[str, Any]
_Place = tuple[int | str, ...]


def said_once(errors: Sequence[_Error]) -> list[_Error]:
    """The errors with one for each value of several types, at its own place: of what is inside it, if one type was near."""
    unions = {place[:at] for place in (error["loc"] for error in errors) if (at := _member_at(place)) < len(place)}
    groups: dict[_Place, list[_Error]] = defaultdict(list)
    for error in errors:
        groups[error["loc"][: _member_at(error["loc"], unions)]].append(error)
    return [each for place, group in groups.items() for each in _merged(place, group)]


def _member_at(place: _Place, unions: AbstractSet[_Place] = frozenset()) -> int:
    """Where the member of a union is named, a model only at one of the known `unions`; the length of the place if nowhere."""
    return next(
        (at for at, part in enumerate(place) if at and _is_member(part, beside=place[:at] in unions)), len(place)
    )


def _is_member(part: int | str, *, beside: bool) -> bool:
    if not isinstance(part, str):
        return False
    return _MEMBER.fullmatch(part) is not None or (beside and _MODEL.fullmatch(part) is not None)


def _merged(place: _Place, group: list[_Error]) -> list[_Error]:
    at = len(place)
    if len({error["loc"][at : at + 1] for error in group}) < 2:
        return group
    inside = [error for error in group if len(error["loc"]) > at + 1]
    if inside:
        return [{**error, "loc": (*place, *error["loc"][at + 1 :])} for error in inside]
    if any(error.get("input") is not group[0].get("input") for error in group):
        return group
    return [{**group[0], "loc": place, "type": NONE_FITS, "ctx": {"types": [error["type"] for error in group]}}]
