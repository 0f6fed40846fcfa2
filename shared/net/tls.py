"""What one connection trusts and shows besides the usual: certificates of its own, never less checking."""

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from shared.domain.errors import NodeError
from shared.net.certificates import tls_context

INVALID_CERTIFICATE = "INVALID_CERTIFICATE"
TLS_CODES = {INVALID_CERTIFICATE: "A certificate or its key cannot be read, or they do not belong together."}


@dataclass(frozen=True, slots=True)
class Tls:
    """Options of a connection, all PEM texts; each difference is another pool of connections."""

    authority: str | None = None
    """Certificates that are trusted instead of the system's."""
    certificate: str | None = None
    """What we show to the server, the chain included."""
    key: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)

    def for_another_origin(self) -> Self | None:
        """What is left for a host that a redirect names: our certificate is not shown there. None if nothing is."""
        return replace(self, certificate=None, key=None, passphrase=None) if self.authority else None

    def context(self) -> ssl.SSLContext:
        """For one client. Blocks for milliseconds. Raises NodeError INVALID_CERTIFICATE; no text of a key is in it."""
        try:
            context = tls_context(self.authority)
        except ValueError:
            raise NodeError(
                INVALID_CERTIFICATE,
                "The CA certificate cannot be read: give the PEM text from BEGIN CERTIFICATE to END CERTIFICATE.",
            ) from None
        if self.certificate and self.key:
            self._load(context, f"{self.certificate.strip()}\n{self.key.strip()}\n")
        return context

    def _load(self, context: ssl.SSLContext, chain: str) -> None:
        # Without a passphrase OpenSSL would ask for one at the terminal.
        with _as_file(chain.encode()) as path:
            try:
                context.load_cert_chain(path, password=self.passphrase or "")
            except (ssl.SSLError, ValueError, OSError):
                raise NodeError(
                    INVALID_CERTIFICATE,
                    "The client certificate cannot be used: give certificate and key as PEM texts that belong "
                    "together, and the passphrase if the key has one.",
                ) from None


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path to `content`, in memory where the system can: OpenSSL reads keys from files only."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("certificate", os.MFD_CLOEXEC)
        try:
            os.write(handle, content)
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name
