"""`sort`: orders a list by one field or several."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.comparing import order
from shared.domain.field_paths import MISSING, get_at, parse_path
from shared.nodes.base import Context, Done, NodeType, Params
from shared.nodes.data.fields import FieldPath, Items


class SortKey(BaseModel):
    """One field to sort by."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    field: FieldPath = Field("", description="Path of the field; without it the item itself.")
    order: Literal["asc", "desc"] = Field("asc", description="Smallest first, or largest first.")


class SortParams(Params):
    """The list, and by what."""

    items: Items
    by: list[SortKey] = Field(
        default_factory=lambda: [SortKey(field="", order="asc")],
        description="Fields, the most important first, each with `field` and `order` (asc, desc).",
        min_length=1,
        max_length=20,
    )
    ignore_case: bool = Field(False, description="Whether upper and lower case are the same.")


class Sort(NodeType):
    """Stable: items that are alike keep their order. Numbers come before texts, what is null or missing comes last."""

    type = "sort"
    label = "Sort"
    help = "Order a list by one field or several; what is missing comes last."
    icon = "sort"
    category = "data"
    pure = True
    params = SortParams
    example: ClassVar[dict[str, Any]] = {"items": [3, 1, 2]}
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "Largest amounts first, then by name",
            "params": {
                "items": [
                    {"name": "b", "amount": 5},
                    {"name": "a", "amount": 5},
                    {"name": "c", "amount": None},
                    {"name": "d", "amount": 9},
                ],
                "by": [{"field": "amount", "order": "desc"}, {"field": "name"}],
            },
            "output": [
                {"name": "d", "amount": 9},
                {"name": "a", "amount": 5},
                {"name": "b", "amount": 5},
                {"name": "c", "amount": None},
            ],
        }
    ]

    async def run(self, ctx: Context, params: SortParams) -> Done:  # noqa: ARG002
        """The list in order."""
        items = list(params.items)
        # The least important first: every pass keeps what the ones before have made of equals.
        for key in reversed(params.by):
            items = _sorted(items, key, fold=params.ignore_case)
        return Done(items)


def _sorted(items: list[Any], key: SortKey, *, fold: bool) -> list[Any]:
    path = parse_path(key.field)
    found = [(get_at(item, path), item) for item in items]
    known = [(order(value, fold=fold), item) for value, item in found if value is not MISSING and value is not None]
    # Turned around, it still keeps the order of what is alike.
    known.sort(key=lambda pair: pair[0], reverse=key.order == "desc")
    return [item for _, item in known] + [item for value, item in found if value is MISSING or value is None]
