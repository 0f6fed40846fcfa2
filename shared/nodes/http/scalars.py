"""Values of headers, query parameters and form fields: JSON scalars, written as text."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from shared.net.header_rules import header_name, header_value


def scalar(value: Any) -> str | None:
    """A JSON scalar as text, null as it is. Raises ValueError for lists and objects."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    raise ValueError("this must be text, a number, true, false or null")


def scalars(value: Any) -> Any:
    """The same, and for each item of a list."""
    return [scalar(item) for item in value] if isinstance(value, list) else scalar(value)


def items(value: str | list[str | None] | None) -> list[str]:
    """What of it is sent, in order: nothing for null."""
    return [item for item in (value if isinstance(value, list) else [value]) if item is not None]


def _headers(headers: dict[str, str | None]) -> dict[str, str | None]:
    for name, value in headers.items():
        header_name(name)
        if value is not None:
            header_value(name, value)
    return headers


Scalar = Annotated[str | None, BeforeValidator(scalar, json_schema_input_type=str | float | bool | None)]
Scalars = Annotated[
    str | list[str | None] | None,
    BeforeValidator(scalars, json_schema_input_type=str | float | bool | list[str] | None),
]
Headers = Annotated[dict[str, Scalar], AfterValidator(_headers)]
