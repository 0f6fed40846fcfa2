"""Queries of real databases by the node."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote, urlsplit

from services.standalone.servers.postgres import ADMIN, Postgres
from shared.credentials.base import Credential
from shared.credentials.catalogue import credential_types
from shared.nodes.base import Done, NodeError
from shared.nodes.catalogue import node_types
from shared.nodes.testing import RecordingContext
from tests import aio
from tests.integration.nodes.web import LOCAL

CREDENTIAL = "cred-00000000000000000000000001"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 60))


def context_for(type: str, **fields: Any) -> RecordingContext:
    """A context with one credential; `sqliteDir` is the operator's folder."""
    folder = fields.pop("sqliteDir", None)
    known = credential_types()[type]
    credential = Credential(CREDENTIAL, type, known.fields.model_validate(fields))
    return RecordingContext(allowed=f"{LOCAL}, ::1/128", credentials={CREDENTIAL: credential}, sqlite_dir=folder)


def postgres_fields(server: Postgres, database: str, *, admin: bool = False) -> dict[str, Any]:
    """Of a credential: the application's role, or the superuser, in this database."""
    url = urlsplit(server.url_of(database if not admin else database or ADMIN, admin=admin, tcp=True))
    return {
        "host": url.hostname,
        "port": url.port,
        "database": unquote(url.path[1:]),
        "username": url.username,
        "password": url.password,
        "tls": "disable",
    }


def postgres_context(server: Postgres, database: str, *, admin: bool = False, **fields: Any) -> RecordingContext:
    """A context with such a credential, and other fields than these."""
    return context_for("postgres", **(postgres_fields(server, database, admin=admin) | fields))


def database_of(url: str) -> str:
    """The name of the database in a URL of the fixtures."""
    return unquote(urlsplit(re.sub(r"\?.*", "", url)).path[1:])


async def query(context: RecordingContext, sql: str, params: Any = None, **more: Any) -> dict[str, Any]:
    """The output of a db.query."""
    node = node_types()["db.query"]
    given = {"credential": CREDENTIAL, "query": sql, "params": {} if params is None else params} | more
    done = await node.run(context, node.parse(given))
    assert isinstance(done, Done)
    return dict(done.output)


async def refused(context: RecordingContext, sql: str, params: Any = None, **more: Any) -> NodeError:
    """The error of a db.query that fails."""
    try:
        output = await query(context, sql, params, **more)
    except NodeError as error:
        return error
    raise AssertionError(f"no error, but {output}")


async def until(context: RecordingContext, sql: str, params: Any, wanted: Callable[[Any], bool]) -> None:
    """Wait until a query's only value is as wanted."""
    async with asyncio.timeout(20):
        while not wanted(await value(context, sql, params)):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.02)


async def value(context: RecordingContext, sql: str, params: Any = None, **more: Any) -> Any:
    """The only value of the only row."""
    output = await query(context, sql, params, **more)
    ((found,),) = (row.values() for row in output["rows"])
    return found
