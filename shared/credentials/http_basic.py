"""`http.basic`: user name and password for HTTP."""

import base64

from pydantic import Field, SecretStr

from shared.credentials.base import CredentialType, Fields
from shared.credentials.probe import MAX_SECRET, TEST_URL, TestUrl, probe
from shared.net.authorise import with_header
from shared.net.calls import Call
from shared.net.network import Network


class BasicFields(Fields):
    """Sent as `Authorization: Basic …` (RFC 7617, in UTF-8)."""

    username: str = Field(
        description="The user name; it has no colon.", max_length=1_000, pattern=r"^[^:\x00-\x1f\x7f]*$"
    )
    password: SecretStr = Field(
        SecretStr(""),
        description="The password; may stay empty where a server asks for a name only. The name is not secret.",
        max_length=MAX_SECRET,
    )
    test_url: TestUrl = Field(None, description=TEST_URL)

    def authorise(self, call: Call) -> Call:
        """The request with the header."""
        word = self.password.get_secret_value()
        pair = base64.b64encode(f"{self.username}:{word}".encode()).decode()
        return with_header(call, "authorization", f"Basic {pair}", pair, word)


class HttpBasic(CredentialType):
    """User name and password, sent with every request."""

    type = "http.basic"
    label = "User and password (HTTP)"
    help = "A user name and a password, sent as basic authentication with every request."
    icon = "user"
    fields = BasicFields
    goes_anywhere = True
    testable = True

    async def test(self, network: Network, fields: BasicFields) -> str:
        """GET the test URL."""
        return await probe(network, fields, fields.test_url)
