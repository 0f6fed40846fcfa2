"""Answers as the outputs of nodes."""

import asyncio
import re
from typing import Any, Literal
from urllib.parse import unquote

from shared.domain.errors import InvalidValue, NodeError
from shared.domain.masking import forms, longest_first, replaced
from shared.domain.values import from_json
from shared.net.bodies import INVALID_RESPONSE, body_text, body_value, file_value
from shared.net.exchange import Answer
from shared.nodes.files import MAX_NAME

ResponseType = Literal["auto", "json", "text", "file"]
# Parsing more than this would hold up every other step on the loop.
_PARSED_AT_ONCE = 1_000_000
_FILENAME = re.compile(r"filename\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;\s]+))", re.IGNORECASE)
_FILENAME_UTF8 = re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE)
_FOLDERS = re.compile(r"[/\\]")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_HEADER = 8_192


async def answer_body(answer: Answer, kind: ResponseType) -> Any:
    """The body as a JSON value. Raises NodeError INVALID_RESPONSE if it is not JSON but has to be."""
    if len(answer.body) <= _PARSED_AT_ONCE:
        return _body(answer, kind)
    return await asyncio.to_thread(_body, answer, kind)


def _body(answer: Answer, kind: ResponseType) -> Any:
    declared = answer.headers.get("content-type", "")
    if kind == "json":
        return _json(answer)
    if kind == "text":
        return body_text(answer.body, declared)
    if kind == "file":
        return file_value(answer.body, declared.partition(";")[0].strip().lower(), file_name(answer))
    return body_value(answer.body, declared)


def _json(answer: Answer) -> Any:
    if not answer.body:
        return None
    try:
        return from_json(answer.body.removeprefix(b"\xef\xbb\xbf"))
    except InvalidValue as error:
        text = f"The answer of {answer.call.host} cannot be read as JSON: {str(error)[:200]}"
        raise NodeError(INVALID_RESPONSE, text) from None


def file_name(answer: Answer) -> str | None:
    """The name that the server gives the file, else the last part of the path; never with folders."""
    told = answer.headers.get("content-disposition", "")[:_LONGEST_HEADER]
    if found := _FILENAME_UTF8.search(told):
        name = unquote(found.group(1))
    elif found := _FILENAME.search(told):
        name = (found.group(1) or found.group(2) or "").replace("\\", "")
    else:
        name = unquote(answer.call.url.path.rpartition("/")[2])
    name = _NOT_IN_NAMES.sub("", _FOLDERS.split(name)[-1])[:MAX_NAME]
    return None if name in ("", ".", "..") else name


def header_values(answer: Answer) -> dict[str, Any]:
    """Names in lower case, repeated ones joined by ", "; `set-cookie` is a list.

    Our secrets are masked: links and redirects repeat the query that they were asked with.
    """
    secret = longest_first(form for each in answer.call.secrets for form in forms(each))
    values: dict[str, list[str]] = {}
    for name, value in answer.headers.multi_items():
        values.setdefault(name, []).append(replaced(value, secret))
    return {name: found if name == "set-cookie" else ", ".join(found) for name, found in values.items()}
