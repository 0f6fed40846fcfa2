"""How a webhook is called from a shell: one line for bash, curl, and openssl where calls are signed. Pure.

No secret is in it: `$SECRET` stands for what the credential keeps.
"""

import re
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from shared.domain.triggers.webhook_auth import SECRET_HEADER

BODY = '{"hello": "world"}'
# After Standard Webhooks: what follows `whsec_` is the key in base64, else the text itself is.
_STANDARD_KEY = (
    'KEY=$(case "$SECRET" in (whsec_*) printf %s "${SECRET#whsec_}" | openssl base64 -d -A;; (*) printf %s "$SECRET";; esac'
    " | od -An -v -tx1 | tr -d ' \\n')"
)
_TEXT_KEY = '-hmac "$SECRET"'
_ENDINGS = {"hex": "-r | cut -d' ' -f1", "base64": "-binary | openssl base64 -A"}


def curl_line(url: str, methods: Sequence[str], authentication: Mapping[str, Any], credential_type: str | None) -> str:
    """The command. `credential_type`: that of the credential which `authentication` names, if it is there."""
    method = "POST" if "POST" in methods else methods[0]
    before, proof = _proof(authentication, credential_type)
    text = "" if method == "GET" else quote(BODY)
    if authentication["type"] == "hmac":
        # What is signed and what is sent must be the same bytes.
        before, text = [f"BODY={text}", *before], text and '"$BODY"'
    sent = ["-H 'Content-Type: application/json'", "--data-raw", text] if text else []
    return "; ".join([*before, " ".join(["curl", "-X", method, quote(url), *proof, *sent])])


def variables(authentication: Mapping[str, Any], credential_type: str | None) -> str:
    """What has to be set first, in words; empty where nothing has to."""
    match authentication["type"]:
        case "none":
            return ""
        case "basic":
            return "Set LOGIN and SECRET to the user name and the password of the credential first."
        case "secret" if not authentication["header"] and credential_type == "http.header":
            return "Set HEADER and SECRET to the header and the value of the credential first."
    return "Set SECRET to the secret of the credential first."


def _proof(way: Mapping[str, Any], credential_type: str | None) -> tuple[list[str], list[str]]:
    """Commands before, and arguments of curl, that prove who calls."""
    match way["type"]:
        case "secret":
            own = "$HEADER" if credential_type == "http.header" else SECRET_HEADER
            return [], [f'-H "{_inside(way["header"]) if way["header"] else own}: $SECRET"']
        case "basic":
            return [], ['-u "$LOGIN:$SECRET"']
        case "hmac":
            return _SIGNERS[way["preset"]](way)
    return [], []


def _own(way: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    header = _header(way["header"], f"{_inside(way['prefix'])}$SIGNATURE")
    if way["timestampHeader"] is None:
        return [_sign("$BODY", way["algorithm"], way["encoding"])], [header]
    sign = _sign("$AT.$BODY", way["algorithm"], way["encoding"])
    return ["AT=$(date +%s)", sign], [_header(way["timestampHeader"], "$AT"), header]


def _github(_way: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    return [_sign("$BODY")], [_header("X-Hub-Signature-256", "sha256=$SIGNATURE")]


def _stripe(_way: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    return ["AT=$(date +%s)", _sign("$AT.$BODY")], [_header("Stripe-Signature", "t=$AT,v1=$SIGNATURE")]


def _slack(_way: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    headers = [_header("X-Slack-Request-Timestamp", "$AT"), _header("X-Slack-Signature", "v0=$SIGNATURE")]
    return ["AT=$(date +%s)", _sign("v0:$AT:$BODY")], headers


def _standard(_way: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    sign = _sign("$ID.$AT.$BODY", encoding="base64", key='-mac HMAC -macopt "hexkey:$KEY"')
    headers = [("webhook-id", "$ID"), ("webhook-timestamp", "$AT"), ("webhook-signature", "v1,$SIGNATURE")]
    before = ["AT=$(date +%s)", "ID=msg_$(openssl rand -hex 12)", _STANDARD_KEY, sign]
    return before, [_header(name, value) for name, value in headers]


_SIGNERS = {None: _own, "github": _github, "stripe": _stripe, "slack": _slack, "standard-webhooks": _standard}


def _sign(message: str, algorithm: str = "sha256", encoding: str = "hex", key: str = _TEXT_KEY) -> str:
    return f'SIGNATURE=$(printf %s "{message}" | openssl dgst -{algorithm} {key} {_ENDINGS[encoding]})'


def _header(name: str, value: str) -> str:
    return f'-H "{_inside(name)}: {value}"'


def _inside(text: str) -> str:
    """Text as it stands between double quotes of a shell, one that people type in too: there `!` stands for earlier commands."""
    return re.sub(r'([\\"$`])', r"\\\1", text).replace("!", "\"'!'\"")
