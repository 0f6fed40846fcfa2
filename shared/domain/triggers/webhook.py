"""`webhook`: an address of this installation that starts the workflow when it is called."""

import re
from typing import Any

from shared.domain.fields import Fields, kind
from shared.domain.http_headers import HEADER_NAME, refused_header
from shared.domain.triggers.webhook_auth import read_authentication

TYPE = "webhook"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_BYTES = 16_000_000
MAX_WAIT_MS = 60_000
RESERVED = "callback"
"""The first segment of addresses that have another meaning."""
_LONGEST_PATH = 200
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._~-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._~-]*)*")
_PATH_RULE = (
    "segments of letters, digits and `-._~`, separated by single slashes, none of them beginning with a dot or `~`, such as "
    "`orders/paid`"
)
_MAX_BODY = 100_000


def read(fields: Fields) -> dict[str, Any]:
    """Everything that the ingress needs to know, checked and with the defaults filled in."""
    respond = fields.choice("respond", ("accepted", "workflow"))
    waited = fields.take("waitMs") is not None
    if waited and respond == "accepted":
        fields.refuse("waitMs", 'only `respond: "workflow"` waits: leave `waitMs` out, or choose that')
    return {
        "path": _path(fields),
        "methods": _methods(fields),
        "authentication": read_authentication(fields.object("authentication")),
        "maxBytes": fields.whole("maxBytes", 1_000_000, least=1, most=MAX_BYTES),
        "respond": respond,
        "waitMs": fields.whole("waitMs", 30_000, least=1_000, most=MAX_WAIT_MS) if waited else 30_000,
        "response": _response(fields, respond),
        "rate": _rate(fields),
        "deliveryHeader": _header(fields, "deliveryHeader"),
    }


def _path(fields: Fields) -> str | None:
    path = fields.text("path", most=_LONGEST_PATH)
    if not path:
        return None
    if _PATH.fullmatch(path) is None:
        fields.refuse("path", f"a path is made of {_PATH_RULE}")
    elif path.partition("/")[0] == RESERVED:
        fields.refuse(
            "path", f"paths that begin with `{RESERVED}` belong to the addresses of waiting steps: choose another"
        )
    else:
        return path
    return None


def _methods(fields: Fields) -> list[str]:
    methods = fields.take("methods")
    if methods is None:
        return ["POST"]
    if not isinstance(methods, list) or not methods or any(each not in METHODS for each in methods):
        fields.refuse(
            "methods", f"this must be a list of {', '.join(f'`{name}`' for name in METHODS)}, at least one of them"
        )
        return ["POST"]
    return [name for name in METHODS if name in methods]


def _rate(fields: Fields) -> dict[str, int] | None:
    if fields.value.get("rate") is None:
        fields.take("rate")
        return None
    rate = fields.object("rate")
    for name in ("max", "perMs"):
        if isinstance(fields.value["rate"], dict) and rate.value.get(name) is None:
            rate.refuse(name, f"`rate` needs `{name}`: how many calls are taken in how many milliseconds")
    found = {
        "max": rate.whole("max", 1, least=1, most=100_000),
        "perMs": rate.whole("perMs", 60_000, least=1_000, most=3_600_000),
    }
    rate.close("`rate`")
    return found


def _response(fields: Fields, respond: str) -> dict[str, Any] | None:
    """The fixed answer: `{"status", "headers", "body"}`, where one is given."""
    if fields.value.get("response") is None:
        fields.take("response")
        return None
    response = fields.object("response")
    if respond == "workflow":
        fields.refuse(
            "response", 'with `respond: "workflow"` the run answers, with a `webhook.respond` node: leave this out'
        )
    body = response.take("body")
    if isinstance(body, str) and len(body) > _MAX_BODY:
        response.refuse("body", f"this has {len(body):,} characters: at most {_MAX_BODY:,} are allowed")
    found = {
        "status": response.whole("status", 202, least=200, most=299),
        "headers": _headers(response),
        "body": body,
    }
    response.close("a response")
    return found


def _headers(response: Fields) -> dict[str, str]:
    headers = response.object("headers")
    for name, value in headers.value.items():
        why = refused_header(name, value) if isinstance(value, str) else f"this must be text, not {kind(value)}"
        if why:
            headers.refuse(name[:64], why)
    return {name: value for name, value in headers.value.items() if isinstance(value, str)}


def _header(fields: Fields, key: str) -> str | None:
    name = fields.text(key, most=100)
    if name and HEADER_NAME.fullmatch(name) is None:
        fields.refuse(key, "this must be the name of a header, such as `X-Delivery-Id`")
    return name or None
