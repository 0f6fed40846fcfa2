"""What a credential type is: its fields, which of them are secret, and how to try one.

A node gets a `Credential` from its context, in clear, for the connection at hand: it never puts a value of it into an
output, a log line or an error, and what slips through is masked.
"""

import builtins
from dataclasses import dataclass, field
from typing import Any, ClassVar

from shared.domain.errors import NodeError
from shared.domain.hosts import covers
from shared.domain.written import Written
from shared.net.network import Network

HOST_NOT_ALLOWED = "HOST_NOT_ALLOWED"
CREDENTIAL_NOT_FOUND = "CREDENTIAL_NOT_FOUND"
CREDENTIAL_UNUSABLE = "CREDENTIAL_UNUSABLE"
VAULT_LOCKED = "VAULT_LOCKED"
CREDENTIAL_CODES = {
    CREDENTIAL_NOT_FOUND: "There is no such credential that the workflow's owner may use.",
    CREDENTIAL_UNUSABLE: "The stored credential cannot be read: its fields must be entered again.",
    VAULT_LOCKED: "The worker does not have the key that the credential was encrypted with.",
    HOST_NOT_ALLOWED: "The credential may not be sent to this host.",
}
"""What every node that uses credentials may raise."""


class Fields(Written):
    """Base of every type's fields. Secret ones are `SecretStr`."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential in clear; `fields` is an instance of its type's `fields`."""

    id: str
    """`cred-…`"""
    type: str
    fields: Any = field(repr=False)
    hosts: tuple[str, ...] = ()
    """The only hosts that it may be sent to, in lower case; `*.example.com` means every host below; empty: any host."""

    def check_host(self, host: str) -> None:
        """To be called with the name of the host, before anything of the credential is sent. Raises NodeError HOST_NOT_ALLOWED."""
        name = host.lower().rstrip(".")
        if not covers(self.hosts, name):
            text = f"The credential may not be sent to {name[:253]}: add the host to its allowed hosts, or use another."
            raise NodeError(HOST_NOT_ALLOWED, text)


class CredentialType:
    """One kind of credential. Subclasses set the class variables, and implement `test` where one can be tried."""

    type: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    icon: ClassVar[str] = "key"
    fields: ClassVar[builtins.type[Fields]]
    goes_anywhere: ClassVar[bool] = False
    """Whether workflows choose where it is sent: shared only with `hosts`. False where its fields say so, or it never leaves."""
    testable: ClassVar[bool] = False
    """Whether there is something to try: a key for signatures has no other side that could refuse it."""

    async def test(self, network: Network, fields: Any) -> str:
        """Try it against the real system, within 10 s; a sentence saying what worked. Raises NodeError saying what did not.

        The network leads to the credential's hosts only.
        """
        raise NotImplementedError
