"""`http.bearer`: a token for HTTP."""

from pydantic import Field, SecretStr, field_validator

from shared.credentials.base import CredentialType, Fields
from shared.credentials.probe import MAX_SECRET, TEST_URL, TestUrl, probe
from shared.net.authorise import with_header
from shared.net.calls import Call
from shared.net.header_rules import header_value
from shared.net.network import Network


class BearerFields(Fields):
    """Sent as `Authorization: Bearer …`."""

    token: SecretStr = Field(description="The token, without the word Bearer.", min_length=1, max_length=MAX_SECRET)
    test_url: TestUrl = Field(None, description=TEST_URL)

    @field_validator("token")
    @classmethod
    def _sendable(cls, value: SecretStr) -> SecretStr:
        header_value("Authorization", value.get_secret_value().strip())
        return value

    def authorise(self, call: Call) -> Call:
        """The request with the header."""
        token = self.token.get_secret_value().strip()
        return with_header(call, "authorization", f"Bearer {token}", token)


class HttpBearer(CredentialType):
    """A token, sent with every request."""

    type = "http.bearer"
    label = "Bearer token"
    help = "A token that is sent as `Authorization: Bearer` with every request."
    fields = BearerFields
    goes_anywhere = True
    testable = True

    async def test(self, network: Network, fields: BearerFields) -> str:
        """GET the test URL."""
        return await probe(network, fields, fields.test_url)
