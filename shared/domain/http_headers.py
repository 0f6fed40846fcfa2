"""Which headers the author of a workflow may put on an answer of this installation. Pure."""

import re

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e\xa0-\xff]*")
_LONGEST = 4_000
_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length")
)
# What would act on the pages of this installation, which have the same origin, or say something that the server says itself.
_OF_THE_ORIGIN = frozenset(
    (
        "set-cookie", "set-cookie2", "clear-site-data", "content-security-policy", "content-security-policy-report-only",
        "strict-transport-security", "x-frame-options", "x-content-type-options", "service-worker-allowed", "alt-svc",
        "cross-origin-opener-policy", "cross-origin-embedder-policy", "cross-origin-resource-policy", "permissions-policy",
        "origin-agent-cluster", "public-key-pins", "expect-ct", "nel", "report-to", "reporting-endpoints", "referrer-policy",
        "server", "date", "via", "authentication-info", "www-authenticate", "x-accel-redirect", "x-accel-buffering",
        "x-sendfile", "refresh", "link", "content-encoding",
    )
)  # fmt: skip
# Nothing else can be run, or style, a page of the same origin: its policy allows scripts and styles from here.
_ACTIVE = re.compile(r"(?i)(java|ecma|live|j)script|css|wasm|xslt")


def refused_header(name: str, value: str) -> str | None:
    """Why a header cannot be part of an answer, as a sentence's end; None if it can."""
    lower = name.lower()
    if HEADER_NAME.fullmatch(name) is None:
        return "a header's name is made of letters, digits and hyphens"
    if lower in _HOP_BY_HOP or lower.startswith("proxy-"):
        return "this header belongs to the connection and cannot be set: leave it out"
    if lower in _OF_THE_ORIGIN:
        return "this header would speak for the whole installation and cannot be set: leave it out"
    if len(value) > _LONGEST or _VALUE.fullmatch(value) is None:
        return f"a header's value is a line of at most {_LONGEST:,} printable characters of Latin-1"
    if lower == "content-type" and _ACTIVE.search(value):
        return (
            "scripts and styles cannot be answered, since pages of this installation could load them: use another type"
        )
    return None
