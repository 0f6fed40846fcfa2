"""From the bytes of a call to a JSON value: JSON, forms, text; what is none of them is a file."""

from io import BytesIO
from typing import Any

from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from services.api.callback_body import FORMS, MAX_PARTS, TOO_MANY_PARTS, URLENCODED, fields_of, has_too_many_parts
from services.api.hooks.refused import Refused
from shared.domain.errors import InvalidValue
from shared.domain.values import from_json
from shared.net.bodies import body_value, file_value


def value_of(raw: bytes, content_type: str) -> Any:
    """What the body says by its content type; None for an empty one. A file is `{"base64", "contentType", "bytes", "name"?}`.

    Raises Refused 400 for JSON and forms that cannot be read.
    """
    mimetype, options = parse_options_header(content_type)
    mimetype = mimetype.lower()
    if not raw:
        return None
    if mimetype == "application/json" or mimetype.endswith("+json"):
        return _json(raw)
    if mimetype in FORMS:
        return _form(raw, mimetype, options)
    return body_value(raw, content_type)


def _json(raw: bytes) -> Any:
    if not raw.strip():
        return None
    try:
        return from_json(raw)
    except InvalidValue as error:
        raise Refused(400, "malformed-json", "Malformed JSON", str(error)) from None


def _form(raw: bytes, mimetype: str, options: dict[str, str]) -> dict[str, Any]:
    """Fields and files by name; a list where a name came several times."""
    if mimetype == URLENCODED and has_too_many_parts(raw):
        raise Refused(413, *TOO_MANY_PARTS)
    # All of it is in memory already.
    parser = FormDataParser(_in_memory, silent=False, max_form_parts=MAX_PARTS)
    try:
        _, form, files = parser.parse(BytesIO(raw), mimetype, len(raw), options)
    except RequestEntityTooLarge:
        raise Refused(413, *TOO_MANY_PARTS) from None
    except ValueError:
        raise Refused(
            400, "malformed-form", "Malformed form", "The form cannot be read: is its boundary right?"
        ) from None
    found = fields_of(form)
    for name, sent in files.lists():
        before = found.get(name, [])
        values = [*(before if isinstance(before, list) else [before]), *map(_sent_file, sent)]
        found[name] = values[0] if len(values) == 1 else values
    return found


def _in_memory(*_size_and_type: Any, **_named: Any) -> BytesIO:
    return BytesIO()


def _sent_file(sent: FileStorage) -> dict[str, Any]:
    return file_value(sent.stream.read(), sent.mimetype, sent.filename)
