"""Mail servers for tests: aiosmtpd where it behaves, a script of answers where it does not."""

import asyncio
import email
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope

from shared.credentials.base import Credential
from shared.credentials.catalogue import credential_types
from shared.nodes.base import Done, NodeError
from shared.nodes.catalogue import node_types
from shared.nodes.testing import RecordingContext
from tests.integration.nodes.serving import serving
from tests.integration.nodes.web import LOCAL

CREDENTIAL = "cred-00000000000000000000000001"
PASSWORD = "correct horse"


@dataclass(slots=True)
class Office:
    """Takes mail; refuses recipients by their first letters: `perm`, `temp`."""

    port: int = 0
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    answer: str = "250 taken"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        if address.startswith(("perm", "temp")):
            return "550 no such user" if address.startswith("perm") else "451 try later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return self.answer

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, auth: Any) -> AuthResult:
        self.logins.append(auth.login.decode())
        return AuthResult(success=auth.password.decode() == PASSWORD, handled=False)

    def message(self) -> EmailMessage:
        """The only mail that came."""
        (envelope,) = self.envelopes
        return email.message_from_bytes(cast("bytes", envelope.content), policy=SMTP_POLICY)


@asynccontextmanager
async def office(
    *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, auth: bool = False
) -> AsyncIterator[Office]:
    """A running mail server."""
    found = Office()
    protocols: list[SMTP] = []

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            # It does not notice TLS from the first byte.
            warnings.simplefilter("ignore")
            known = SMTP(
                found,
                hostname="mail.test",
                tls_context=starttls,
                require_starttls=starttls is not None,
                auth_required=auth,
                auth_require_tls=False,
                authenticator=found.login if auth else None,
                data_size_limit=30_000_000,
            )
            protocols.append(known)
            return known

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for known in protocols:
            if known.transport is not None:
                known.transport.abort()
        # What is aborted is told so in the loop's next turns.
        for _ in range(3):
            await asyncio.sleep(0)


@dataclass(slots=True)
class Script:
    """Answers in turn, each after a line from the client but the first; after the last one it is silent."""

    answers: list[bytes]
    port: int = 0
    lines: list[bytes] = field(default_factory=list)
    silent: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for place, answer in enumerate(self.answers):
                if place:
                    self.lines.append(await reader.readline())
                writer.write(answer)
                await writer.drain()
            self.silent.set()
            while await reader.read(65_536):
                pass
        except ConnectionError:
            pass
        finally:
            self.closed.set()
            writer.close()


@asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[Script]:
    """A server that says these things."""
    script = Script(list(answers))
    async with serving(script.handle) as script.port:
        yield script


def mail_context(
    port: int, host: str = "localhost", security: str = "none", *, hosts: tuple[str, ...] = (), **fields: Any
) -> RecordingContext:
    """A context with a credential for this server; `hosts` binds it."""
    known = credential_types()["smtp"]
    values = {"host": host, "port": port, "security": security, "fromAddress": "Shop <shop@example.com>"}
    credential = Credential(CREDENTIAL, "smtp", known.fields.model_validate(values | fields), hosts)
    return RecordingContext(allowed=f"{LOCAL}, ::1/128", credentials={CREDENTIAL: credential})


async def send(context: RecordingContext, **params: Any) -> dict[str, Any]:
    """The output of an email.send."""
    node = node_types()["email.send"]
    given = {"credential": CREDENTIAL, "to": "ann@example.com", "subject": "Hello"} | params
    if not given.keys() & {"text", "markdown", "html"}:
        given["text"] = "Hello."
    done = await node.run(context, node.parse(given))
    assert isinstance(done, Done)
    return dict(done.output)


async def send_refused(context: RecordingContext, **params: Any) -> NodeError:
    """The error of an email.send that fails."""
    try:
        await send(context, **params)
    except NodeError as error:
        return error
    raise AssertionError("no error")
