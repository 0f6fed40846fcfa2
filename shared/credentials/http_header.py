"""`http.header`: a header with a secret value."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from shared.credentials.base import CredentialType, Fields
from shared.credentials.probe import MAX_SECRET, TEST_URL, TestUrl, probe
from shared.net.authorise import with_header
from shared.net.calls import Call
from shared.net.header_rules import header_name, header_value
from shared.net.network import Network


class HeaderFields(Fields):
    """Sent as `<name>: <value>`."""

    name: Annotated[str, AfterValidator(header_name)] = Field(description="The header, such as X-Api-Key.")
    value: SecretStr = Field(description="Its value.", min_length=1, max_length=MAX_SECRET)
    test_url: TestUrl = Field(None, description=TEST_URL)

    @model_validator(mode="after")
    def _sendable(self) -> Self:
        header_value(self.name, self.value.get_secret_value().strip())
        return self

    def authorise(self, call: Call) -> Call:
        """The request with the header."""
        value = self.value.get_secret_value().strip()
        return with_header(call, self.name, value, value.rpartition(" ")[2])


class HttpHeader(CredentialType):
    """A header with a secret value, sent with every request."""

    type = "http.header"
    label = "Header with a key"
    help = "A header with a secret value, such as an API key, sent with every request."
    fields = HeaderFields
    goes_anywhere = True
    testable = True

    async def test(self, network: Network, fields: HeaderFields) -> str:
        """GET the test URL."""
        return await probe(network, fields, fields.test_url)
