"""Mail addresses as people write them, checked so that nothing else gets into a header or onto the wire. Pure."""

import re
from email.headerregistry import Address
from typing import Annotated, Any

from pydantic import PlainValidator

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LITERAL = re.compile(r"\[(\d{1,3}(\.\d{1,3}){3}|IPv6:[0-9A-Fa-f:.]{2,45})\]")
_MAX_TEXT = 40_000
_MAX_NAME = 200


def parse_address(text: str) -> Address:
    """One address, `ann@example.com` or `Ann <ann@example.com>`; an international domain is turned into ASCII.

    Raises ValueError; the text is not echoed.
    """
    text = text.strip()
    name, spec = "", text
    if text.endswith(">"):
        name, _, spec = text[:-1].rpartition("<")
    local, _, domain = spec.strip().rpartition("@")
    if not _LOCAL.fullmatch(local) or len(local) > 64:
        raise ValueError("this must be an e-mail address, such as ann@example.com or Ann <ann@example.com>")
    return Address(_name(name.strip()), local, _domain(domain))


def parse_addresses(text: str) -> list[Address]:
    """Addresses parted by commas, semicolons or line ends; empty ones are passed over. Raises ValueError."""
    if len(text) > _MAX_TEXT:
        raise ValueError(f"there are more than {_MAX_TEXT:,} characters of addresses: send several mails")
    return [parse_address(part) for part in _parts(text) if part.strip()]


def _parts(text: str) -> list[str]:
    parts, quoted, escaped = [""], False, False
    for character in text:
        if character in ",;\r\n" and not quoted:
            parts.append("")
            continue
        quoted ^= character == '"' and not escaped
        escaped = character == "\\" and quoted and not escaped
        parts[-1] += character
    return parts


def _name(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    if len(text) > _MAX_NAME or not text.isprintable():
        raise ValueError("the name beside an e-mail address is too long, or contains a line break or control character")
    return text


def _domain(text: str) -> str:
    if _LITERAL.fullmatch(text):
        return text
    try:
        domain = text.encode("idna").decode() if not text.isascii() else text
    except UnicodeError:
        domain = ""
    labels = domain.split(".")
    if len(domain) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("the part of an e-mail address after the @ must be a domain, such as example.com")
    return domain


def _one(value: Any) -> Address | None:
    if value is None or isinstance(value, str):
        return parse_address(value) if value and value.strip() else None
    raise ValueError("this must be an e-mail address")


def _several(value: Any) -> list[Address]:
    if value is None or isinstance(value, str):
        return parse_addresses(value or "")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [parse_address(item) for item in value if item.strip()]
    raise ValueError('this must be a list of e-mail addresses, or text such as "ann@example.com, bob@example.com"')


OneAddress = Annotated[Address | None, PlainValidator(_one, json_schema_input_type=str | None)]
Addresses = Annotated[list[Address], PlainValidator(_several, json_schema_input_type=str | list[str] | None)]
