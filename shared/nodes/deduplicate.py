"""`deduplicate`: each item of a list once."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from shared.domain.comparing import folded, identity
from shared.domain.field_paths import MISSING, get_at, parse_path
from shared.nodes.base import Context, Done, NodeType, Params
from shared.nodes.data.fields import FieldPath, Items


class DeduplicateParams(Params):
    """The list, and what makes two items the same."""

    items: Items
    by: list[FieldPath] = Field(
        default_factory=list,
        description="Fields which are the same in items that are the same; without any the whole item counts.",
        max_length=20,
    )
    keep: Literal["first", "last"] = Field("first", description="Which of those that are the same stays.")
    ignore_case: bool = Field(False, description="Whether upper and lower case are the same.")


class Deduplicate(NodeType):
    """Items keep their order. 1 and 1.0 are the same, 1 and "1" are not; fields that are missing are the same as null."""

    type = "deduplicate"
    label = "Remove duplicates"
    help = "Keep each item of a list once, by some of its fields or as a whole."
    icon = "copy"
    category = "data"
    pure = True
    params = DeduplicateParams
    example: ClassVar[dict[str, Any]] = {"items": [1, 2, 1, "1"]}
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "The latest of each customer",
            "params": {
                "items": [{"id": 1, "mail": "a@x"}, {"id": 2, "mail": "b@x"}, {"id": 3, "mail": "A@x"}],
                "by": ["mail"],
                "keep": "last",
                "ignoreCase": True,
            },
            "output": [{"id": 2, "mail": "b@x"}, {"id": 3, "mail": "A@x"}],
        }
    ]

    async def run(self, ctx: Context, params: DeduplicateParams) -> Done:  # noqa: ARG002
        """The list without repetitions."""
        paths = [parse_path(path) for path in params.by or [""]]
        backwards = params.keep == "last"
        seen, kept = set(), []
        for item in reversed(params.items) if backwards else params.items:
            values = [get_at(item, path) for path in paths]
            parts = [None if value is MISSING else value for value in values]
            key = identity(folded(parts) if params.ignore_case else parts)
            if key not in seen:
                seen.add(key)
                kept.append(item)
        return Done(kept[::-1] if backwards else kept)
