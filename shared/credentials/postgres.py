"""`postgres`: a PostgreSQL database."""

from pydantic import Field

from shared.credentials.base import CredentialType
from shared.credentials.database import DatabaseFields, tried
from shared.credentials.server import Port
from shared.databases.server import PostgresServer
from shared.net.network import Network


class PostgresFields(DatabaseFields):
    """A PostgreSQL database, and as whom to use it."""

    port: Port = Field(5432, description="Port, usually 5432.")

    def server(self) -> PostgresServer:
        """As the connection needs it, in clear."""
        return self._server(PostgresServer, self.port)


class Postgres(CredentialType):
    """Its test logs in and asks for the version."""

    type = "postgres"
    label = "PostgreSQL"
    help = "A PostgreSQL database for `db.query`."
    icon = "database"
    fields = PostgresFields
    testable = True

    async def test(self, network: Network, fields: PostgresFields) -> str:
        """Log in and ask for the version."""
        server = fields.server()
        version = await tried(network, server, server.host, server.port, "SHOW server_version")
        return f"{server.username} is let in to {server.database} at {server.host}: Postgres {version}."
