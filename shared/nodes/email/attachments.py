"""What is attached to a mail: files of earlier outputs, or any value under a name. Pure."""

import mimetypes
from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError

from shared.domain.errors import InvalidValue
from shared.domain.sentences import first_problem
from shared.domain.values import to_json
from shared.domain.written import Written
from shared.nodes.files import MAX_NAME, UNKNOWN_TYPE, FileValue, is_file

MOST_ATTACHMENTS = 50
_NO_FILE = "this must be a file of an earlier step, or an object {name, content, contentType?}"


class _Named(Written):
    """A value under a name."""

    name: str = Field(min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f/\\]+$")
    content: Any
    content_type: str | None = Field(None, pattern=r"^[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}$")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part of a mail."""

    name: str
    content_type: str
    content: bytes = b""


def attachment_of(value: Any, place: int, max_bytes: int) -> Attachment:
    """An attachment from a file value, or from `{name, content, contentType?}` where `content` is a file, text or any JSON.

    `place` (from 1) names a file that has no name. Raises ValueError.
    """
    try:
        if is_file(value):
            return _of_file(value, None, None, place)
        if isinstance(value, dict) and "content" in value:
            return _of_named(_Named.model_validate(value), place, max_bytes)
    except ValidationError as failure:
        raise ValueError(first_problem(failure)) from None
    raise ValueError(_NO_FILE)


def _of_named(named: _Named, place: int, max_bytes: int) -> Attachment:
    content = named.content
    if is_file(content):
        return _of_file(content, named.name, named.content_type, place)
    guessed = named.content_type or mimetypes.guess_type(named.name)[0]
    if isinstance(content, str):
        return Attachment(named.name, guessed or "text/plain", content.encode("utf-8", "replace"))
    try:
        return Attachment(named.name, guessed or "application/json", to_json(content, max_bytes=max_bytes))
    except InvalidValue as error:
        raise ValueError(f"content: {error}") from None


def _of_file(value: dict[str, Any], name: str | None, content_type: str | None, place: int) -> Attachment:
    file = FileValue.model_validate(value)
    kind = (content_type or file.content_type).partition(";")[0].strip().lower()
    extension = mimetypes.guess_extension(kind) or ""
    return Attachment(name or file.name or f"attachment-{place}{extension}", kind or UNKNOWN_TYPE, file.content)
