"""How a credential for HTTP is tried: one GET on an address that its owner names."""

from typing import Annotated

from pydantic import AfterValidator

from shared.domain.errors import NodeError
from shared.net.authorise import Authorises
from shared.net.caller import Unrecorded
from shared.net.calls import Call, parse_url
from shared.net.deadline import within
from shared.net.exchange import follow
from shared.net.network import Network
from shared.net.statuses import Accepted, not_2xx
from shared.net.tls import Tls

NO_TEST_URL = "NO_TEST_URL"
TEST_TIMEOUT_S = 10.0
MAX_SECRET = 20_000
_MAX_BYTES = 1_000_000
_MAX_REDIRECTS = 3


def _url(text: str | None) -> str | None:
    if text is not None:
        try:
            parse_url(text)
        except NodeError as error:
            raise ValueError(error.message) from None
    return text


WebAddress = Annotated[str, AfterValidator(_url)]
"""An http or https URL."""
TestUrl = Annotated[str | None, AfterValidator(_url)]
TEST_URL = "An address that answers 2xx to a GET with this credential; needed for the test only."


async def probe(network: Network, fields: Authorises | None, test_url: str | None, tls: Tls | None = None) -> str:
    """Ask the address with the credential: a sentence with the status. Raises NodeError, NO_TEST_URL if there is none."""
    if not test_url:
        raise NodeError(NO_TEST_URL, "There is nothing to try it on: set a test URL that answers 2xx to a GET.")
    call = Call("GET", parse_url(test_url), {}, tls=tls)
    accepted = Accepted(_MAX_BYTES, fails=not_2xx, max_redirects=_MAX_REDIRECTS)
    async with within(TEST_TIMEOUT_S, call.host):
        answer = await follow(Unrecorded(network.http), fields.authorise(call) if fields else call, accepted)
    return f"{call.host} answered with status {answer.status}."
