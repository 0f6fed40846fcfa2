"""`oauth2.client`: access tokens by the OAuth 2.0 client credentials grant."""

import base64
from typing import Literal
from urllib.parse import quote_plus, urlencode

from pydantic import Field, SecretStr, field_validator

from shared.credentials.base import CredentialType, Fields
from shared.credentials.probe import MAX_SECRET, TEST_TIMEOUT_S, WebAddress
from shared.net.caller import Unrecorded
from shared.net.calls import Call, parse_url
from shared.net.deadline import within
from shared.net.network import Network
from shared.net.oauth import fetch_token

_OURS = frozenset({"grant_type", "client_id", "client_secret", "scope", "audience"})


class OAuth2ClientFields(Fields):
    """What the authorization server needs to give a token (RFC 6749, 4.4)."""

    token_url: WebAddress = Field(description="Where tokens are asked for, such as https://login.example.com/token.")
    client_id: str = Field(description="The client's id.", min_length=1, max_length=1_000)
    client_secret: SecretStr = Field(description="The client's secret.", min_length=1, max_length=MAX_SECRET)
    scope: str | None = Field(None, description="Scopes, parted by spaces.", max_length=4_000)
    audience: str | None = Field(None, description="The API that the token is for, where the server asks for one.")
    authentication: Literal["header", "body"] = Field(
        "header", description="How id and secret are sent: as basic authentication, or as fields of the form."
    )
    parameters: dict[str, str] = Field(
        default_factory=dict, description="Further fields of the form, such as resource.", max_length=20
    )

    @field_validator("parameters")
    @classmethod
    def _further(cls, value: dict[str, str]) -> dict[str, str]:
        if taken := _OURS & value.keys():
            raise ValueError(f"`{min(taken)}` has a field of its own or is set by Flowversal: leave it out here")
        return value

    def token_call(self) -> Call:
        """The request for a token."""
        secret = self.client_secret.get_secret_value()
        form = {"grant_type": "client_credentials"} | self.parameters
        form |= {name: text for name, text in (("scope", self.scope), ("audience", self.audience)) if text}
        headers = {"accept": b"application/json", "content-type": b"application/x-www-form-urlencoded"}
        if self.authentication == "body":
            form |= {"client_id": self.client_id, "client_secret": secret}
        else:
            pair = f"{quote_plus(self.client_id)}:{quote_plus(secret)}".encode()
            headers["authorization"] = b"Basic " + base64.b64encode(pair)
        return Call("POST", parse_url(self.token_url), headers, urlencode(form).encode(), secrets=(secret,))


class OAuth2Client(CredentialType):
    """Id and secret of a client; the access tokens are asked for when they are needed, and kept until they end."""

    type = "oauth2.client"
    label = "OAuth 2.0 (client credentials)"
    help = "Asks an authorization server for access tokens, and sends them with every request."
    icon = "key"
    fields = OAuth2ClientFields
    goes_anywhere = True
    testable = True

    async def test(self, network: Network, fields: OAuth2ClientFields) -> str:
        """Ask for a token; it is not kept."""
        host = parse_url(fields.token_url).host
        async with within(TEST_TIMEOUT_S, host):
            token = await fetch_token(Unrecorded(network.http), fields)
        return f"{host} gave an access token that is good for {token.lives_s:,.0f} s."
