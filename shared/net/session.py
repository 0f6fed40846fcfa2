"""Requests with a credential: bound to its hosts, with a token that is kept, and a new one where that is refused."""

import hashlib
from dataclasses import dataclass

from shared.credentials.base import CREDENTIAL_CODES, Credential
from shared.domain.errors import NodeError
from shared.net.authorise import Authorises, with_header
from shared.net.caller import Caller
from shared.net.calls import Call
from shared.net.exchange import Answer, follow
from shared.net.oauth import TOKEN_FAILED, TokenFields, fetch_token
from shared.net.statuses import Accepted, StatusError
from shared.net.tokens import Token

AUTHORISE_CODES = CREDENTIAL_CODES | {
    TOKEN_FAILED: "The authorization server gave no access token; its answer says why.",
}
"""What requests with credentials may raise besides the codes of the network."""
UNAUTHORIZED = 401
_PART = b"\0"


@dataclass(frozen=True, slots=True)
class Session:
    """For the requests of one step or one test."""

    caller: Caller
    accepted: Accepted
    secret: Credential | None = None

    async def send(self, call: Call) -> Answer:
        """Send a request with the credential, if there is one, and follow redirects; see `follow`."""
        if self.secret is None:
            return await follow(self.caller, call, self.accepted)
        self.secret.check_host(call.host)
        fields = self.secret.fields
        if isinstance(fields, TokenFields):
            return await self._send_with_token(call, fields)
        if isinstance(fields, Authorises):
            return await follow(self.caller, fields.authorise(call), self.accepted)
        raise NodeError("INVALID_PARAMS", f"A credential of type {self.secret.type} does not fit HTTP requests.")

    async def _send_with_token(self, call: Call, fields: TokenFields) -> Answer:
        token, kept = await self._token(fields)
        try:
            answer = await self._send_bearing(call, token)
            refused = answer.status == UNAUTHORIZED and answer.call.headers.get("authorization") is not None
        except StatusError as error:
            refused = error.status == UNAUTHORIZED and error.call.headers.get("authorization") is not None
            if not (refused and kept):
                raise
        if not (refused and kept):
            return answer
        # The server may have forgotten a token before its time; one that is new and refused is no use asking for again.
        token, _ = await self._token(fields, refused=token)
        return await self._send_bearing(call, token)

    async def _send_bearing(self, call: Call, token: str) -> Answer:
        return await follow(self.caller, with_header(call, "authorization", f"Bearer {token}", token), self.accepted)

    async def _token(self, fields: TokenFields, refused: str | None = None) -> tuple[str, bool]:
        if self.secret is not None:
            self.secret.check_host(fields.token_call().host)

        async def fetch() -> Token:
            return await fetch_token(self.caller, fields)

        token, kept = await self.caller.http.tokens.get(self._key(fields), fetch, refused)
        # No field of the credential: nothing else knows that it is a secret, and an API may send it back.
        self.caller.mask(token)
        return token, kept

    def _key(self, fields: TokenFields) -> str:
        """The same credential with other fields has other tokens."""
        call, id = fields.token_call(), self.secret.id if self.secret else ""
        parts = [str(call.url).encode(), *sorted(call.headers.values()), call.content or b""]
        return f"{id}:{hashlib.sha256(_PART.join(parts)).hexdigest()}"
