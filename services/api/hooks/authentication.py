"""Whether a caller is who a webhook expects. A wrong one learns nothing but that; everything is compared in constant time."""

import time
from base64 import b64decode
from collections.abc import Mapping
from hmac import compare_digest
from typing import Any, NoReturn

from services.api.hooks.call import Call
from services.api.hooks.refused import Refused
from shared.credentials.base import Credential
from shared.domain.signatures import is_dated, proven, signature_headers
from shared.domain.triggers.webhook_auth import SECRET_HEADER

_NOBODY = "The credentials of this call are missing or wrong."


def secret_headers(authentication: Mapping[str, Any], credential: Credential | None) -> tuple[str, ...]:
    """The headers, in lower case, that prove who calls: nobody is to see them."""
    if authentication["type"] == "secret":
        return (_secret_header(authentication, credential),)
    return signature_headers(authentication) if authentication["type"] == "hmac" else ()


def check_headers(authentication: Mapping[str, Any], credential: Credential | None, call: Call) -> None:
    """Secret and basic authentication. Raises Refused 401."""
    kind = authentication["type"]
    if kind == "none":
        return
    if credential is None:
        _refuse("credential-missing")
    if kind == "secret":
        sent = call.headers.get(_secret_header(authentication, credential), "")
        _require(_same(sent, _secret_of(credential)))
    elif kind == "basic":
        _require(
            _is_basic(call.headers.get("authorization", ""), credential), {"WWW-Authenticate": 'Basic realm="webhook"'}
        )


def check_signature(
    authentication: Mapping[str, Any], credential: Credential | None, call: Call, body: bytes
) -> str | None:
    """HMAC. What no two calls have the same of, unless one was sent again: a dated signature. Raises Refused 401."""
    if authentication["type"] != "hmac":
        return None
    if credential is None:
        _refuse("credential-missing")
    try:
        found = proven(authentication, call.headers, body, _secret_of(credential), time.time())
    except ValueError:
        _refuse("credential-unfit")
    if found is None:
        _refuse("unauthorized")
    scheme, signature = found
    return f"{scheme} {signature.hex()}" if is_dated(authentication) else None


def _secret_header(authentication: Mapping[str, Any], credential: Credential | None) -> str:
    own = authentication["header"] or getattr(getattr(credential, "fields", None), "name", None)
    return str(own or SECRET_HEADER).lower()


def _secret_of(credential: Credential) -> str:
    """The secret of a credential of the type `hmac`, or the value of `http.header`."""
    found = getattr(credential.fields, "secret", None) or getattr(credential.fields, "value", None)
    if found is None:
        _refuse("credential-unfit")
    return str(found.get_secret_value())


def _is_basic(header: str, credential: Credential) -> bool:
    username, password = getattr(credential.fields, "username", None), getattr(credential.fields, "password", None)
    # A password may be empty where we are the caller; here a name alone would let everybody in.
    if username is None or password is None or not password.get_secret_value():
        _refuse("credential-unfit")
    scheme, _, encoded = header.partition(" ")
    try:
        sent = b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        return False
    return scheme.lower() == "basic" and _same(sent, f"{username}:{password.get_secret_value()}")


def _same(one: str, other: str) -> bool:
    # Headers are Latin-1 on the way, whatever bytes were meant.
    sent = one.encode("utf-8", "surrogateescape")
    return compare_digest(sent, other.encode()) or compare_digest(one.encode("latin-1", "replace"), other.encode())


def _require(right: bool, headers: dict[str, str] | None = None) -> None:  # noqa: FBT001 - a verdict
    if not right:
        _refuse("unauthorized", headers)


def _refuse(reason: str, headers: dict[str, str] | None = None) -> NoReturn:
    raise Refused(401, "unauthorized", "Not authenticated", _NOBODY, headers, reason=reason)
