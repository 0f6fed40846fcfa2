"""OAuth 2.0 client credentials (RFC 6749, 4.4): asks for an access token."""

import asyncio
from typing import Any, Protocol, runtime_checkable

from shared.domain.errors import InvalidValue, NodeError
from shared.domain.values import from_json
from shared.net.caller import Caller
from shared.net.calls import Call
from shared.net.exchange import Answer, follow
from shared.net.statuses import Accepted, StatusError, not_2xx
from shared.net.tokens import Token

TOKEN_FAILED = "TOKEN_FAILED"  # noqa: S105 - an error code
TOKEN_TIMEOUT_S = 30.0
_MAX_BYTES = 100_000
_MAX_TOKEN = 16_384
_USUAL_LIFE_S = 3_600.0
_LONGEST_LIFE_S = 86_400.0


@runtime_checkable
class TokenFields(Protocol):
    """Fields of a credential that an access token is asked for with."""

    def token_call(self) -> Call:
        """The request for a token."""


async def fetch_token(caller: Caller, fields: TokenFields) -> Token:
    """A new token. At most 30 s and 100 KB; redirects are refused.

    Raises NodeError TOKEN_FAILED, and those of the network; no secret is in their text.
    """
    call = fields.token_call()
    try:
        async with asyncio.timeout(TOKEN_TIMEOUT_S):
            return _token(await follow(caller, call, Accepted(_MAX_BYTES, fails=not_2xx)))
    except TimeoutError:
        message = f"{call.host} gave no access token within {TOKEN_TIMEOUT_S:.0f} s."
        raise NodeError(TOKEN_FAILED, message, retryable=True) from None
    except StatusError as error:
        message = f"{call.host} gave no access token: {error.message}"
        raise NodeError(TOKEN_FAILED, message, retryable=error.retryable, retry_after_s=error.retry_after_s) from None


def _token(answer: Answer) -> Token:
    value = _object(answer)
    text, kind = value.get("access_token"), value.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _no_token(answer, "its type of token is not Bearer")
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_TOKEN or not text.isascii() or not text.isprintable():
        raise _no_token(answer, "there is no usable `access_token` in its answer")
    return Token(text, _life_s(value.get("expires_in")))


def _object(answer: Answer) -> dict[str, Any]:
    try:
        value = from_json(answer.body)
    except InvalidValue:
        value = None
    if not isinstance(value, dict):
        raise _no_token(answer, "its answer is not a JSON object")
    return value


def _life_s(expires_in: Any) -> float:
    """Some servers write the number as text, some leave it out."""
    text = str(expires_in)
    seconds = float(text[:9]) if text.isdecimal() else _USUAL_LIFE_S
    return min(seconds, _LONGEST_LIFE_S)


def _no_token(answer: Answer, why: str) -> NodeError:
    return NodeError(TOKEN_FAILED, f"{answer.call.host} gave no access token: {why}. Is it the token URL?")
