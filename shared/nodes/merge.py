"""`merge`: two lists, or two objects, become one."""

from collections.abc import Iterable
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.domain.field_paths import parse_path
from shared.nodes.base import Context, Done, NodeType, Params
from shared.nodes.data.fields import FieldPath
from shared.nodes.data.joining import How, joined, merged, zipped
from shared.nodes.data.limits import TOO_LARGE_CODE

_LISTS = ("append", "join", "zip")


class Pair(BaseModel):
    """A field of the left items and the one of the right items that it must equal."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    left: FieldPath = Field(description="Path in the items of `left`.")
    right: FieldPath = Field(description="Path in the items of `right`.")


class MergeParams(Params):
    """What to merge, and how."""

    left: list[Any] | dict[str, Any] = Field(description="The first list, or with `mode: objects` the first object.")
    right: list[Any] | dict[str, Any] = Field(description="The second one.")
    mode: Literal["append", "join", "zip", "objects"] = Field(
        "append",
        description="`append` puts the second list behind the first; `join` pairs items with the same values of the fields in "
        "`on`; `zip` pairs by position; `objects` merges two objects.",
    )
    on: list[FieldPath | Pair] = Field(
        default_factory=list,
        description="For `join`: fields that both have under the same path, or pairs of `left` and `right`.",
        max_length=10,
    )
    how: How = Field(
        "inner",
        description="For `join` and `zip`: `inner` keeps pairs only, `left` all items of the first list, `full` all of both.",
    )
    right_as: str | None = Field(
        None,
        description="For `join` and `zip`: put the right item into this field, rather than its fields beside the left ones.",
        min_length=1,
        max_length=200,
    )
    deep: bool = Field(False, description="For `objects`: merge objects inside them too, rather than replace them.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        wanted = list if self.mode in _LISTS else dict
        fits = isinstance(self.left, wanted) and isinstance(self.right, wanted)
        if not fits:
            kind = "lists" if self.mode in _LISTS else "objects"
            raise ValueError(f"`mode: {self.mode}` needs two {kind}, as `left` and `right`")
        if self.mode == "join" and not self.on:
            raise ValueError("name in `on` the fields that the items have in common")
        return self


class Merge(NodeType):
    """Items keep the order of the first list. Of a field that both items have, the right one's value stays."""

    type = "merge"
    label = "Merge"
    help = "Append one list to another, join two lists by their fields or position, or merge two objects."
    icon = "merge"
    category = "data"
    pure = True
    params = MergeParams
    example: ClassVar[dict[str, Any]] = {"left": [1], "right": [2]}
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "Orders with their customers",
            "params": {
                "left": [{"order": 1, "customer": 7}, {"order": 2, "customer": 9}],
                "right": [{"id": 7, "name": "Ada"}],
                "mode": "join",
                "on": [{"left": "customer", "right": "id"}],
                "how": "left",
                "rightAs": "buyer",
            },
            "output": [
                {"order": 1, "customer": 7, "buyer": {"id": 7, "name": "Ada"}},
                {"order": 2, "customer": 9, "buyer": None},
            ],
        },
        {
            "title": "By position",
            "params": {"left": [{"a": 1}, {"a": 2}], "right": [{"b": 3}, {"b": 4}], "mode": "zip"},
            "output": [{"a": 1, "b": 3}, {"a": 2, "b": 4}],
        },
        {
            "title": "Settings over defaults",
            "params": {
                "left": {"mail": {"on": True, "to": "a@x"}, "n": 1},
                "right": {"mail": {"to": "b@x"}},
                "mode": "objects",
                "deep": True,
            },
            "output": {"mail": {"on": True, "to": "b@x"}, "n": 1},
        },
    ]
    error_codes: ClassVar[dict[str, str]] = {
        "NOT_AN_OBJECT": "Items that are to become one are not objects.",
    } | TOO_LARGE_CODE

    def check(self, params: dict[str, Any]) -> Iterable[tuple[str, str]]:
        """A join has fields."""
        if params.get("mode") == "join" and params.get("on") in (None, []):
            yield "on", "name the fields that the items have in common"

    async def run(self, ctx: Context, params: MergeParams) -> Done:  # noqa: ARG002
        """The list or object. Raises NOT_AN_OBJECT, PAYLOAD_TOO_LARGE."""
        if isinstance(params.left, dict) or isinstance(params.right, dict):
            return Done(merged(params.left, params.right, deep=params.deep))
        if params.mode == "append":
            return Done(params.left + params.right)
        if params.mode == "zip":
            return Done(zipped(params.left, params.right, params.how, params.right_as))
        pairs = [(on, on) if isinstance(on, str) else (on.left, on.right) for on in params.on]
        keys = [(parse_path(left), parse_path(right)) for left, right in pairs]
        return Done(joined(params.left, params.right, keys, params.how, params.right_as))
