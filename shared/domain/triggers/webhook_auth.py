"""How a webhook knows its callers, as the author wrote it. Pure."""

import re
from typing import Any

from shared import ids
from shared.domain.fields import Fields
from shared.domain.http_headers import HEADER_NAME

TYPES = ("none", "secret", "hmac", "basic")
CREDENTIAL_TYPES = {"secret": ("http.header", "hmac"), "hmac": ("hmac",), "basic": ("http.basic",)}
"""What the credential of each may be."""
PRESETS = ("github", "stripe", "standard-webhooks", "slack")
ALGORITHMS = ("sha256", "sha1", "sha512")
SECRET_HEADER = "X-Webhook-Secret"  # noqa: S105 - a name, not a secret
SIGNATURE_HEADER = "X-Webhook-Signature"
_TOLERANCE_MS = 300_000
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_OWN_WAY = ("header", "algorithm", "encoding", "prefix", "timestampHeader")


def read_authentication(fields: Fields) -> dict[str, Any]:
    """`{"type", "credential", …}`: what the type needs, with defaults. A missing object means `none`."""
    found: dict[str, Any] = {"type": fields.choice("type", TYPES)}
    if found["type"] != "none":
        found["credential"] = _credential(fields, found["type"])
    if found["type"] == "secret":
        found["header"] = _header(fields, "header")
    if found["type"] == "hmac":
        found |= _signature(fields)
    fields.close(f"an authentication of type `{found['type']}`")
    return found


def _credential(fields: Fields, chosen: str) -> str:
    credential = fields.text("credential")
    if ids.decode(ids.CREDENTIAL, credential) is None:
        needed = " or ".join(f"`{name}`" for name in CREDENTIAL_TYPES[chosen])
        fields.refuse("credential", f"`{chosen}` needs the id of a credential of the type {needed}, cred-…")
    return credential


def _signature(fields: Fields) -> dict[str, Any]:
    preset = fields.take("preset")
    if preset is not None and preset not in PRESETS:
        fields.refuse("preset", f"this must be one of {', '.join(f'`{name}`' for name in PRESETS)}")
        preset = None
    tolerance_ms = fields.whole("toleranceMs", _TOLERANCE_MS, least=1_000, most=86_400_000)
    if preset is not None:
        for name in _OWN_WAY:
            if fields.take(name) is not None:
                fields.refuse(name, f"the preset `{preset}` says this already: leave it out, or leave out `preset`")
        return {"preset": preset, "toleranceMs": tolerance_ms}
    stamped = _header(fields, "timestampHeader")
    if stamped is None and fields.value.get("toleranceMs") is not None:
        fields.refuse(
            "toleranceMs", "there is no `timestampHeader` whose time could be too old: add it, or leave this out"
        )
    return {
        "preset": None,
        "header": _header(fields, "header") or SIGNATURE_HEADER,
        "algorithm": fields.choice("algorithm", ALGORITHMS),
        "encoding": fields.choice("encoding", ("hex", "base64")),
        "prefix": _prefix(fields),
        "timestampHeader": stamped,
        "toleranceMs": tolerance_ms,
    }


def _prefix(fields: Fields) -> str:
    """What stands before a signature in its header."""
    prefix = fields.text("prefix", most=50)
    if _PRINTABLE.fullmatch(prefix) is None:
        fields.refuse("prefix", "this must be printable ASCII on one line, such as `sha256=`")
    return prefix


def _header(fields: Fields, key: str) -> str | None:
    name = fields.text(key, most=100)
    if name and HEADER_NAME.fullmatch(name) is None:
        fields.refuse(key, f"this must be the name of a header, such as `{SIGNATURE_HEADER}`")
    return name or None
