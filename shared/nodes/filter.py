"""`filter`: the items of a list that meet conditions."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from shared.domain.errors import NodeError
from shared.nodes.base import Context, Done, NodeType, Params
from shared.nodes.data.conditions import Condition, test_of
from shared.nodes.data.fields import Items


class FilterParams(Params):
    """The list, and the conditions."""

    items: Items
    conditions: list[Condition] = Field(description="Rows of `field`, `op` and `value`.", min_length=1, max_length=100)
    match: Literal["all", "any"] = Field("all", description="Whether an item must meet all conditions, or any.")
    ignore_case: bool = Field(False, description="Whether upper and lower case are the same.")


class Filter(NodeType):
    """Items keep their order. A field that is missing meets `notEquals`, `notContains`, `notIn`, `notExists`, `empty`."""

    type = "filter"
    label = "Filter"
    help = "Keep the items of a list that meet conditions."
    icon = "filter"
    category = "data"
    pure = True
    params = FilterParams
    example: ClassVar[dict[str, Any]] = {
        "items": [{"n": 1}, {"n": 5}],
        "conditions": [{"field": "n", "op": "greater", "value": 2}],
    }
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "Open orders from two countries",
            "params": {
                "items": [
                    {"id": 1, "state": "open", "customer": {"country": "DE"}},
                    {"id": 2, "state": "paid", "customer": {"country": "DE"}},
                    {"id": 3, "state": "open", "customer": {"country": "US"}},
                ],
                "conditions": [
                    {"field": "state", "op": "equals", "value": "open"},
                    {"field": "customer.country", "op": "in", "value": ["DE", "FR"]},
                ],
            },
            "output": [{"id": 1, "state": "open", "customer": {"country": "DE"}}],
        },
        {
            "title": "Texts with one of two endings",
            "params": {
                "items": ["a.PDF", "b.txt", "c.doc"],
                "conditions": [{"op": "endsWith", "value": ".pdf"}, {"op": "endsWith", "value": ".doc"}],
                "match": "any",
                "ignoreCase": True,
            },
            "output": ["a.PDF", "c.doc"],
        },
    ]
    error_codes: ClassVar[dict[str, str]] = {
        "NOT_COMPARABLE": "A condition compares what cannot be compared, such as a text with a number."
    }

    async def run(self, ctx: Context, params: FilterParams) -> Done:  # noqa: ARG002
        """The items that are left. Raises NOT_COMPARABLE."""
        tests = [test_of(condition, ignore_case=params.ignore_case) for condition in params.conditions]
        together = all if params.match == "all" else any
        kept = []
        for index, item in enumerate(params.items):
            try:
                if together(test(item) for test in tests):
                    kept.append(item)
            except NodeError as error:
                raise NodeError(error.code, f"Item {index}: {error.message}") from None
        return Done(kept)
