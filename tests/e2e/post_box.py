"""A credential type of another distribution, with every kind of field; its test logs in to a local server."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr

from shared.credentials.base import CredentialType, Fields
from shared.domain.errors import NodeError
from shared.net.network import Network

PASSWORD = "let-me-in-please"


class PostBoxFields(Fields):
    """Where the box is, and how to open it."""

    host: str = Field(description="Name or address of the server.", min_length=2)
    port: Annotated[int, Field(ge=1, le=65_535)] = Field(2525, description="Usually 2525.")
    security: Literal["tls", "none"] = Field("none", description="`none` sends all in clear.")
    password: SecretStr = Field(description="What opens it.", min_length=8)
    pin: SecretStr | None = Field(None, description="A second secret, if there is one.")
    key: SecretStr | None = Field(None, description="A private key as PEM text.")
    strict: bool | None = Field(None, description="Whether to be strict.")
    parameters: dict[str, str] = Field(default_factory=dict, description="Further ones.")


class PostBox(CredentialType):
    """Its test says the password to the server."""

    type = "post.box"
    label = "Post box"
    help = "A box of letters, for tests."
    icon = "mail"
    fields: ClassVar = PostBoxFields
    testable = True

    async def test(self, network: Network, fields: Any) -> str:
        """Log in. Raises NodeError."""
        found = await network.addresses(fields.host, fields.port)
        reader, writer = await asyncio.open_connection(str(found[0]), fields.port)
        writer.write(f"{fields.password.get_secret_value()}\n".encode())
        answer = (await reader.readline()).decode().strip()
        writer.close()
        if answer != "welcome":
            raise NodeError("REFUSED", f"{fields.host} refuses the password: type another one.")
        return f"{fields.host} lets you in."


class _Door(StreamRequestHandler):
    def handle(self) -> None:
        """Welcome who knows the password."""
        known = self.rfile.readline().decode().strip() == PASSWORD
        self.wfile.write(b"welcome\n" if known else b"no\n")


@contextmanager
def post_box() -> Iterator[int]:
    """A server that welcomes `PASSWORD`; its port."""
    with ThreadingTCPServer(("127.0.0.1", 0), _Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def install(folder: Path) -> None:
    """Make `folder` a place in which Python finds the type as that of another distribution."""
    about = folder / "post_box-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: post-box\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[flowversal.credentials]\npost.box = tests.e2e.post_box:PostBox\n")
