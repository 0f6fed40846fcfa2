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
