"""A body that is refused half read: the client still gets the answer that says why."""

import json
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.api import serving
from tests.integration.api.conftest import NOWHERE

BODY = b'{"name": "' + b"x" * 5_000_000 + b'"}'


@pytest.mark.parametrize("closing", [True, False])
def test_a_body_that_is_too_large_is_answered(database_url: str, tmp_path: Path, *, closing: bool) -> None:
    environment = {"DATABASE_URL": database_url, **NOWHERE}
    headers = {"Content-Type": "application/json"} | ({"Connection": "close"} if closing else {})
    with serving.api(environment, tmp_path / "api.log") as address:
        for _ in range(3):
            client = HTTPConnection(urlsplit(address).netloc, timeout=30)
            client.request("POST", "/api/v1/workflows/validate", body=BODY, headers=headers)
            answer = client.getresponse()
            assert (answer.status, answer.headers["Content-Type"]) == (401, "application/problem+json")
            assert json.loads(answer.read())["title"] == "Not signed in"
            client.close()


def test_a_refused_body_that_does_not_come_is_answered_too(database_url: str, tmp_path: Path) -> None:
    with serving.api({"DATABASE_URL": database_url, **NOWHERE}, tmp_path / "api.log") as address:
        client = HTTPConnection(urlsplit(address).netloc, timeout=60)
        client.putrequest("POST", "/api/v1/workflows/validate")
        client.putheader("Content-Length", "50")
        client.endheaders(b"{")
        assert client.getresponse().status == 401
        client.close()
