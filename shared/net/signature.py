"""Signatures of webhooks after the Standard Webhooks specification. Pure."""

import base64
import hashlib
import hmac

from shared.domain.signatures import signing_key


def signed_headers(secret: str | None, id: str, at_s: int, body: bytes) -> dict[str, bytes]:
    """`webhook-id`, `webhook-timestamp` (seconds since the epoch), and with a secret `webhook-signature`.

    The signature is the base64 of HMAC-SHA256 over `id.timestamp.body`. Raises ValueError as `signing_key` does.
    """
    headers = {"webhook-id": id.encode(), "webhook-timestamp": str(at_s).encode()}
    if secret is None:
        return headers
    content = b".".join([id.encode(), str(at_s).encode(), body])
    digest = hmac.new(signing_key(secret), content, hashlib.sha256).digest()
    return headers | {"webhook-signature": b"v1," + base64.b64encode(digest)}
