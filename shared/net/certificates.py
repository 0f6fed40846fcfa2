"""Which certificates a connection trusts, of whatever protocol: the system's, or those that somebody brings."""

import ssl
from pathlib import Path
from typing import Annotated

import httpx2
from pydantic import AfterValidator, Field

MAX_PEM = 200_000
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


def tls_context(pem: str | None = None, *, verify: bool = True) -> ssl.SSLContext:
    """A client's context. It trusts the certificates in `pem` and no others, or without it the system's or SSL_CERT_FILE's.

    Without `verify` the connection is encrypted, and nobody knows with whom. Raises ValueError for no certificates.
    """
    try:
        context = httpx2.create_ssl_context() if pem is None else ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError):
        raise ValueError(
            "this must be one or more certificates in PEM form, which begin with -----BEGIN CERTIFICATE-----"
        ) from None
    # Python 3.13 refuses the certificates that MySQL and many private authorities make.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _checked(pem: str | None) -> str | None:
    if not pem or not pem.strip():
        return None
    tls_context(pem)
    return pem


CaCertificate = Annotated[
    str | None,
    # The length first: the other makes None of a blank text.
    Field(
        description="Certificates in PEM form that are trusted instead of the system's.",
        max_length=MAX_PEM,
        json_schema_extra={"format": "multiline"},
    ),
    AfterValidator(_checked),
]
"""The field of a credential or a node; no text, or blank text, is none."""


def system_bundle() -> str | None:
    """The file with the system's trusted certificates, for libraries that want a file; None if there is none."""
    candidates = (ssl.get_default_verify_paths().cafile, *_BUNDLES)
    return next((path for path in candidates if path and Path(path).is_file()), None)


def tls_reason(error: ssl.SSLError) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.reason or "no shared protocol").replace("_", " ").lower()
