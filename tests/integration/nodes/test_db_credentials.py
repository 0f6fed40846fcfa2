"""The tests of the credentials of databases say in plain words what works and what does not."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.standalone.servers.postgres import Postgres
from shared.credentials.catalogue import credential_types
from shared.net.client import make_network
from shared.nodes.base import NodeError
from shared.settings import Settings
from tests.integration.nodes.databases import database_of, postgres_fields, run
from tests.integration.nodes.web import LOCAL
from tests.servers.mariadb import USER, MariaDB


async def tried(type: str, fields: Any, allowed: str = LOCAL) -> str:
    """What the test says, or the code and text of its error."""
    network = make_network(Settings().model_copy(update={"allow_private_networks": allowed}))
    try:
        return await credential_types()[type].test(network, fields)
    except NodeError as error:
        return f"{error.code} {error.message}"
    finally:
        await network.close()


def test_postgres(session_postgres: Postgres, empty_database_url: str) -> None:
    async def scenario() -> None:
        def fields(**more: Any) -> Any:
            known = postgres_fields(session_postgres, database_of(empty_database_url))
            return credential_types()["postgres"].fields.model_validate(known | more)

        assert "is let in" in await tried("postgres", fields())
        wrong = await tried("postgres", fields(password="swordfish99"))
        assert wrong.startswith("DB_LOGIN")
        assert "swordfish99" not in wrong
        assert (await tried("postgres", fields(), "")).startswith("ADDRESS_NOT_ALLOWED")
        assert (await tried("postgres", fields(tls="require"))).startswith("DB_TLS")

    run(scenario())


def test_mysql(session_mariadb: MariaDB, mariadb_database: str) -> None:
    async def scenario() -> None:
        known = {"host": "127.0.0.1", "port": session_mariadb.port, "database": mariadb_database, "username": USER}
        model = credential_types()["mysql"].fields
        good = model.model_validate(known | {"password": session_mariadb.password, "tls": "disable"})
        assert "MariaDB" in await tried("mysql", good)
        wrong = model.model_validate(known | {"password": "swordfish99", "tls": "disable"})
        assert (await tried("mysql", wrong)).startswith("DB_LOGIN")

    run(scenario())


@pytest.mark.parametrize("type", ["postgres", "mysql"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "a,b"},
        {"host": "/tmp"},
        {"host": "@abstract"},
        {"host": "h:5432"},
        {"host": "h?options=-c"},
        {"port": 70_000},
        {"database": "a\x00b"},
        {"username": ""},
        {"tls": "prefer"},
        {"caCertificate": "-----BEGIN CERTIFICATE-----"},
        {"service": "x"},
    ],
)
def test_fields_that_make_no_sense_are_refused(type: str, wrong: dict[str, Any]) -> None:
    known = {"host": "db.example.com", "database": "d", "username": "u", "password": "p"}
    with pytest.raises(ValidationError):
        credential_types()[type].fields.model_validate(known | wrong)
