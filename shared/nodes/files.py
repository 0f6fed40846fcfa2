"""Files as JSON values, `{"base64", "contentType", "bytes", "name"?}`: what nodes give out and take in."""

import base64
import binascii
import re
from functools import cached_property
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from shared.domain.sentences import first_problem
from shared.domain.written import Written
from shared.net.bodies import MEDIA_TYPE, file_value

__all__ = ["FileValue", "file_value", "is_file", "read_file"]

UNKNOWN_TYPE = "application/octet-stream"
MAX_NAME = 255
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f/\\]")
_SPACE = re.compile(r"\s+")


class FileValue(Written):
    """A file that came as a parameter; `content` has its bytes. Whoever takes one limits its size."""

    base64: str = Field(description="The content in base64.")
    content_type: str = Field(UNKNOWN_TYPE, description="The media type, such as application/pdf.", max_length=200)
    size: int | None = Field(None, alias="bytes", description="How many bytes it has; checked if it is there.", ge=0)
    name: str | None = Field(None, description="The file's name, without folders.", min_length=1, max_length=MAX_NAME)

    @field_validator("content_type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        if value and not MEDIA_TYPE.fullmatch(value):
            raise ValueError("this must be a media type, such as application/pdf")
        return value or UNKNOWN_TYPE

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str | None) -> str | None:
        if value is not None and _NOT_IN_NAMES.search(value):
            raise ValueError("a file's name has no slashes, line breaks or control characters")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        try:
            length = len(self.content)
        except (binascii.Error, ValueError):
            raise ValueError("`base64` of a file is not valid base64: pass the value of an earlier step on") from None
        if self.size not in (None, length):
            raise ValueError(
                f"the file has {length:,} bytes, but `bytes` says {self.size:,}: leave it out or correct it"
            )
        return self

    @cached_property
    def content(self) -> bytes:
        """The bytes; line breaks in the base64 are passed over."""
        text = self.base64
        return base64.b64decode(_SPACE.sub("", text) if _SPACE.search(text) else text, validate=True)


def is_file(value: Any) -> bool:
    """Whether a JSON value is meant as a file: an object with `base64` and nothing that a file does not have."""
    return isinstance(value, dict) and "base64" in value and value.keys() <= {"base64", "contentType", "bytes", "name"}


def read_file(value: Any) -> FileValue:
    """The file that a JSON value is. Raises ValueError with one sentence, without the content."""
    try:
        return FileValue.model_validate(value)
    except ValidationError as error:
        raise ValueError(f"a file is {{base64, contentType, bytes, name}}: {first_problem(error)}") from None
