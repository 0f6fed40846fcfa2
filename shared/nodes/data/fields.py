"""Fields that many data nodes have."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from shared.domain.field_paths import MAX_LENGTH, parse_path


def _path(text: str) -> str:
    parse_path(text)
    return text


FieldPath = Annotated[str, Field(max_length=MAX_LENGTH), AfterValidator(_path)]
"""A path to a part of each item: `customer.address.city`; "" is the item itself."""

Items = Annotated[list[Any], Field(description="The list to work on, mostly an expression.")]
