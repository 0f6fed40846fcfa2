"""`tls.client`: a client certificate (mutual TLS)."""

import asyncio

from pydantic import Field, SecretStr

from shared.credentials.base import CredentialType, Fields
from shared.credentials.probe import TestUrl, probe
from shared.domain.errors import NodeError
from shared.net.certificates import MAX_PEM
from shared.net.network import Network
from shared.net.tls import INVALID_CERTIFICATE, Tls


class TlsClientFields(Fields):
    """A certificate and its key, both PEM."""

    certificate: str = Field(
        description="The certificate as PEM text, followed by those between it and the authority.", max_length=MAX_PEM
    )
    key: SecretStr = Field(description="Its private key as PEM text.", min_length=1, max_length=MAX_PEM)
    passphrase: SecretStr | None = Field(
        None, description="The passphrase of the key, if it has one.", max_length=1_000
    )
    test_url: TestUrl = Field(
        None,
        description="An https address that answers 2xx to a GET with this certificate; the test asks it if it is set.",
    )

    def tls(self, authority: str | None = None) -> Tls:
        """The connection's options; `authority` as of `Tls`."""
        word = self.passphrase.get_secret_value() if self.passphrase else None
        return Tls(authority, self.certificate, self.key.get_secret_value(), word)


class TlsClient(CredentialType):
    """Shown to servers that ask for a certificate."""

    type = "tls.client"
    label = "Client certificate (TLS)"
    help = "A certificate and its key, shown to servers that ask for one (mutual TLS)."
    icon = "shield"
    fields = TlsClientFields
    goes_anywhere = True
    testable = True

    async def test(self, network: Network, fields: TlsClientFields) -> str:
        """Load both together, and GET the test URL if there is one."""
        tls = fields.tls()
        await asyncio.to_thread(tls.context)
        known = _summary(fields.certificate)
        return f"{known} {await probe(network, None, fields.test_url, tls)}" if fields.test_url else known


def _summary(pem: str) -> str:
    from cryptography import x509  # noqa: PLC0415 - 9 MB, for a test that is rare

    try:
        found = x509.load_pem_x509_certificates(pem.encode())[0]
    except (ValueError, IndexError):
        raise NodeError(INVALID_CERTIFICATE, "The certificate cannot be read: give its PEM text.") from None
    names = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    name = str(names[0].value) if names else "no name"
    return f"The key belongs to the certificate of {name}, which ends on {found.not_valid_after_utc:%Y-%m-%d}."
