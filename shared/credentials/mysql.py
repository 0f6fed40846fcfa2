"""`mysql`: a MySQL or MariaDB database."""

from pydantic import Field

from shared.credentials.base import CredentialType
from shared.credentials.database import DatabaseFields, tried
from shared.credentials.server import Port
from shared.databases.server import MySQLServer
from shared.net.network import Network


class MySQLFields(DatabaseFields):
    """A MySQL or MariaDB database, and as whom to use it."""

    port: Port = Field(3306, description="Port, usually 3306.")

    def server(self) -> MySQLServer:
        """As the connection needs it, in clear."""
        return self._server(MySQLServer, self.port)


class MySQL(CredentialType):
    """Its test logs in and asks for the version."""

    type = "mysql"
    label = "MySQL or MariaDB"
    help = "A MySQL or MariaDB database for `db.query`."
    icon = "database"
    fields = MySQLFields
    testable = True

    async def test(self, network: Network, fields: MySQLFields) -> str:
        """Log in and ask for the version."""
        server = fields.server()
        version = await tried(network, server, server.host, server.port, "SELECT version()")
        return f"{server.username} is let in to {server.database} at {server.host}: MySQL {version}."
