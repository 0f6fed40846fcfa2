"""What pydantic finds wrong with a value, in our words: what to do. Pure.

A sentence begins small and has no full stop, as those of the compiler; `sentence` makes one of it that stands alone.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from shared.domain.fields import kind
from shared.domain.labels import many_of
from shared.domain.unions import NONE_FITS, said_once

_MAX_ECHO = 40
_MAX_NAME = 64
_MOST = 1_000
_NUMBERS = ("", "one", "two", "three")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_INSTANCES = {"Decimal": "a number", "Path": "the path of a file"}

_Context = Mapping[str, Any]

WRONG_KIND = {
    "string_type": "text",
    "string_sub_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "mapping_type": "an object",
    "none_required": "null",
    "path_type": "the path of a file",
    "uuid_type": "a UUID",
    "uuid_parsing": "a UUID",
    "datetime_type": "a moment such as 2026-05-31T09:30:00Z",
    "datetime_parsing": "a moment such as 2026-05-31T09:30:00Z",
    "datetime_from_date_parsing": "a moment such as 2026-05-31T09:30:00Z",
}
"""Error types that say what a value must be."""

OTHER: Mapping[str, Callable[[_Context], str]] = {
    "missing": lambda _: "this field is required",
    "extra_forbidden": lambda _: "unknown field: take it out",
    "literal_error": lambda ctx: f"this must be {_QUOTED.sub(_in_code, str(ctx['expected']))}",
    "greater_than": lambda ctx: f"this must be more than {_number(ctx['gt'])}",
    "greater_than_equal": lambda ctx: f"this must be at least {_number(ctx['ge'])}",
    "less_than": lambda ctx: f"this must be less than {_number(ctx['lt'])}",
    "less_than_equal": lambda ctx: f"this must be at most {_number(ctx['le'])}",
    "finite_number": lambda _: "this must be a finite number",
    "int_parsing_size": lambda _: "this number has too many digits",
    "string_too_short": lambda ctx: f"give at least {_count(ctx['min_length'], 'character')}",
    "string_too_long": lambda ctx: f"give at most {_count(ctx['max_length'], 'character')}",
    "string_pattern_mismatch": lambda ctx: f"this must match the pattern {ctx['pattern']}",
    "string_unicode": lambda _: "this must be text in UTF-8",
    "too_short": lambda ctx: f"give at least {_count(ctx['min_length'], _thing(ctx))}",
    "too_long": lambda ctx: f"give at most {_count(ctx['max_length'], _thing(ctx))}",
    "decimal_max_digits": lambda ctx: f"this must have at most {_count(ctx['max_digits'], 'digit')}",
    "decimal_max_places": lambda ctx: f"this must have at most {_count(ctx['decimal_places'], 'decimal place')}",
    "decimal_whole_digits": lambda ctx: (
        f"this must have at most {_count(ctx['whole_digits'], 'digit')} before the decimal point"
    ),
    "is_instance_of": lambda ctx: f"this must be {_INSTANCES.get(ctx['class'], 'of another type')}",
}
"""The others, with what pydantic gives of the rule that was broken."""

_OURS = ("value_error", "assertion_error")


def phrase(error: Mapping[str, Any], *, echo: bool = False) -> str:
    """One of `ValidationError.errors()` as a part of a sentence; pydantic's own words for a type that is not known.

    What has the wrong type is named (`not text`) where `input` is there. With `echo` a short text or number is shown
    itself: not for secrets, nor for what a run is given.
    """
    type_, context = error["type"], error.get("ctx", {})
    if wanted := _wanted(type_, context):
        return f"this must be {wanted}{_instead(error, wanted, echo=echo)}"
    if type_ in OTHER:
        return OTHER[type_](context)
    text = str(context["error"]) if type_ in _OURS and "error" in context else str(error["msg"])
    return text.rstrip(".")


def sentence(error: Mapping[str, Any], *, echo: bool = False) -> str:
    """As `phrase`, with a capital and a full stop."""
    text = phrase(error, echo=echo)
    return f"{text[:1].upper()}{text[1:]}."


def all_problems(error: ValidationError) -> list[Mapping[str, Any]]:
    """The errors, for `phrase`: one for each place. The first thousand of them: nobody reads more."""
    return said_once([dict(each) for each in error.errors(include_url=False)[:_MOST]])


def first_problem(error: ValidationError) -> str:
    """`name: phrase` of the first thing that is wrong, without the value."""
    first = all_problems(error)[0]
    place = path_of(first["loc"])
    return f"{place}: {phrase(first)}" if place else phrase(first)


def path_of(place: tuple[int | str, ...]) -> str:
    """`lines[0].price`, of where pydantic says that an error is; long names are cut."""
    path = ""
    for part in place:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f"{'.' if path else ''}{part[:_MAX_NAME]}"
    return path


def _wanted(type_: str, context: _Context) -> str:
    """What the value must be instead; empty where it is another rule that was broken."""
    if type_ != NONE_FITS:
        return WRONG_KIND.get(type_, "")
    kinds = list(dict.fromkeys(WRONG_KIND.get(each, "another value") for each in context["types"]))
    return f"{', '.join(kinds[:-1])} or {kinds[-1]}" if len(kinds) > 1 else kinds[0]


def _instead(error: Mapping[str, Any], wanted: str, *, echo: bool) -> str:
    if "input" not in error:
        return ""
    value = error["input"]
    if echo and isinstance(value, str | int | float) and not isinstance(value, bool):
        shown = f'"{value}"' if isinstance(value, str) else str(value)
        if len(shown) <= _MAX_ECHO and shown.isprintable():
            return f"; it is {shown}"
    return f", not {kind(value)}" if _says_more(wanted, value) else ""


def _says_more(wanted: str, value: Any) -> bool:
    """Whether the kind of a value explains it: `a whole number, not a number` would not."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    known = value is None or isinstance(value, bool | int | float | str | list | dict)
    return known and not (number and "number" in wanted)


def _thing(context: _Context) -> str:
    """Of what there are too few or too many. Pydantic counts the characters of a secret as items of a `Value`."""
    return {"Value": "character", "Dictionary": "entry"}.get(context["field_type"], "item")


def _count(number: int, thing: str) -> str:
    many = thing if number == 1 else many_of(thing)
    return f"{_NUMBERS[number] if 0 < number < len(_NUMBERS) else f'{number:,}'} {many}"


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _in_code(found: re.Match[str]) -> str:
    return f"`{found[1] if found[1] is not None else found[2]}`"
