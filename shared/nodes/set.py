"""`set`: adds, replaces, keeps and removes fields of an object, or of each object of a list."""

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from shared.domain.field_paths import MISSING, WrongPath, get_at, parse_path, remove_at, set_at
from shared.nodes.base import Context, Done, NodeError, NodeType, Params
from shared.nodes.data.fields import FieldPath
from shared.nodes.data.limits import TOO_LARGE_CODE, Output, size_of


def _paths(fields: dict[str, Any]) -> dict[str, Any]:
    for path in fields:
        if not parse_path(path):
            raise ValueError("name a field to set")
    return fields


class SetParams(Params):
    """What to work on, and the fields."""

    input: dict[str, Any] | list[Any] = Field(
        default_factory=dict, description="An object, or a list of objects which all get the same fields."
    )
    fields: Annotated[dict[str, Any], AfterValidator(_paths)] = Field(
        default_factory=dict,
        description="Path and new value of each field to add or replace: {customer.name: …}.",
        max_length=200,
    )
    keep: list[FieldPath] | None = Field(
        None, description="The only fields that stay; all of them without it.", max_length=200
    )
    remove: list[FieldPath] = Field(default_factory=list, description="Fields to take away.", max_length=200)


class Set(NodeType):
    """First `keep`, then `remove`, then `fields`. The input is not changed: the output is a copy."""

    type = "set"
    label = "Set fields"
    help = "Add, replace, keep or remove fields of an object, or of each object in a list."
    icon = "pencil"
    category = "data"
    pure = True
    params = SetParams
    example: ClassVar[dict[str, Any]] = {
        "input": {"name": "Ada", "password": "x"},
        "fields": {"address.city": "London"},
        "remove": ["password"],
    }
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "A field for each item of a list",
            "params": {"input": [{"id": 1}, {"id": 2}], "fields": {"state": "new"}},
            "output": [{"id": 1, "state": "new"}, {"id": 2, "state": "new"}],
        },
        {
            "title": "Keep some fields",
            "params": {"input": {"id": 1, "user": {"name": "Ada", "age": 36}}, "keep": ["id", "user.name"]},
            "output": {"id": 1, "user": {"name": "Ada"}},
        },
    ]
    error_codes: ClassVar[dict[str, str]] = {
        "WRONG_PATH": "A field cannot be set, because something on its path is no object.",
    } | TOO_LARGE_CODE

    async def run(self, ctx: Context, params: SetParams) -> Done:  # noqa: ARG002
        """The object or list with other fields. Raises WRONG_PATH, PAYLOAD_TOO_LARGE."""
        if isinstance(params.input, dict):
            return Done(_changed(params.input, params, "The input"))
        Output().add(size_of(params.fields) * len(params.input), len(params.input))
        return Done([_changed(item, params, f"Item {index}") for index, item in enumerate(params.input)])


def _changed(item: Any, params: SetParams, what: str) -> Any:
    if not isinstance(item, dict):
        raise NodeError("WRONG_PATH", f"{what} is not an object, so it has no fields.")
    try:
        if params.keep is not None:
            item = _kept(item, params.keep)
        for path in params.remove:
            item = remove_at(item, parse_path(path))
        for path, value in params.fields.items():
            item = set_at(item, parse_path(path), value)
    except WrongPath as error:
        raise NodeError("WRONG_PATH", f"{what}: {error}.") from None
    return item


def _kept(item: dict[str, Any], paths: list[str]) -> Any:
    kept: Any = {}
    for path in map(parse_path, paths):
        found = get_at(item, path)
        if found is not MISSING:
            kept = set_at(kept, path, found)
    return kept
