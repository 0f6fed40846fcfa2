"""What makes two failures the same one: workflow, node, code, and the message without what differs from run to run."""

import re
from hashlib import sha256

MAX_MESSAGE = 4_000
"""Characters of a message that are looked at."""

# One pass, the first alternative that fits: an address before the quotes and numbers in it, an id before its digits.
_VARIABLE = re.compile(
    r"""
      (?P<url>    [A-Za-z][A-Za-z0-9+.\-]{1,20}://[^\s"'<>]+ )
    | (?P<text>   "[^"\n]{0,1000}" | `[^`\n]{0,1000}` | (?<![^\W_])'[^'\n]{0,1000}'(?![^\W_]) )
    | (?P<id>     (?<![^\W_]) (?: [a-z]{2,8}-[0-9a-hjkmnp-tv-z]{26} | [0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12} ) (?![^\W_]) )
    | (?P<number> (?<![^\W_]) (?: 0[xX][0-9A-Fa-f]+ | (?=[A-Fa-f]*[0-9]) [0-9A-Fa-f]{8,} ) (?![^\W_]) | \d+ (?: [.,:]\d+ )* )
    """,
    re.VERBOSE,
)
_SPACES = re.compile(r"\s+")


def normalise(message: str) -> str:
    """The message with `<url>`, `<text>` (quoted), `<id>` and `<number>` (hexadecimal too) in the place of such parts.

    Spaces are folded; what is behind the first 4,000 characters is left out. Takes any text, in bounded time.
    """
    replaced = _VARIABLE.sub(lambda found: f"<{found.lastgroup}>", message[:MAX_MESSAGE])
    return _SPACES.sub(" ", replaced).strip()


def fingerprint(workflow_id: str, node: str, code: str, message: str) -> str:
    """16 hexadecimal digits: equal for failures of one node of one workflow with the same code and cause.

    `node` is empty for a run that failed as a whole. The item of a loop makes no difference.
    """
    parts = "\x00".join((workflow_id, node, code, normalise(message)))
    return sha256(parts.encode("utf-8", "replace")).hexdigest()[:16]
