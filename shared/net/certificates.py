"""TLS contexts for connections other than HTTP: the system's certificates, or the one that a credential brings."""

import ssl
from pathlib import Path

MAX_PEM = 200_000
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


def tls_context(pem: str | None = None, *, verify: bool = True) -> ssl.SSLContext:
    """A client's context. It trusts the certificates in `pem` and no others, or without it the system's.

    Without `verify` the connection is encrypted, and nobody knows with whom. Raises ValueError for no certificates.
    """
    try:
        context = ssl.create_default_context(cadata=pem)
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


def system_bundle() -> str | None:
    """The file with the system's trusted certificates, for libraries that want a file; None if there is none."""
    candidates = (ssl.get_default_verify_paths().cafile, *_BUNDLES)
    return next((path for path in candidates if path and Path(path).is_file()), None)


def tls_reason(error: ssl.SSLError) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.reason or "no shared protocol").replace("_", " ").lower()
