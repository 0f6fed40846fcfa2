"""Which headers a user may set. Pure."""

import re

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect"}
)


def header_name(name: str) -> str:
    """The name. Raises ValueError that says what is wrong with it."""
    if not _TOKEN.fullmatch(name):
        raise ValueError("a header's name is made of letters, digits and hyphens")
    if name.lower() in _OURS or name.lower().startswith("proxy-"):
        raise ValueError(f"the header {name} is set by Flowversal itself: leave it out")
    return name


def header_value(name: str, value: str) -> str:
    """The value. Raises ValueError that names the header; the value is not echoed."""
    if _CONTROL.search(value):
        raise ValueError(f"the value of the header {name} contains a line break or control character: remove it")
    return value
