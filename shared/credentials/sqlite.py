"""`sqlite`: a SQLite file below a folder that the operator has chosen."""

from typing import Annotated

from pydantic import AfterValidator, Field

from shared.credentials.base import CredentialType, Fields
from shared.databases.ask import ask
from shared.databases.request import Request
from shared.databases.sqlite_file import SETTING, allowed_file, relative_path
from shared.net.network import Network
from shared.net.sockets import in_thread

_TEST_S = 9.0


class SqliteFields(Fields):
    """A file."""

    path: Annotated[str, AfterValidator(relative_path)] = Field(
        description=f"Path of the file below the folder that the operator has set in {SETTING}.",
        min_length=1,
        max_length=500,
    )


class Sqlite(CredentialType):
    """Its test opens the file and counts its tables."""

    type = "sqlite"
    label = "SQLite file"
    help = "A SQLite file on the workers' machine, below a folder that the operator allows."
    icon = "database"
    fields = SqliteFields
    testable = True

    async def test(self, network: Network, fields: SqliteFields) -> str:
        """Open it and count its tables."""
        file = allowed_file(network.sqlite_dir, fields.path)
        query = "SELECT count(*) AS tables FROM sqlite_schema WHERE type = 'table'"
        answer = await ask(file, [], Request(query, {}, timeout_s=_TEST_S), in_thread)
        count = answer.rows[0]["tables"]
        return f"{fields.path} can be read; it has {count} table{'' if count == 1 else 's'}."
