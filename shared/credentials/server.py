"""Fields that the credentials of servers share."""

import re
from ipaddress import IPv6Address
from typing import Annotated

from pydantic import AfterValidator, Field

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\.?")


def _host(text: str) -> str:
    """No lists, paths, options or local sockets: one name or address."""
    clean = text.strip().removeprefix("[").removesuffix("]")
    if not _NAME.fullmatch(clean):
        try:
            return str(IPv6Address(clean))
        except ValueError:
            raise ValueError("this must be the name or address of one host, without a scheme and a port") from None
    return clean


def _no_control(text: str) -> str:
    if any(character < " " or character == "\x7f" for character in text):
        raise ValueError("this contains a line break or control character: remove it")
    return text


Host = Annotated[str, AfterValidator(_host), Field(description="Name or address of the server.", max_length=253)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Line = Annotated[str, AfterValidator(_no_control), Field(max_length=500)]
"""Text without control characters."""
