"""Functions on text."""

from typing import Any

from shared.expr.budget import Budget
from shared.expr.errors import VALUE, ExpressionError
from shared.expr.kinds import want_list, want_text
from shared.expr.operators import contains as is_in
from shared.expr.render import to_text
from shared.expr.sizes import text_size, width

_SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())


def str_(budget: Budget, value: Any) -> str:
    """The value as text; lists and objects as compact JSON, null as empty text."""
    return to_text(value, budget)


def upper(budget: Budget, text: Any) -> str:
    """The text in capital letters."""
    return _change_case(budget, want_text("upper", text), "upper")


def lower(budget: Budget, text: Any) -> str:
    """The text in small letters."""
    return _change_case(budget, want_text("lower", text), "lower")


def _change_case(budget: Budget, text: str, case: str) -> str:
    # One letter can become three, and Python works on four bytes each.
    budget.charge(text_size(len(text), 1 if text.isascii() else 16))
    budget.step(1 + (len(text) >> 8))
    return text.upper() if case == "upper" else text.lower()


def trim(budget: Budget, text: Any) -> str:
    """The text without white space at both ends."""
    budget.scan(len(want_text("trim", text)))
    budget.charge(text_size(len(text), width(text)))
    return str(text.strip())


def split(budget: Budget, text: Any, separator: Any = None) -> list[str]:
    """The parts of the text between separators; by white space if there is no separator."""
    want_text("split", text)
    if separator is None:
        budget.scan(len(text) * 32)
        parts = sum(map(text.count, _SPACES)) + 1
    else:
        if not want_text("split", separator):
            raise ExpressionError(VALUE, "split() needs a separator that is not empty")
        for _ in range(2):
            budget.search(len(text), len(separator))
        parts = text.count(separator) + 1
    budget.items(parts, 16 + text_size(0))
    budget.charge(len(text) * width(text))
    return list(text.split(separator))


def join(budget: Budget, values: Any, separator: Any = "") -> str:
    """The values of a list as one text, with the separator between them."""
    want_text("join", separator)
    budget.items(len(want_list("join", values)))
    texts = []
    for value in values:
        budget.step()
        texts.append(to_text(value, budget))
    length = sum(map(len, texts)) + len(separator) * max(len(texts) - 1, 0)
    budget.charge(text_size(length, max(map(width, [separator, *texts]))))
    return str(separator.join(texts))


def replace(budget: Budget, text: Any, old: Any, new: Any) -> str:
    """The text with every `old` replaced by `new`."""
    for part in (text, old, new):
        want_text("replace", part)
    if not old:
        raise ExpressionError(VALUE, "replace() needs a text to look for that is not empty")
    for _ in range(2):
        budget.search(len(text), len(old))
    length = len(text) + text.count(old) * (len(new) - len(old))
    budget.charge(text_size(length, max(width(text), width(new))))
    return str(text.replace(old, new))


def contains(budget: Budget, container: Any, wanted: Any) -> bool:
    """Whether a text has a part, a list an item, an object a key."""
    return is_in(container, wanted, budget)


def startswith(budget: Budget, text: Any, start: Any) -> bool:
    """Whether the text begins with `start`."""
    budget.scan(len(want_text("startswith", start)))
    return want_text("startswith", text).startswith(start)


def endswith(budget: Budget, text: Any, end: Any) -> bool:
    """Whether the text ends with `end`."""
    budget.scan(len(want_text("endswith", end)))
    return want_text("endswith", text).endswith(end)
