"""Functions on lists."""

from typing import Any

from shared.expr.access import cut
from shared.expr.budget import Budget
from shared.expr.errors import TYPE, VALUE, ExpressionError
from shared.expr.kinds import kind, want_int, want_list, want_text, wrong
from shared.expr.operators import order_kind
from shared.expr.render import int_text, to_json_text


def len_(budget: Budget, value: Any) -> int:
    """The number of characters of a text, items of a list or keys of an object."""
    budget.step()
    if type(value) not in (str, list, dict):
        raise wrong("len", "text, a list or an object", value)
    return len(value)


def range_(budget: Budget, start: Any, stop: Any = None, step: Any = 1) -> list[int]:
    """The whole numbers from start (0 if only one is given) up to but not including stop."""
    numbers = [want_int("range", n, -(10**15), 10**15) for n in (start, 0 if stop is None else stop, step)]
    if not step:
        raise ExpressionError(VALUE, "range() needs a step that is not 0")
    found = range(numbers[0]) if stop is None else range(*numbers)
    budget.items(len(found), 40)
    return list(found)


def sorted_(budget: Budget, values: Any, key: Any = None, descending: Any = False) -> list[Any]:  # noqa: FBT002 - the expression passes it by position
    """The list in order; with a key, a list of objects ordered by that field."""
    keys = values = want_list("sorted", values)
    budget.items(len(values), 32)
    if key is not None:
        want_text("sorted", key)
        keys = [_field("sorted", value, key) for value in values]
    _check_comparable(budget, "sorted", keys, len(values).bit_length())
    places = sorted(range(len(values)), key=keys.__getitem__, reverse=bool(descending))
    return [values[place] for place in places]


def _field(function: str, value: Any, key: str) -> Any:
    if type(value) is not dict:
        raise wrong(function, "a list of objects", value)
    return value.get(key)


def _check_comparable(budget: Budget, function: str, values: list[Any], rounds: int) -> None:
    """Charge for `rounds` comparisons of each value; raises ExpressionError if they cannot all be compared."""
    budget.step(1 + len(values) * (rounds + 4) // 16)
    kinds = {order_kind(value) for value in values}
    if len(kinds) > 1 or None in kinds:
        found = sorted({kind(value) for value in values})
        raise ExpressionError(
            TYPE, f"{function}() needs only numbers, only text or only dates, but there is {', '.join(found)}"
        )
    if kinds == {str}:
        budget.scan(sum(map(len, values)) * rounds)


def min_(budget: Budget, *values: Any) -> Any:
    """The smallest of the arguments, or of one list."""
    return min(_candidates(budget, "min", values))


def max_(budget: Budget, *values: Any) -> Any:
    """The largest of the arguments, or of one list."""
    return max(_candidates(budget, "max", values))


def _candidates(budget: Budget, function: str, values: tuple[Any, ...]) -> list[Any]:
    found = want_list(function, values[0]) if len(values) == 1 else list(values)
    if not found:
        raise ExpressionError(VALUE, f"{function}() of nothing: guard it, as in {function}(x) if x else 0")
    _check_comparable(budget, function, found, 1)
    return found


def first(budget: Budget, values: Any) -> Any:
    """The first item of a list, null if it is empty."""
    budget.step()
    return next(iter(want_list("first", values)), None)


def last(budget: Budget, values: Any) -> Any:
    """The last item of a list, null if it is empty."""
    budget.step()
    return next(reversed(want_list("last", values)), None)


def unique(budget: Budget, values: Any) -> list[Any]:
    """The list without repetitions, in the order of first appearance."""
    seen: set[str] = set()
    found = []
    budget.items(len(want_list("unique", values)), 80)
    for value in values:
        budget.step()
        mark = _mark(budget, value)
        if mark not in seen:
            seen.add(mark)
            found.append(value)
    return found


def _mark(budget: Budget, value: Any) -> str:
    """A text that is the same for equal values only. Text, because its hash cannot be guessed and made to collide."""
    if type(value) is str:
        budget.scan(len(value) * 2)
        budget.charge(64 + 4 * len(value))
        return '"' + value
    if type(value) is int or (type(value) is float and value.is_integer()):
        budget.charge(96)
        return int_text(int(value), budget)
    return to_json_text(value, budget)


def flatten(budget: Budget, values: Any) -> list[Any]:
    """A list of lists as one list (one level); items that are no lists stay."""
    budget.step(1 + len(want_list("flatten", values)) // 8)
    budget.items(sum(len(value) if type(value) is list else 1 for value in values))
    found: list[Any] = []
    for value in values:
        found.extend(value if type(value) is list else (value,))
    return found


def pluck(budget: Budget, values: Any, key: Any) -> list[Any]:
    """One field of every object in a list; null where it is missing."""
    want_text("pluck", key)
    budget.items(len(want_list("pluck", values)))
    budget.step(1 + len(values) // 8)
    return [_field("pluck", value, key) for value in values]


def slice_(budget: Budget, value: Any, start: Any, stop: Any = None) -> Any:
    """The part of a text or list from start up to but not including stop."""
    return cut(value, start, stop, budget)
