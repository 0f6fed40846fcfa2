"""`http.query`: a query parameter with a secret value."""

from pydantic import Field, SecretStr

from shared.credentials.base import CredentialType, Fields
from shared.credentials.probe import TEST_URL, TestUrl, probe
from shared.net.authorise import with_query
from shared.net.calls import Call
from shared.net.network import Network


class QueryFields(Fields):
    """Sent as `?<name>=<value>`."""

    name: str = Field(description="The query parameter, such as api_key.", min_length=1, max_length=200)
    value: SecretStr = Field(description="Its value.", min_length=1, max_length=4_000)
    test_url: TestUrl = Field(None, description=TEST_URL)

    def authorise(self, call: Call) -> Call:
        """The request with the parameter; a redirect does not repeat it."""
        return with_query(call, self.name, self.value.get_secret_value())


class HttpQuery(CredentialType):
    """A query parameter with a secret value. Other systems may write URLs to their logs: prefer a header where both work."""

    type = "http.query"
    label = "Query parameter with a key"
    help = "A secret in the query of every request. Servers may log URLs: prefer a header where both work."
    fields = QueryFields
    goes_anywhere = True
    testable = True

    async def test(self, network: Network, fields: QueryFields) -> str:
        """GET the test URL."""
        return await probe(network, fields, fields.test_url)
