"""JSON values in and out of storage: what Postgres cannot hold is refused, what it can is kept exactly.

The fast path is one orjson call and two searches in its bytes; the slow walk runs only where those raise a suspicion.
"""

import json
from typing import Any

import orjson

from shared.domain.errors import InvalidValue, TooLarge

MAX_INT_DIGITS = 1_000
_INT_LIMIT = 10**MAX_INT_DIGITS
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
# 18 digits always fit in 64 bits; longer ones may not, and orjson would read them as floats.
_ARRAYS = (list, tuple)
_CONTAINERS = (dict, list, tuple)
_PLAIN = frozenset({str, int, bool, type(None)})
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19


def to_json(value: Any, *, max_bytes: int, max_depth: int = 100) -> bytes:
    """Compact UTF-8 JSON of `value`; integers of up to 1000 digits are written exactly, tuples become arrays.

    Raises InvalidValue, with the path to the offending part, for NUL characters, lone surrogates, NaN and infinity,
    keys that are not text, other types, more than `max_depth` levels; TooLarge for more than `max_bytes` bytes.
    """
    try:
        raw = orjson.dumps(value, option=_OPTIONS)
    except (TypeError, RecursionError) as error:
        raw = _dump_exactly(value, max_depth, error)
    # orjson writes NaN as null without a word; a NUL character is always the escape \u0000.
    if (b"null" in raw and _has_odd_float(value)) or b"\\u0000" in raw:
        _refuse_invalid(value, "", max_depth)
    if len(raw) > max_bytes:
        raise TooLarge(
            "",
            f"The value takes {len(raw):,} bytes as JSON, the limit is {max_bytes:,}: keep only the parts you need, "
            "or fetch less",
        )
    if len(raw) >= 2 * max_depth and raw.count(b"[") + raw.count(b"{") > max_depth:
        _refuse_depth(value, max_depth)
    return raw


def from_json(raw: bytes | str) -> Any:
    """The value of a JSON text, integers exact at any length. Raises InvalidValue for anything that is not JSON."""
    text = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
    try:
        if _LONG_NUMBER not in text.translate(_DIGITS_TO_ZERO):
            return orjson.loads(text)
        return json.loads(text.decode(), parse_constant=_refuse_constant, parse_float=_parse_float)
    except (ValueError, RecursionError) as error:
        raise InvalidValue("", f"Not valid JSON: {error}") from None


def _has_odd_float(value: Any) -> bool:
    """Whether there is a NaN or an infinity in a value that orjson has written."""
    if isinstance(value, float):
        return value - value != 0
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, _ARRAYS):
        return False
    # A plain loop: any() with a generator takes twice as long for the small values that are most common.
    for child in value:  # noqa: SIM110
        if type(child) not in _PLAIN and _has_odd_float(child):
            return True
    return False


def _refuse_constant(name: str) -> Any:
    raise InvalidValue("", f"Not valid JSON: {name} is not a JSON number")


def _parse_float(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise InvalidValue("", f"Not valid JSON: {text[:40]} is too large for a number")
    return value


def _dump_exactly(value: Any, max_depth: int, error: Exception) -> bytes:
    """JSON of a value that orjson refuses: exact when the only reason is a long integer."""
    _refuse_invalid(value, "", max_depth)
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidValue("", f"The value cannot be written as JSON: {error}") from None


def _refuse_depth(value: Any, max_depth: int) -> None:
    level = [value]
    for _ in range(max_depth):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, _CONTAINERS)
        ]
        if not level:
            return
    raise InvalidValue("", _too_deep(max_depth))


def _too_deep(max_depth: int) -> str:
    return f"The value is nested deeper than {max_depth} levels: make it flatter"


def _refuse_invalid(value: Any, path: str, levels: int) -> None:
    """Walk the whole value; raises InvalidValue at the first part that cannot be stored."""
    if value is None or value is True or value is False:
        return
    if isinstance(value, str):
        _refuse_text(value, path)
    elif isinstance(value, int):
        if not -_INT_LIMIT < value < _INT_LIMIT:
            raise InvalidValue(path, f"An integer of more than {MAX_INT_DIGITS} digits: send it as text")
    elif isinstance(value, float):
        if value - value != 0:
            raise InvalidValue(path, "NaN and infinity are not JSON: use null or text instead")
    elif isinstance(value, _CONTAINERS):
        if levels <= 0:
            # The full path of a very deep value helps nobody.
            raise InvalidValue("", "The value is nested too deep, or contains itself: make it flatter")
        _refuse_in_container(value, path, levels - 1)
    else:
        raise InvalidValue(path, f"A {type(value).__name__} is not a JSON value: convert it to text or a number first")


def _refuse_in_container(value: dict[Any, Any] | list[Any] | tuple[Any, ...], path: str, levels: int) -> None:
    if not isinstance(value, dict):
        for index, child in enumerate(value):
            _refuse_invalid(child, f"{path}[{index}]", levels)
        return
    for key, child in value.items():
        if not isinstance(key, str):
            raise InvalidValue(path, f"The key {str(key)[:40]!r} is not text: JSON objects have text keys only")
        _refuse_text(key, path)
        _refuse_invalid(child, f"{path}.{key}" if path else key, levels)


def _refuse_text(text: str, path: str) -> None:
    if "\x00" in text:
        raise InvalidValue(path, "Text with a NUL character cannot be stored: remove it, or encode the text as base64")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidValue(
                path, "Text with a lone surrogate is not valid Unicode: decode it properly, or encode it as base64"
            ) from None
