"""What a response that is too large says to do."""

import httpx2
import pytest

from shared.domain.errors import NodeError
from shared.net.bodies import MOST_BYTES, read_body
from tests.aio import run


@pytest.mark.parametrize(
    ("most", "advice"), [(1_000, "or raise `maxBytes`"), (MOST_BYTES, "no more than that is taken")]
)
def test_the_advice_can_be_followed(most: int, advice: str) -> None:
    request = httpx2.Request("GET", "http://x.example")
    response = httpx2.Response(200, headers={"Content-Length": str(most + 1)}, request=request)
    with pytest.raises(NodeError, match=advice):
        run(read_body(response, most))
