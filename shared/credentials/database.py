"""Fields and the test that the credentials of databases share."""

from typing import Literal, TypeVar

from pydantic import Field, SecretStr

from shared.credentials.base import Fields
from shared.credentials.server import Host, Line, Port
from shared.databases.ask import Target, ask
from shared.databases.request import Request
from shared.databases.server import DatabaseServer
from shared.net.certificates import CaCertificate
from shared.net.network import Network
from shared.net.sockets import in_thread, resolved

_TEST_S = 9.0
S = TypeVar("S", bound=DatabaseServer)


class DatabaseFields(Fields):
    """A database server, and as whom to use it."""

    host: Host
    database: Line = Field(description="Name of the database.", min_length=1)
    username: Line = Field(
        description="User name. One with few rights, for what the workflows need, is best.", min_length=1
    )
    password: SecretStr = Field(SecretStr(""), description="Password.")
    tls: Literal["disable", "require", "verify-full"] = Field(
        "verify-full",
        description="`verify-full` checks certificate and name, `require` only encrypts, `disable` sends all in clear.",
    )
    ca_certificate: CaCertificate = None

    def _server(self, kind: type[S], port: Port) -> S:
        """As the connection needs it, in clear."""
        return kind(
            host=self.host,
            port=port,
            database=self.database,
            username=self.username,
            password=self.password.get_secret_value(),
            tls=self.tls,
            ca_certificate=self.ca_certificate,
        )


async def tried(network: Network, target: Target, host: str, port: int, query: str) -> str:
    """What a harmless query answers: the version. Raises NodeError."""
    addresses = await resolved(network.addresses(host, port), host, _TEST_S / 3)
    answer = await ask(target, addresses, Request(query, {}, timeout_s=_TEST_S * 2 / 3), in_thread)
    return str(next(iter(answer.rows[0].values())))[:100]
