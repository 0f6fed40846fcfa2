"""The test of an `smtp` credential says in plain words what works and what does not."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from pydantic import ValidationError

from shared.credentials.catalogue import credential_types
from shared.net.client import make_network
from shared.nodes.base import NodeError
from shared.settings import Settings
from tests import aio
from tests.integration.nodes.mail import PASSWORD, office, scripted
from tests.integration.nodes.web import LOCAL


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 20))


async def tried(allowed: str = LOCAL, **fields: Any) -> str:
    """What the test says, or the code and text of its error."""
    known = credential_types()["smtp"]
    given = {"host": "127.0.0.1", "security": "none"} | fields
    network = make_network(Settings().model_copy(update={"allow_private_networks": allowed}))
    try:
        return await known.test(network, known.fields.model_validate(given))
    except NodeError as error:
        return f"{error.code} {error.message}"
    finally:
        await network.close()


def test_it_says_what_worked_and_what_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with office(auth=True) as server:
            assert "accepted the login of ann" in await tried(port=server.port, username="ann", password=PASSWORD)
            assert (await tried(port=server.port, username="ann", password="wrong")).startswith("SMTP_LOGIN")
            assert (await tried(port=server.port, security="tls")).startswith("SMTP_TLS")
            assert server.envelopes == []
            assert (await tried("", port=server.port)).startswith("ADDRESS_NOT_ALLOWED")
        async with office() as server:
            assert "without encryption" in await tried(port=server.port)
        monkeypatch.setattr("shared.credentials.smtp._TEST_S", 1.2)
        async with scripted(b"") as silent:
            assert '"tls"' in await tried(port=silent.port)

    run(scenario())


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "a,b"},
        {"host": "/var/run/socket"},
        {"host": "http://a"},
        {"host": "a:25"},
        {"port": 0},
        {"security": "maybe"},
        {"username": "ann"},
        {"username": "a\r\nb", "password": "x"},
        {"fromAddress": "nobody"},
        {"caCertificate": "no certificate"},
        {"other": 1},
    ],
)
def test_fields_that_make_no_sense_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        credential_types()["smtp"].fields.model_validate({"host": "mail.example.com"} | fields)
