"""`smtp`: a mail server that takes mail from us."""

from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from shared.credentials.base import CredentialType, Fields
from shared.credentials.server import Host, Line, Port
from shared.net.certificates import CaCertificate
from shared.net.mail_addresses import parse_address
from shared.net.network import Network
from shared.net.smtp import MailServer, Session
from shared.net.smtp_client import mail_session
from shared.net.sockets import in_thread, resolved

_TEST_S = 9.0


class SmtpFields(Fields):
    """Where mail is handed in, and as whom."""

    host: Host
    port: Port = Field(587, description="Usually 587 with STARTTLS, 465 with TLS, 25 without a login.")
    security: Literal["tls", "starttls", "none"] = Field(
        "starttls",
        description="`tls` from the first byte, `starttls` after the greeting, `none`: everything is sent in clear.",
    )
    username: Line | None = Field(None, description="User name; without it there is no login.")
    password: SecretStr | None = Field(None, description="Password.")
    from_address: str | None = Field(
        None, description="Sender, as in Alerts <alerts@example.com>, unless a node names another.", max_length=500
    )
    ca_certificate: CaCertificate = None

    @field_validator("from_address")
    @classmethod
    def _valid_sender(cls, text: str | None) -> str | None:
        if text:
            parse_address(text)
        return text or None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` go together: give both, or none for a server without a login")
        return self

    def server(self) -> MailServer:
        """As the conversation needs it, in clear."""
        password = self.password.get_secret_value() if self.password else None
        return MailServer(self.host, self.port, self.security, self.username, password, self.ca_certificate)


class Smtp(CredentialType):
    """Its test connects, encrypts and logs in; no mail is sent."""

    type = "smtp"
    label = "Mail server (SMTP)"
    help = "A mail server that sends mail for you, with or without a login."
    icon = "mail"
    fields = SmtpFields
    testable = True

    async def test(self, network: Network, fields: SmtpFields) -> str:
        """A greeting, TLS, login, NOOP, QUIT."""
        server = fields.server()
        addresses = await resolved(network.addresses(server.host, server.port), server.host, _TEST_S / 3)
        await mail_session(addresses, server, _asked, in_thread, timeout_s=_TEST_S * 2 / 3)
        how = {"tls": "over TLS", "starttls": "over STARTTLS", "none": "without encryption"}[server.security]
        return f"{server.host} {f'accepted the login of {server.username}' if server.username else 'answers'} {how}."


def _asked(session: Session) -> None:
    session.noop()
