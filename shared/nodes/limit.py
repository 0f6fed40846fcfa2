"""`limit`: a part of a list, from its beginning or its end."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from shared.nodes.base import Context, Done, NodeType, Params
from shared.nodes.data.fields import Items


class LimitParams(Params):
    """The list, and how much of it."""

    items: Items
    count: int = Field(10, description="How many items to keep.", ge=0, le=1_000_000)
    keep: Literal["first", "last"] = Field(
        "first", description="Whether they are counted from the beginning or the end."
    )
    skip: int = Field(0, description="How many to pass over before that.", ge=0, le=1_000_000)


class Limit(NodeType):
    """Items keep their order."""

    type = "limit"
    label = "Limit"
    help = "Keep the first or the last items of a list."
    icon = "scissors"
    category = "data"
    pure = True
    params = LimitParams
    example: ClassVar[dict[str, Any]] = {"items": [1, 2, 3], "count": 2}
    examples: ClassVar[list[dict[str, Any]]] = [
        {"title": "The last two", "params": {"items": [1, 2, 3], "count": 2, "keep": "last"}, "output": [2, 3]},
        {"title": "The second page", "params": {"items": [1, 2, 3, 4, 5], "count": 2, "skip": 2}, "output": [3, 4]},
    ]

    async def run(self, ctx: Context, params: LimitParams) -> Done:  # noqa: ARG002
        """The part."""
        if params.keep == "first":
            return Done(params.items[params.skip : params.skip + params.count])
        end = max(0, len(params.items) - params.skip)
        return Done(params.items[max(0, end - params.count) : end])
