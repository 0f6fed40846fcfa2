"""What a credential type is: its fields, which of them are secret, and how to try one.

A node gets a `Credential` from its context, in clear, for the connection at hand: it never puts a value of it into an
output, a log line or an error, and what slips through is masked.
"""

import builtins
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.net.network import Network


class Fields(BaseModel):
    """Base of every type's fields: camelCase names, unknown names refused. Secret ones are `SecretStr`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=False, hide_input_in_errors=True
    )


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential in clear; `fields` is an instance of its type's `fields`."""

    id: str
    """`cred-…`"""
    type: str
    fields: Any = field(repr=False)


class CredentialType:
    """One kind of credential. Subclasses set the class variables, and implement `test` where one can be tried."""

    type: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    icon: ClassVar[str] = "key"
    fields: ClassVar[builtins.type[Fields]]
    testable: ClassVar[bool] = False
    """Whether there is something to try: a key for signatures has no other side that could refuse it."""

    async def test(self, network: Network, fields: Any) -> str:
        """Try it against the real system, within 10 s; a sentence saying what worked. Raises NodeError saying what did not."""
        raise NotImplementedError
