"""Replies that follow a JSON Schema: the schema checked before, the reply after."""

from typing import TYPE_CHECKING, Any

from shared.domain.errors import InvalidValue
from shared.domain.values import from_json, to_json

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

_FENCE = "```"
_MOST_PROBLEMS = 3
_MOST_BYTES = 32_000_000
_MOST_PARTS = 20_000


class SchemaError(ValueError):
    """A schema that is none, or refers to something outside itself."""


class ReplyError(ValueError):
    """A reply that does not follow its schema; the text says where, without echoing the reply."""


def check_schema(schema: dict[str, Any]) -> None:
    """Raises SchemaError."""
    _validator(schema)


def value_of(text: str, schema: dict[str, Any]) -> Any:
    """The JSON value of a reply; fences of Markdown around it are taken off. Raises SchemaError, ReplyError."""
    validator = _validator(schema)
    try:
        value = from_json(_unfenced(text))
        to_json(value, max_bytes=_MOST_BYTES)
    except InvalidValue:
        raise ReplyError("it is no JSON that can be kept") from None
    problems = []
    for error in validator.iter_errors(value):
        problems.append(_problem(error))
        if len(problems) == _MOST_PROBLEMS:
            break
    if problems:
        raise ReplyError("; ".join(problems))
    return value


def _unfenced(text: str) -> str:
    """What is between fences; without a regular expression, for some texts take those very long."""
    whole = text.strip()
    first, _, rest = whole.partition("\n")
    fenced = first.strip() in (_FENCE, f"{_FENCE}json") and rest.endswith(_FENCE)
    return rest.removesuffix(_FENCE) if fenced else text


def _validator(schema: dict[str, Any]) -> Any:
    try:
        parts = _Unfolded(schema).size(schema)
    except RecursionError:
        raise SchemaError("its references follow each other too far: let fewer of its parts refer to others") from None
    if parts > _MOST_PARTS:
        raise SchemaError(
            "written out without references it would be too large: let fewer of its parts refer to others"
        )
    import jsonschema_rs  # noqa: PLC0415 - 5 MB, for those who need it

    try:
        # Nothing is fetched for a schema, and no pattern in it can take longer than its text is long.
        return jsonschema_rs.validator_for(schema, offline=True, pattern_options=jsonschema_rs.RegexOptions())
    except (ValueError, TypeError, jsonschema_rs.ReferencingError) as error:
        raise SchemaError((str(error).splitlines() or ["it cannot be read"])[0][:300]) from None


class _Unfolded:
    """How large a schema is where each reference within it is replaced by what it names; circles are followed once."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._known: dict[str, int] = {}

    def size(self, part: Any) -> int:
        """Parts, as far as it matters whether there are too many."""
        if isinstance(part, list):
            return min(sum(map(self.size, part)), _MOST_PARTS + 1)
        if not isinstance(part, dict):
            return 0
        own = 1 + sum(map(self.size, part.values()))
        name = part.get("$ref")
        return min(own + (self._named(name) if isinstance(name, str) else 0), _MOST_PARTS + 1)

    def _named(self, name: str) -> int:
        if name not in self._known:
            # A circle counts as nothing on its way back.
            self._known[name] = 0
            self._known[name] = self.size(self._target(name))
        return self._known[name]

    def _target(self, name: str) -> Any:
        found: Any = self._root
        for step in name.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else None
        return found


def _problem(error: "ValidationError") -> str:
    """Where and against which rule; what the model wrote there is its own business."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    rule = "/".join(str(part) for part in error.schema_path)
    return f"{('at ' + place.lstrip('.'))[:200] if place else 'as a whole'} it breaks the rule {rule[:200]}"
