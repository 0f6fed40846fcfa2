"""What the tests of the expression language share: a scope, and one-line evaluation."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.expr import Budget, compile_template

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
SCOPE: Mapping[str, Any] = {
    "input": {
        "name": "Ann",
        "count": 3,
        "price": 2.5,
        "none": None,
        "from": "a@example.org",
        "tags": ["b", "a", "b"],
        "rows": [{"id": 2, "name": "two"}, {"id": 1, "name": "one"}],
        "city": "Zürich 😀",
    },
    "steps": {"fetch": {"output": {"status": 200, "body": {"items": [{"id": 7}]}, "name": "x"}}},
    "execution": {"id": "exec-1"},
    "workflow": {"name": "W"},
    "now": NOW,
}


def evaluate(source: str, budget: Budget | None = None, **extra: Any) -> Any:
    """The value of one expression (without its braces) in the shared scope."""
    return compile_template(f"{{{{ {source} }}}}").evaluate({**SCOPE, **extra}, budget)


def is_plain(value: Any) -> bool:
    """Whether a value consists of JSON types only."""
    if type(value) is dict:
        return all(type(key) is str and is_plain(child) for key, child in value.items())
    if type(value) is list:
        return all(map(is_plain, value))
    return value is None or type(value) in (str, int, float, bool)
