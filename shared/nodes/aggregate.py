"""`aggregate`: groups the items of a list and computes totals of each group."""

from collections.abc import Hashable
from typing import Any, ClassVar

from pydantic import Field

from shared.domain.comparing import identity
from shared.domain.field_paths import MISSING, WrongPath, get_at, parse_path, set_at
from shared.nodes.base import Context, Done, NodeError, NodeType, Params
from shared.nodes.data.fields import FieldPath, Items
from shared.nodes.data.limits import TOO_LARGE_CODE, Output, size_of
from shared.nodes.data.totals import Total, total_of

_REPEATING = frozenset({"first", "last", "min", "max", "list", "distinct"})


class AggregateParams(Params):
    """The list, the groups, and what to compute."""

    items: Items
    group_by: list[FieldPath] = Field(
        default_factory=list,
        description="Fields that are the same in all items of a group; without any all items are one group.",
        max_length=20,
    )
    totals: list[Total] = Field(
        default_factory=lambda: [Total(name="count", do="count", field="")],
        description="What to compute of each group: `as` names it, `do` is count, sum, avg, min, max, first, last, list, "
        "distinct or countDistinct, `field` is what it is computed of.",
        max_length=100,
    )


class Aggregate(NodeType):
    """A list of groups in the order of their first items; one object instead, if there is nothing to group by."""

    type = "aggregate"
    label = "Aggregate"
    help = "Group the items of a list, and count, add up or collect what is in each group."
    icon = "sigma"
    category = "data"
    pure = True
    params = AggregateParams
    example: ClassVar[dict[str, Any]] = {"items": [{"kind": "a"}, {"kind": "b"}, {"kind": "a"}], "groupBy": ["kind"]}
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "Revenue by country",
            "params": {
                "items": [
                    {"country": "DE", "amount": 10},
                    {"country": "US", "amount": 7},
                    {"country": "DE", "amount": 5.5},
                ],
                "groupBy": ["country"],
                "totals": [
                    {"as": "orders", "do": "count"},
                    {"as": "revenue", "do": "sum", "field": "amount"},
                    {"as": "largest", "do": "max", "field": "amount"},
                ],
            },
            "output": [
                {"country": "DE", "orders": 2, "revenue": 15.5, "largest": 10},
                {"country": "US", "orders": 1, "revenue": 7, "largest": 7},
            ],
        },
        {
            "title": "Totals of everything",
            "params": {"items": [2, 4, 4], "totals": [{"as": "mean", "do": "avg"}, {"as": "all", "do": "distinct"}]},
            "output": {"mean": 3.3333333333333335, "all": [2, 4]},
        },
    ]
    error_codes: ClassVar[dict[str, str]] = {
        "NOT_A_NUMBER": "A sum or an average meets a value that is no number.",
        "WRONG_PATH": "Two of the names are in each other's way, such as `a` and `a.b`.",
    } | TOO_LARGE_CODE

    async def run(self, ctx: Context, params: AggregateParams) -> Done:  # noqa: ARG002
        """The groups. Raises NOT_A_NUMBER, WRONG_PATH, PAYLOAD_TOO_LARGE."""
        # Totals may repeat parts of the items: so often, then.
        Output().add(size_of(params.items) * sum(total.do in _REPEATING for total in params.totals), 0)
        if not params.group_by:
            return Done(_with_totals({}, params.totals, params.items))
        paths = [parse_path(path) for path in params.group_by]
        groups: dict[Hashable, tuple[list[Any], list[Any]]] = {}
        for item in params.items:
            values = [None if (value := get_at(item, path)) is MISSING else value for path in paths]
            groups.setdefault(identity(values), (values, []))[1].append(item)
        return Done([_group(params, values, members) for values, members in groups.values()])


def _group(params: AggregateParams, values: list[Any], members: list[Any]) -> Any:
    found: Any = {}
    for path, value in zip(params.group_by, values, strict=True):
        found = _set(found, path or "item", value)
    return _with_totals(found, params.totals, members)


def _with_totals(found: Any, totals: list[Total], members: list[Any]) -> Any:
    for total in totals:
        found = _set(found, total.name, total_of(total, members))
    return found


def _set(found: Any, path: str, value: Any) -> Any:
    try:
        return set_at(found, parse_path(path), value)
    except WrongPath as error:
        raise NodeError("WRONG_PATH", f"{error}. Choose another name in `as`.") from None
